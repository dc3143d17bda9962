// What the editor offers in the variables. `|` is the caret.

import { analyse } from '../../../src/explorer/language/analysis.js';
import { variableCompletionsAt } from '../../../src/explorer/language/variables.js';
import { ZOO } from './schemas.mjs';

const QUERY = 'query ($where: Place!, $size: Size, $flag: Boolean!, $places: [Place!]) { pets { __typename } }';
const [{ variables: DEFINED }] = analyse(QUERY, ZOO).operations;

function at(marked) {
  const offset = marked.indexOf('|');
  const text = marked.replace('|', '');
  return { text, found: variableCompletionsAt(text, offset, DEFINED, ZOO) };
}

const CASES = [
  ['the names', '{ | }', ['where', 'flag', 'size', 'places']],
  ['names that are not given yet', '{ "flag": true, | }', ['where', 'size', 'places']],
  ['names in quotes', '{ "w|" }', ['where']],
  ['names without closing quotes', '{ "si|\n}', ['size']],
  ['fields of an input', '{ "where": { | } }', ['street', 'city', 'country']],
  ['fields deeper down', '{ "where": { "city": { "|" } } }', ['name', 'sizes']],
  ['fields in a list', '{ "places": [{ "street": "x" }, { | }] }', ['street', 'city', 'country']],
  ['values of an enum', '{ "size": | }', ['SMALL', 'LARGE', 'null']],
  ['values of an enum in quotes', '{ "size": "L|" }', ['LARGE']],
  ['values in a list', '{ "where": { "city": { "sizes": ["SMALL", |] } } }', ['SMALL', 'LARGE', 'null']],
  ['values of Boolean', '{ "flag": t| }', ['true']],
  ['nothing for an unknown name', '{ "nope": { | } }', []],
  ['nothing outside of the object', '|', []],
];

export function variables(checks) {
  for (const [what, marked, expected] of CASES) {
    const labels = (at(marked).found?.options ?? []).map(({ label }) => label);
    checks.same(`variables: ${what}`, labels, expected);
  }
  const taken = (marked, label) => {
    const { text, found } = at(marked);
    const { insert } = found.options.find((option) => option.label === label);
    return text.slice(0, found.from) + insert + text.slice(found.to);
  };
  checks.same('variables: taking a name quotes it', taken('{ wh| }', 'where'), '{ "where":  }');
  checks.same('variables: not twice', taken('{ "wh|": 1 }', 'where'), '{ "where": 1 }');
  checks.same('variables: taking a value quotes it', taken('{ "size": LA| }', 'LARGE'), '{ "size": "LARGE" }');
}
