// What the editor offers at a place of a document. `|` in a document is the caret.

import { completionsAt } from '../../../src/explorer/language/completion.js';
import { SHOP, ZOO } from './schemas.mjs';

function at(marked, schema = ZOO) {
  const offset = marked.indexOf('|');
  const source = marked.replace('|', '');
  return { source, found: completionsAt(source, offset, schema) };
}

function labels(marked, schema) {
  return (at(marked, schema).found?.options ?? []).map(({ label }) => label);
}

// The document after the option was taken.
function taken(marked, label) {
  const { source, found } = at(marked);
  const { insert } = found.options.find((option) => option.label === label);
  return source.slice(0, found.from) + insert + source.slice(found.to);
}

const CASES = [
  ['definitions', '|', ['query', 'mutation', 'fragment']],
  [
    'the fields of the root, with introspection',
    '{ | }',
    ['animal', 'pets', 'people', '__typename', '__schema', '__type'],
  ],
  ['introspection of introspection', '{ __schema { q| } }', ['queryType']],
  ['no introspection below the root', '{ animal(id: 1) { | } }', ['id', 'name', '__typename']],
  ['the fields of a union', '{ pets { | } }', ['__typename']],
  ['the fields of a condition', '{ pets { ... on Dog { | } } }', ['id', 'name', 'barks', 'owner', '__typename']],
  ['the fields behind an alias', '{ x: p| }', ['pets', 'people']],
  ['the fields of mutations', 'mutation { | }', ['feed', '__typename']],
  ['fields by their first letters', '{ pe| }', ['pets', 'people']],
  ['fields between other fields', '{ animal(id: 1) { id | name } }', ['id', 'name', '__typename']],
  ['fields in a broken document', 'query { people(first: 1 { name } pets { __ty|', ['__typename']],
  ['deprecated fields last', '{ people { | } }', ['name', 'pets', 'home', '__typename', 'nick']],
  ['required arguments first', '{ pets { ... on Cat { claws(|) } } }', ['count', 'sharp', 'kind']],
  ['arguments that are not given yet', '{ pets { ... on Cat { claws(kind: BACK, |) } } }', ['count', 'sharp']],
  [
    'the values of an enum, deprecated ones last',
    '{ pets { ... on Cat { claws(kind: |) } } }',
    ['FRONT', 'BACK', 'null', 'OLD'],
  ],
  ['values in a list', 'mutation { feed(id: 1, claws: [FRONT, |]) { id } }', ['FRONT', 'BACK', 'OLD']],
  ['values of Boolean', '{ pets { ... on Cat { claws(sharp: |) } } }', ['true', 'false', 'null']],
  ['fields of an input, required ones first', '{ people(where: { | }) { name } }', ['street', 'city', 'country']],
  ['fields of an input in an input', '{ people(where: { street: "x", city: { | } }) { name } }', ['name', 'sizes']],
  ['values of a list in an input', '{ people(where: { city: { sizes: [S|] } }) { name } }', ['SMALL']],
  ['variables of the type', 'query ($id: ID!, $n: Int) { animal(id: |) { id } }', ['$id']],
  ['variables behind a dollar sign', 'query ($id: ID!, $n: Int) { people(first: $|) { name } }', ['$n']],
  [
    'variables of this operation only',
    'query A($a: ID) { pets { __typename } } query B($b: ID) { animal(id: $|) { id } }',
    ['$b'],
  ],
  ['types of variables: inputs only', 'query ($p: P|) { pets { __typename } }', ['Place']],
  ['types in lists of variables', 'query ($p: [Si|', ['Size']],
  ['defaults of variables', 'query ($s: Size = |) { pets { __typename } }', ['SMALL', 'LARGE', 'null']],
  ['directives of fields', '{ pets @| { __typename } }', ['slow', 'include', 'skip']],
  ['directives of queries', 'query @| { pets { __typename } }', ['slow']],
  ['arguments of directives', '{ pets @include(|) { __typename } }', ['if']],
  ['fragments that fit', '{ pets { ...| } } fragment C on Cat { id } fragment P on Person { name }', ['on', 'C']],
  ['fragments of an interface on a union', '{ pets { ...A| } } fragment Any on Animal { id }', ['Any']],
  ['not the fragment itself', '{ pets { __typename } } fragment C on Cat { ...| }', ['on']],
  ['types of a condition that overlap', '{ pets { ... on | } }', ['Animal', 'Cat', 'Dog', 'Pet']],
  ['types of an interface', '{ animal(id: 1) { ... on | } }', ['Animal', 'Cat', 'Dog', 'Pet']],
  ['on in a fragment', 'fragment F |', ['on']],
  ['the type of a fragment', 'fragment F on Pe|', ['Person', 'Pet']],
  ['nothing in a comment', '{ # |\n }', []],
  ['nothing in a text', '{ animal(id: "|") { id } }', []],
  ['nothing in a text without an end', '{ animal(id: "na|', []],
  ['nothing in a block string', '{ animal(id: """ | """) { id } }', []],
  ['nothing for an unknown field', '{ nope { | } }', []],
  ['nothing for a name of an operation', 'query |', []],
  ['nothing for a name of a variable', 'query ($|', []],
  ['nothing for a text argument', '{ people(where: { street: | }) { name } }', []],
];

export function completion(checks) {
  for (const [what, marked, expected] of CASES) checks.same(`completion: ${what}`, labels(marked), expected);

  checks.same('completion: a part of a name finds it', labels('mutation { ord| }', SHOP).includes('createOrder'), true);
  checks.same('completion: a whole name comes first', labels('{ order| }', SHOP)[0], 'order');
  checks.same('completion: beginnings come before other parts', labels('{ produ| }', SHOP)[0], 'products');
  const { found } = at('{ people { ni| } }');
  checks.same('completion: a deprecated field says why', found.options[0].deprecated, 'Use `name`.');
  checks.same(
    'completion: a field shows its arguments and type',
    at('{ anim| }').found.options[0].detail,
    '(id: ID!): Animal',
  );
  checks.same(
    'completion: a description is shown',
    at('{ accountsC| }', SHOP).found.options[0].description?.length > 10,
    true,
  );
  checks.same('completion: taking one replaces the word', taken('{ pe|ts }', 'people'), '{ people }');
  checks.same('completion: taking an argument adds a colon', taken('{ animal(i|) }', 'id'), '{ animal(id: ) }');
  checks.same('completion: not a second colon', taken('{ animal(i| : 1) }', 'id'), '{ animal(id : 1) }');
  checks.same(
    'completion: a variable has one dollar sign',
    taken('query ($id: ID!) { animal(id: $|) { id } }', '$id'),
    'query ($id: ID!) { animal(id: $id) { id } }',
  );

  // Wherever the caret is, in whatever stage of typing, nothing breaks.
  const whole =
    'query Q($a: [Size!]! = [SMALL]) @slow(ms: 1) { x: people(where: { city: { sizes: $a } }) { ...F @skip(if: true) } } fragment F on Person { pets { ... on Cat { id } } }';
  let broken = null;
  for (let end = 0; end <= whole.length; end += 1) {
    for (let caret = 0; caret <= end; caret += 1) {
      try {
        completionsAt(whole.slice(0, end), caret, ZOO);
      } catch (error) {
        broken ??= `${whole.slice(0, caret)}|${whole.slice(caret, end)}: ${error.message}`;
      }
    }
  }
  checks.check('completion: at every place of every beginning of a document', broken === null, broken);
}
