// What the editor offers in the variables. `|` is the caret.

import { analyse } from '../../../src/explorer/language/analysis.js';
import { variableCompletionsAt } from '../../../src/explorer/language/variables.js';
import { ZOO } from './schemas.mjs';

const QUERY = 'query ($where: Place!, $size: Size, $flag: Boolean!, $places: [Place!], $sizes: [Size], $rows: [[Size!]]!, $old: Old) { pets { __typename } }';
const [{ variables: DEFINED }] = analyse(QUERY, ZOO).operations;

function at(marked) {
  const offset = marked.indexOf('|');
  const text = marked.replace('|', '');
  return { text, found: variableCompletionsAt(text, offset, DEFINED, ZOO) };
}

const CASES = [
  ['the names', '{ | }', ['where', 'flag', 'rows', 'size', 'places', 'sizes', 'old']],
  ['names that are not given yet', '{ "flag": true, | }', ['where', 'rows', 'size', 'places', 'sizes', 'old']],
  ['names in quotes', '{ "w|" }', ['where']],
  ['names without closing quotes', '{ "fl|\n}', ['flag']],
  ['fields of an input', '{ "where": { | } }', ['street', 'city', 'country']],
  ['fields deeper down', '{ "where": { "city": { "|" } } }', ['name', 'sizes']],
  ['fields in a list', '{ "places": [{ "street": "x" }, { | }] }', ['street', 'city', 'country']],
  ['values of an enum', '{ "size": | }', ['SMALL', 'LARGE', 'null']],
  ['values of an enum in quotes', '{ "size": "L|" }', ['LARGE']],
  ['values in a list', '{ "where": { "city": { "sizes": ["SMALL", |] } } }', ['SMALL', 'LARGE']],
  ['null in a list only where it may be', '{ "sizes": ["SMALL", |] }', ['SMALL', 'LARGE', 'null']],
  ['null for a list only where it may be', '{ "rows": | }', ['SMALL', 'LARGE']],
  ['null for a row', '{ "rows": [|] }', ['SMALL', 'LARGE', 'null']],
  ['values in a list of lists', '{ "rows": [["SMALL"], [|]] }', ['SMALL', 'LARGE']],
  ['deprecated fields of an input last', '{ "old": { | } }', ['now', 'once']],
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
