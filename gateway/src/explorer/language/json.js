// JSON as text: its tokens, its layout, the faults of what a person typed. Numbers keep the digits that were written.

import { positionOf } from './place.js';

const PART = /[ \t\r\n]+|("(?:\\.|[^"\\\u0000-\u001f])*")|[{}[\]:,]|[-+.\w]+|"[^\n]*|[^]/gy;
const WORDS = new Set(['true', 'false', 'null']);
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const INDENT = '  ';

/**
 * The tokens of a JSON text as `{ kind, text, start, end }`; `kind` is `name`, `string`, `number`, `literal`,
 * `punctuator` or `error`.
 */
export function tokenizeJson(text) {
  const tokens = [];
  for (const match of text.matchAll(PART)) {
    const [part, string] = match;
    if (/^[ \t\r\n]/.test(part)) continue;
    tokens.push({ kind: kindOf(part, string), text: part, start: match.index, end: match.index + part.length });
  }
  for (const [index, token] of tokens.entries()) {
    if (token.kind === 'string' && tokens[index + 1]?.text === ':') token.kind = 'name';
  }
  return tokens;
}

function kindOf(part, string) {
  if (string) return 'string';
  if ('{}[]:,'.includes(part)) return 'punctuator';
  if (WORDS.has(part)) return 'literal';
  return NUMBER.test(part) ? 'number' : 'error';
}

/** Valid JSON without its spaces and lines; each number and text stays as it was written. */
export function compactJson(text) {
  return tokenizeJson(text)
    .map((token) => token.text)
    .join('');
}

/** Lays out valid JSON like `JSON.stringify(…, null, 2)`, but keeps each number and text as it was written. */
export function formatJson(text) {
  const out = [];
  let depth = 0;
  let before = '';
  for (const [part] of text.matchAll(PART)) {
    if (/^[ \t\r\n]/.test(part)) continue;
    const opens = part === '{' || part === '[';
    const closes = part === '}' || part === ']';
    const afterOpening = before === '{' || before === '[';
    if (closes) depth -= 1;
    if (closes ? !afterOpening : afterOpening || before === ',') out.push('\n', INDENT.repeat(depth));
    else if (before === ':') out.push(' ');
    out.push(part);
    if (opens) depth += 1;
    before = part;
  }
  return out.join('');
}

/**
 * Reads the text of an editor that must contain a JSON object. `what` names the editor in the message.
 * Returns `{ value }`, with `{}` for an empty text, or `{ fault, offset }`.
 */
export function readObject(text, what) {
  if (text.trim() === '') return { value: {} };
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    const { reason, offset } = firstFault(text);
    const { line, column } = positionOf(text, offset);
    return { fault: `${what}, line ${line}, column ${column}: ${reason}.`, offset };
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    const found = Array.isArray(value) ? 'a list' : JSON.stringify(value);
    return { fault: `${what}: a JSON object such as { "name": "value" } is needed, not ${found}.`, offset: 0 };
  }
  return { value };
}

class Fault {
  constructor(reason, offset) {
    this.reason = reason;
    this.offset = offset;
  }
}

// Follows the grammar of RFC 8259 up to the first fault. JSON.parse is not enough: its messages differ by browser, and
// some contain no position.
function firstFault(text) {
  let at = 0;
  const space = () => take(/[ \t\r\n]*/y);
  const take = (pattern) => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  const need = (pattern, reason) => {
    space();
    if (!take(pattern)) throw new Fault(at === text.length ? `the text ends too early, ${reason}` : reason, at);
  };
  const string = (reason) => {
    space();
    const unfinished =
      text[at] === '"' ? 'this text has no closing quote or holds a sign that must be escaped' : reason;
    need(/"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y, unfinished);
  };
  const list = (end, item, reason) => {
    space();
    if (take(end)) return;
    do {
      item();
      space();
    } while (take(/,/y));
    need(end, reason);
  };
  const member = () => {
    string('a name in double quotes is expected');
    need(/:/y, 'a colon is expected');
    value();
  };
  const value = () => {
    space();
    if (text[at] === '"') return string();
    if (take(/\{/y)) return list(/\}/y, member, 'a comma or } is expected');
    if (take(/\[/y)) return list(/\]/y, value, 'a comma or ] is expected');
    return need(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true\b|false\b|null\b/y, 'a value is expected');
  };
  try {
    value();
    need(/$/y, 'nothing more is expected here');
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  return new Fault('this is not JSON', 0);
}
