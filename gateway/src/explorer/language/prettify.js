// Lays out a GraphQL document anew: the same tokens and comments in the same order, with other spaces, lines and
// commas.

import { breakOr, comment, group, indented, layOut, newLine } from './layout.js';
import { sameMeaning, tokenize } from './lexer.js';
import { positionOf } from './place.js';

// What GraphQL documents are usually wrapped at.
const WIDTH_MAX = 80;
// As in walk.js: the stack of the browser ends at deeper documents.
const NESTING_MAX = 200;
const OPERATION_TYPES = ['query', 'mutation', 'subscription'];

/**
 * Returns `{ text }`, or `{ fault, offset }` with a sentence for the user if the document has a fault of syntax. The
 * text means the same to a server, has all comments, and does not change when it is laid out again.
 */
export function prettify(source) {
  try {
    const text = layOut(new Reader(source).document(), WIDTH_MAX);
    if (!sameMeaning(source, text)) throw new Error('the layout changed the tokens of the document');
    return { text };
  } catch (error) {
    if (!(error instanceof Unexpected)) throw error;
    const { line, column } = positionOf(source, error.offset);
    return { fault: `Line ${line}, column ${column}: ${error.message}. Nothing was changed.`, offset: error.offset };
  }
}

class Unexpected extends Error {
  constructor(message, offset) {
    super(message);
    this.offset = offset;
  }
}

// Recursive descent over the grammar; each method reads one production and returns its layout.
class Reader {
  #source;
  #tokens = [];
  #comments = [];
  #at = 0;
  #depth = 0;

  constructor(source) {
    this.#source = source;
    for (const token of tokenize(source)) this.#add(token);
  }

  // Comments belong to the token before them on the same line, otherwise to the token after them.
  #add(token) {
    const last = this.#comments.at(-1) ?? this.#tokens.at(-1);
    const between = this.#source.slice(last?.end ?? 0, token.start);
    const lines = between.split(/\r\n|\n|\r/).length - 1;
    const blank = lines > 1 && last !== undefined;
    if (token.kind !== 'comment') {
      this.#tokens.push({ ...token, blank, before: this.#comments, behind: null });
      this.#comments = [];
    } else if (lines === 0 && last !== undefined && this.#comments.length === 0) {
      this.#tokens.at(-1).behind = token;
      this.#tokens.at(-1).end = token.end;
    } else {
      this.#comments.push({ ...token, blank });
    }
  }

  document() {
    const definitions = [];
    while (this.#at < this.#tokens.length) {
      if (definitions.length > 0) definitions.push(newLine(true));
      definitions.push(this.#definition());
    }
    return [definitions, this.#lastComments(definitions.length > 0), this.#source.trim() === '' ? '' : newLine()];
  }

  #lastComments(after) {
    return this.#comments.map(({ text, blank }, index) => [
      after || index > 0 ? newLine(blank) : '',
      comment(text.trimEnd(), true),
    ]);
  }

  #peek(text) {
    return this.#tokens[this.#at]?.text === text;
  }

  #next(wanted, matches) {
    const token = this.#tokens[this.#at];
    if (!token) throw new Unexpected(`the document ends where ${wanted} is needed`, this.#source.length);
    if (!matches(token)) throw new Unexpected(`${wanted} is needed, not ${describe(token)}`, token.start);
    this.#at += 1;
    return token;
  }

  // The layout of one token with its comments.
  #lay({ text, blank, before, behind }) {
    const above = before.map((one, index) => [
      comment(one.text.trimEnd(), true),
      newLine((before[index + 1] ?? { blank }).blank),
    ]);
    return [above, text, behind ? comment(behind.text.trimEnd(), false) : ''];
  }

  #symbol(text) {
    return this.#lay(this.#next(`"${text}"`, (token) => token.text === text));
  }

  #name(wanted = 'a name') {
    return this.#lay(this.#next(wanted, ({ kind }) => kind === 'name'));
  }

  #nested(body) {
    this.#depth += 1;
    if (this.#depth > NESTING_MAX) {
      throw new Unexpected('the document is nested too deeply', this.#tokens[this.#at - 1].start);
    }
    const layout = body();
    this.#depth -= 1;
    return layout;
  }

  #definition() {
    // The short form has no description.
    if (this.#peek('{')) return this.#selectionSet();
    return [this.#description(), this.#fullDefinition()];
  }

  // Since the specification of September 2025, operations, fragments and variables may have one.
  #description() {
    const isText = (token) => token?.kind === 'string' || token?.kind === 'block';
    return isText(this.#tokens[this.#at]) ? [this.#lay(this.#next('a description', isText)), newLine()] : '';
  }

  #fullDefinition() {
    if (this.#peek('fragment')) {
      const isFragmentName = ({ kind, text }) => kind === 'name' && text !== 'on';
      const name = () => this.#lay(this.#next('the name of the fragment', isFragmentName));
      const head = [this.#name(), ' ', name(), ' ', this.#symbol('on'), ' ', this.#name('a type')];
      return [head, this.#directives(), ' ', this.#selectionSet()];
    }
    const isType = ({ text }) => OPERATION_TYPES.includes(text);
    const head = [this.#lay(this.#next('an operation or a fragment', isType))];
    if (this.#tokens[this.#at]?.kind === 'name') head.push(' ', this.#name());
    if (this.#peek('(')) head.push(this.#list('(', ')', '', () => this.#variableDefinition()));
    return [head, this.#directives(), ' ', this.#selectionSet()];
  }

  #selectionSet() {
    return this.#nested(() => {
      const open = this.#symbol('{');
      const selections = [];
      while (!this.#peek('}') || selections.length === 0) {
        selections.push(newLine(selections.length > 0 && this.#startsBehindBlank()), this.#selection());
      }
      return [open, indented([selections, this.#aboveClosing()]), newLine(), this.#symbol('}')];
    });
  }

  // Whether an empty line is above the next token and its comments.
  #startsBehindBlank() {
    const token = this.#tokens[this.#at];
    return Boolean(token && (token.before[0] ?? token).blank);
  }

  // Comments above a closing bracket are indented like what is above them.
  #aboveClosing() {
    const token = this.#tokens[this.#at];
    const above = token?.before ?? [];
    if (token) token.before = [];
    return above.map(({ text, blank }) => [newLine(blank), comment(text.trimEnd(), true)]);
  }

  #selection() {
    if (!this.#peek('...')) return this.#field();
    const parts = [this.#symbol('...')];
    if (this.#peek('on')) parts.push(' ', this.#symbol('on'), ' ', this.#name('a type'));
    else if (this.#tokens[this.#at]?.kind === 'name') return [...parts, this.#name(), this.#directives()];
    return [...parts, this.#directives(), ' ', this.#selectionSet()];
  }

  #field() {
    const parts = [this.#name('a field')];
    if (this.#peek(':')) parts.push(this.#symbol(':'), ' ', this.#name('a field'));
    if (this.#peek('(')) parts.push(this.#list('(', ')', '', () => this.#argument()));
    parts.push(this.#directives());
    if (this.#peek('{')) parts.push(' ', this.#selectionSet());
    return parts;
  }

  #directives() {
    const parts = [];
    while (this.#peek('@')) {
      parts.push(' ', this.#symbol('@'), this.#name('a directive'));
      if (this.#peek('(')) parts.push(this.#list('(', ')', '', () => this.#argument()));
    }
    return parts;
  }

  #argument() {
    return [this.#name('an argument'), this.#symbol(':'), ' ', this.#value()];
  }

  #variableDefinition() {
    const parts = [this.#description(), this.#symbol('$'), this.#name(), this.#symbol(':'), ' ', this.#type()];
    if (this.#peek('=')) parts.push(' ', this.#symbol('='), ' ', this.#value());
    return [parts, this.#directives()];
  }

  #type() {
    const inner = this.#peek('[')
      ? this.#nested(() => [this.#symbol('['), this.#type(), this.#symbol(']')])
      : this.#name('a type');
    return this.#peek('!') ? [inner, this.#symbol('!')] : inner;
  }

  #value() {
    if (this.#peek('$')) return [this.#symbol('$'), this.#name()];
    if (this.#peek('[')) return this.#list('[', ']', '', () => this.#value());
    if (this.#peek('{')) return this.#list('{', '}', ' ', () => this.#argument());
    const isValue = ({ kind }) => ['name', 'number', 'string', 'block'].includes(kind);
    return this.#lay(this.#next('a value', isValue));
  }

  // On one line with commas, or each part on a line of its own. Only values may be empty.
  #list(opening, closing, padding, part) {
    return this.#nested(() => {
      const open = this.#symbol(opening);
      const parts = [];
      while (!this.#peek(closing) || (opening === '(' && parts.length === 0)) {
        parts.push(breakOr(parts.length > 0 ? ', ' : padding), part());
      }
      const inside = indented([parts, this.#aboveClosing()]);
      return group([open, inside, parts.length > 0 ? breakOr(padding) : '', this.#symbol(closing)]);
    });
  }
}

function describe({ kind, text }) {
  if (kind !== 'error') return `"${text.length > 20 ? `${text.slice(0, 20)}…` : text}"`;
  if (text.startsWith('"')) return 'a text without closing quotes';
  return /^[-\d]/.test(text) ? `the malformed number ${text}` : `the sign ${JSON.stringify(text)}`;
}
