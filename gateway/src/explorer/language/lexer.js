// The tokens of a GraphQL document with their places. Whatever was typed has tokens; faults are tokens, too.

const NAME = /[_A-Za-z][_0-9A-Za-z]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// Escapes name characters: halves of a surrogate pair only come together.
const ESCAPE = [
  '["\\\\/bfnrt]',
  'u(?![dD][89a-fA-F])[0-9a-fA-F]{4}',
  'u[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2}',
  'u\\{0*(?:10[0-9a-fA-F]{4}|(?![dD][89a-fA-F][0-9a-fA-F]{2}\\})[0-9a-fA-F]{1,5})\\}',
].join('|');
const STRING = new RegExp(`"(?:[^"\\\\\n\r]|\\\\(?:${ESCAPE}))*"`, 'y');
const COMMENT = /#[^\n\r]*/y;
const REST_OF_LINE = /[^\n\r]*/y;
const REST_OF_WORD = /[-+.0-9A-Za-z_]*/y;
// Commas and a byte order mark mean as little as spaces: https://spec.graphql.org/October2021/#Ignored
const IGNORED = /[ \t\n\r,\uFEFF]+/y;
const PUNCTUATORS = new Set('!$&():=@[]{|}');

/**
 * Splits a document into tokens `{ kind, text, start, end }`; `kind` is `comment`, `block` (a block string),
 * `string`, `name`, `number`, `punctuator` or `error`. Places are UTF-16 offsets, `end` is behind the last unit.
 */
export function tokenize(source) {
  const tokens = [];
  let at = 0;
  for (;;) {
    at = endOf(IGNORED, source, at) ?? at;
    if (at >= source.length) return tokens;
    const { kind, end } = tokenAt(source, at);
    tokens.push({ kind, text: source.slice(at, end), start: at, end });
    at = end;
  }
}

/** Whether two documents are the same to a server: the same tokens, apart from comments. */
export function sameMeaning(one, other) {
  const [left, right] = [one, other].map((source) => tokenize(source).filter(({ kind }) => kind !== 'comment'));
  return (
    left.length === right.length &&
    left.every(({ kind, text }, index) => kind === right[index].kind && text === right[index].text)
  );
}

function tokenAt(source, at) {
  const first = source[at];
  if (first === '#') return { kind: 'comment', end: endOf(COMMENT, source, at) };
  if (source.startsWith('"""', at)) return blockString(source, at);
  if (first === '"') return quoted(source, at);
  if (source.startsWith('...', at)) return { kind: 'punctuator', end: at + 3 };
  if (PUNCTUATORS.has(first)) return { kind: 'punctuator', end: at + 1 };
  const name = endOf(NAME, source, at);
  if (name !== null) return { kind: 'name', end: name };
  const number = endOf(NUMBER, source, at);
  if (number !== null) return wholeNumber(source, number);
  return { kind: 'error', end: at + String.fromCodePoint(source.codePointAt(at)).length };
}

function blockString(source, start) {
  let at = start + 3;
  for (;;) {
    const quotes = source.indexOf('"""', at);
    if (quotes < 0) return { kind: 'error', end: source.length };
    if (source[quotes - 1] !== '\\') return { kind: 'block', end: quotes + 3 };
    at = quotes + 3;
  }
}

function quoted(source, at) {
  const end = endOf(STRING, source, at);
  return end === null ? { kind: 'error', end: endOf(REST_OF_LINE, source, at) } : { kind: 'string', end };
}

// `01`, `1.` and `1a` are no numbers, and no two tokens either.
function wholeNumber(source, at) {
  const end = endOf(REST_OF_WORD, source, at);
  return { kind: end === at ? 'number' : 'error', end };
}

function endOf(pattern, source, at) {
  pattern.lastIndex = at;
  return pattern.test(source) ? pattern.lastIndex : null;
}
