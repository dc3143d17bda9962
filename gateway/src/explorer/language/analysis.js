// One reading of a document for all parts of the page that need it.

import { tokenize } from './lexer.js';
import { walk } from './walk.js';

let last = null;

/** The tokens of a document and the result of walk.js. The last result is kept: several parts ask for the same one. */
export function analyse(source, schema) {
  if (last?.source !== source || last.schema !== schema) {
    const tokens = tokenize(source);
    last = { source, schema, result: { tokens, ...walk(tokens, schema) } };
  }
  return last.result;
}
