// How the page reads a document: its tokens, its operations, the names that the schema does not have.

import { analyse } from '../../../src/explorer/language/analysis.js';
import { sameMeaning, tokenize } from '../../../src/explorer/language/lexer.js';
import { operationAt, titleOf } from '../../../src/explorer/language/operations.js';
import { offsetOf, positionOf } from '../../../src/explorer/language/place.js';
import { fillPlaceholders, idsFrom, placeholdersIn } from '../../../src/explorer/language/placeholders.js';
import { walk } from '../../../src/explorer/language/walk.js';
import { SHOP, ZOO } from './schemas.mjs';

// A time that grows with the square of the document would be minutes.
const HOSTILE_MS_MAX = 5_000;

const kinds = (source) => tokenize(source).map(({ kind, text }) => `${kind} ${text}`);
const titled = (source, chosen) => titleOf(source, analyse(source, null).operations, chosen);
const problems = (source, schema = ZOO) => analyse(source, schema).problems.map(({ message }) => message);

export function reading(checks) {
  tokens(checks);
  operations(checks);
  unknownNames(checks);
  hostileDocuments(checks);
  places(checks);
  placeholders(checks);
}

function tokens(checks) {
  checks.same('tokens: every kind is told', kinds('{a(b:-1.5e3,c:"x\\"#")@d}#e'), [
    'punctuator {',
    'name a',
    'punctuator (',
    'name b',
    'punctuator :',
    'number -1.5e3',
    'name c',
    'punctuator :',
    'string "x\\"#"',
    'punctuator )',
    'punctuator @',
    'name d',
    'punctuator }',
    'comment #e',
  ]);
  checks.same('tokens: a block string ends behind its last quotes', kinds('"""a \\""" "" b""""""'), [
    'block """a \\""" "" b"""',
    'error """',
  ]);
  checks.same('tokens: faults are tokens', kinds('01 1a "x\n? \u{1F600}'), [
    'error 01',
    'error 1a',
    'error "x',
    'error ?',
    'error \u{1F600}',
  ]);
  checks.same('tokens: a byte order mark and commas are spaces', kinds('\uFEFF,a,,b'), ['name a', 'name b']);
  checks.check('meaning: commas, spaces and comments change none', sameMeaning('{a(b:1,c:2)}', '{ a(b: 1 c: 2) } # x'));
  checks.check('meaning: another name changes it', !sameMeaning('{a}', '{b}') && !sameMeaning('{a}', '{a b}'));
}

function operations(checks) {
  const source =
    '# query No { x }\nquery One($a: [Int!]! = [1]) { first }\nmutation Two { x: second(s: "query {") }\n{ third }';
  const found = analyse(source, null).operations;
  checks.same(
    'operations: all are found, with their root fields',
    found.map(({ type, name, fields }) => [type, name, fields]),
    [
      ['query', 'One', ['first']],
      ['mutation', 'Two', ['second']],
      ['query', null, ['third']],
    ],
  );
  checks.same('operations: the one at the caret', operationAt(found, source.indexOf('second')), 'Two');
  checks.same('operations: an unnamed one cannot be chosen', operationAt(found, source.indexOf('third')), undefined);
  checks.same('title: the name of the operation', titled('query Foo { a }'), 'Foo');
  checks.same('title: the chosen operation, and how many others', titled(source, 'Two'), 'Two +2');
  checks.same('title: a comment at the start', titled('\n# Create Account\nmutation { x }'), 'Create Account');
  checks.same('title: otherwise the first field', titled('{ n: accounts { id } }'), 'accounts');
  checks.same('title: none for nothing', titled('  '), null);
  checks.check('title: a long one is cut', titled(`query ${'x'.repeat(500)} { a }`).length === 32);
}

function unknownNames(checks) {
  checks.same(
    'problems: a valid document has none',
    problems('{ pets { ... on Cat { lives } __typename } __schema { types { name } } }'),
    [],
  );
  checks.same('problems: an unknown field', problems('{ animal(id: 1) { lives } }'), [
    'Type "Animal" has no field "lives".',
  ]);
  checks.same('problems: a field of a union', problems('{ pets { name } }'), ['Type "Pet" has no field "name".']);
  checks.same('problems: an unknown argument', problems('{ animal(ids: 1) { id } }'), [
    '"animal" has no argument "ids".',
  ]);
  checks.same('problems: an unknown input field', problems('{ people(where: { city: { nam: "x" } }) { name } }'), [
    'Input "City" has no field "nam".',
  ]);
  checks.same('problems: an unknown enum value', problems('mutation { feed(id: 1, claws: [FRONT, SIDE]) { id } }'), [
    'Enum "Claw" has no value "SIDE".',
  ]);
  checks.same(
    'problems: an unknown type and directive',
    problems('query ($a: Nope) { pets @what { ... on Fish { id } } }'),
    ['There is no type "Nope".', 'There is no directive "@what".', 'There is no type "Fish".'],
  );
  checks.same('problems: what is unknown has no further ones', problems('{ nope(a: 1) { b(c: { d: E }) } }'), [
    'Type "Query" has no field "nope".',
  ]);
  checks.same('problems: none without a schema', problems('{ nope }', null), []);
}

function hostileDocuments(checks) {
  const deep = 100_000;
  for (const [name, source] of [
    ['braces', '{a'.repeat(deep)],
    ['lists', `{a(b:${'['.repeat(deep)}`],
    ['objects', `{a(b:${'{c:'.repeat(deep)}`],
    ['types', `query($a:${'['.repeat(deep)}`],
    ['quotes', '"""\\'.repeat(deep)],
    ['brackets', '}{)('.repeat(deep)],
  ]) {
    const started = performance.now();
    let fault = null;
    try {
      walk(tokenize(source), SHOP);
    } catch (error) {
      fault = error.message;
    }
    const ms = performance.now() - started;
    checks.check(
      `hostile: ${deep} nested ${name} are read in time`,
      fault === null && ms < HOSTILE_MS_MAX,
      fault ?? `${ms} ms`,
    );
  }
}

function places(checks) {
  const text = '{ a(b: "\u{1F600}é") {\n  nope } }';
  const offset = text.indexOf('{', 2);
  checks.same('places: columns count characters', positionOf(text, offset), { line: 1, column: 14 });
  checks.same('places: and back', offsetOf(text, { line: 1, column: 14 }), offset);
  checks.same('places: one outside of the text is its end', offsetOf(text, { line: 99, column: 5 }), text.length);
}

function placeholders(checks) {
  const source = '{ a(x: "account-id", y: "product-id") }';
  checks.same('placeholders: both are found', placeholdersIn(source), ['accountId', 'productId']);
  checks.same(
    'placeholders: known ids are put in as text',
    fillPlaceholders(source, { accountId: '$&"' }),
    '{ a(x: "$&\\"", y: "product-id") }',
  );
  checks.same(
    'placeholders: ids come from the data of responses',
    idsFrom({ createAccount: { id: 'a' }, createProduct: { id: 7 } }),
    {
      accountId: 'a',
    },
  );
  checks.same('placeholders: no data gives no ids', idsFrom(null), {});
}
