// Reads JSON that a person typed, or reports the position of the first fault.

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

/** Line and column, from 1, of an offset in a text. */
export function positionOf(text, offset) {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: before.at(-1).length + 1 };
}

/** The offset of a line and column, both from 1. */
export function offsetOf(text, { line, column }) {
  const before = text.split('\n').slice(0, line - 1);
  return before.reduce((sum, one) => sum + one.length + 1, 0) + column - 1;
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
