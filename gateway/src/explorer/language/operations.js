// Which operation a request means, and what to call a document.

// Longer names make a row of tabs that scrolls.
const TITLE_CHARS_MAX = 32;

/** The name of the named operation around an offset, or undefined. */
export function operationAt(operations, offset) {
  const found = operations.find(({ name, start, end }) => name !== null && start <= offset && offset <= end);
  return found?.name;
}

/**
 * A short name for a document: its operation, or the comment at its start, or its first root field, or null.
 * `chosen` is the operation that Run would execute.
 */
export function titleOf(source, operations, chosen) {
  const named = operations.filter(({ name }) => name !== null);
  const operation = named.find(({ name }) => name === chosen) ?? named[0];
  if (operation) {
    const others = operations.length - 1;
    return cut(operation.name) + (others > 0 ? ` +${others}` : '');
  }
  const comment = source.match(/^\s*#+[ \t]*([^\n\r]*\S)/)?.[1];
  return cut(comment ?? operations[0]?.fields[0] ?? '') || null;
}

function cut(text) {
  const letters = Array.from(text);
  return letters.length > TITLE_CHARS_MAX ? `${letters.slice(0, TITLE_CHARS_MAX - 1).join('')}…` : text;
}
