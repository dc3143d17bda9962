// Prettify: graphql-js reads the same document before and after, nothing is lost, and a second time changes nothing.

import { parse } from 'graphql';
import { prettify } from '../../../src/explorer/language/prettify.js';
import { tokenize } from '../../../src/explorer/language/lexer.js';
import { EXAMPLES } from '../../../src/explorer/state/examples.js';
import { DOCUMENTS } from '../referee/documents.mjs';
import { mutate } from '../referee/mutate.mjs';

const MUTATED = 20_000;

export function layout(checks) {
  examples(checks);
  const texts = Object.values(DOCUMENTS).flat();
  corpus(checks, 'the documents of the referee', texts);
  const long = texts.filter((text) => text.length > 4);
  const mutated = mutate({ texts: long, valid: long.filter((text) => astOf(text) !== null), count: MUTATED, seed: 7 });
  corpus(checks, `${MUTATED} mutated ones`, mutated);
  corpus(checks, 'documents with comments everywhere', texts.map(withComments));
  faults(checks);
}

function examples(checks) {
  checks.same(
    'layout: short arguments stay on one line',
    prettify('query   Foo( $a : ID!,$b:Int=1 )@x{a:b(c:[1 2],d:{e:$a,f:{}})@include(if:true){id,...F ...on T{x}}}')
      .text,
    'query Foo($a: ID!, $b: Int = 1) @x {\n  a: b(c: [1, 2], d: { e: $a, f: {} }) @include(if: true) {\n    id\n    ...F\n    ... on T {\n      x\n    }\n  }\n}\n',
  );
  checks.same(
    'layout: long ones get lines of their own',
    prettify(EXAMPLES[1].query).text,
    '# Create Product\nmutation {\n  createProduct(\n    product: { name: "iPhone 15", description: "Latest iPhone", price: 999.99 }\n  ) {\n    id\n    name\n    price\n  }\n}\n',
  );
  checks.same(
    'layout: comments keep their place, one empty line stays',
    prettify('{ # a\n#b\n\n\n\n  x # c\n\n\n  y(z: # d\n 1)\n  # e\n}\n# f').text,
    '{ # a\n  #b\n\n  x # c\n\n  y(\n    z: # d\n    1\n  )\n  # e\n}\n# f\n',
  );
  checks.same(
    'layout: a block string stays as it is',
    prettify('{a(b:"""\n  x\n    y \\"""\n""",c:1)}').text,
    '{\n  a(\n    b: """\n  x\n    y \\"""\n"""\n    c: 1\n  )\n}\n',
  );
  checks.same('layout: nothing stays nothing', prettify('').text, '');
}

function corpus(checks, name, sources) {
  const faults = { meaning: [], again: [], refused: [], comments: [] };
  let valid = 0;
  for (const source of sources) {
    const ast = astOf(source);
    const { text } = prettify(source);
    if ((text === undefined) !== (ast === null) && !isLaidOutAllTheSame(source)) faults.refused.push(source);
    if (text === undefined || ast === null) continue;
    valid += 1;
    if (astOf(text) !== ast) faults.meaning.push(source);
    if (prettify(text).text !== text) faults.again.push(source);
    if (commentsOf(text) !== commentsOf(source)) faults.comments.push(source);
  }
  const result = (list) => `${list.length} do not, such as ${JSON.stringify(list[0])}`;
  const say = (what, list) => checks.check(`layout: ${name} ${what}`, list.length === 0 && valid > 50, result(list));
  say('mean the same to graphql-js', faults.meaning);
  say('do not change a second time', faults.again);
  say('keep their comments', faults.comments);
  say('are laid out exactly if graphql-js reads them', faults.refused);
}

// graphql-js refuses documents without definitions, variables in defaults, and escapes of more than eight digits. Laying
// them out does no harm.
function isLaidOutAllTheSame(source) {
  const isEmpty = tokenize(source).every(({ kind }) => kind === 'comment');
  return isEmpty || source.includes('\\u{0000000041}') || /in constant value/.test(faultOf(source));
}

function faultOf(source) {
  try {
    parse(source);
    return '';
  } catch (error) {
    return error.message;
  }
}

// What graphql-js reads, without places; null if it is no executable document.
function astOf(source) {
  try {
    const document = parse(source, { noLocation: true });
    const isExecutable = ({ kind }) => kind === 'OperationDefinition' || kind === 'FragmentDefinition';
    return document.definitions.every(isExecutable) ? JSON.stringify(document) : null;
  } catch {
    return null;
  }
}

function commentsOf(source) {
  return tokenize(source)
    .filter(({ kind }) => kind === 'comment')
    .map(({ text }) => text.trimEnd())
    .join('\n');
}

// A comment behind every second token, on the same line or on its own.
function withComments(source) {
  return tokenize(source)
    .map(({ kind, text }, index) =>
      kind === 'comment' || index % 2 === 0 ? `${text}\n` : `${text} # ${index}${index % 3 === 0 ? '\n\n# own' : ''}\n`,
    )
    .join('');
}

function faults(checks) {
  const fault = (source) => prettify(source).fault;
  checks.same(
    'layout: a fault is told with its place',
    fault('{\n  a(b: )\n}'),
    'Line 2, column 8: a value is needed, not ")". Nothing was changed.',
  );
  checks.same(
    'layout: so is an end too early',
    fault('{ a {'),
    'Line 1, column 6: the document ends where a field is needed. Nothing was changed.',
  );
  checks.same(
    'layout: so are missing quotes',
    fault('{ a(b: "x) }'),
    'Line 1, column 8: a value is needed, not a text without closing quotes. Nothing was changed.',
  );
  const deep = '{a'.repeat(50_000);
  checks.check(
    'layout: a document nested too deeply is refused',
    fault(deep)?.includes('nested too deeply'),
    fault(deep),
  );
}
