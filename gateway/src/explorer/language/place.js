// Lines and columns of a text, and the offsets in it.

/** Line and column, from 1, of an offset in a text. Columns count characters, as the server does, not UTF-16 units. */
export function positionOf(text, offset) {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: Array.from(before.at(-1)).length + 1 };
}

/** The offset of a line and column, both from 1; the nearest one if the text has no such place. */
export function offsetOf(text, { line, column }) {
  const lines = text.split('\n');
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const inLine = Array.from(lines[line - 1] ?? '')
    .slice(0, column - 1)
    .join('').length;
  return Math.min(before + inLine, text.length);
}

/** The offset at which the line of an offset begins. */
export function lineStart(text, offset) {
  // A search from -1 would find a line break at 0.
  return offset === 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1;
}
