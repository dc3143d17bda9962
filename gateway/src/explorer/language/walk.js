// Follows the grammar of executable documents over tokens, as far as they go, and knows the type at every place.

import { fieldOf, itemOf, namedType } from './schema.js';

// Deeper documents are refused by every server; the walk stops before the stack of the browser ends.
const NESTING_MAX = 200;
const OPERATION_TYPES = new Set(['query', 'mutation', 'subscription']);
const BRACKETS = new Set('(){}');

/**
 * Walks a document. `schema` (of schema.js) may be null: then types are unknown, and nothing is a problem.
 *
 * Gives the tokens a `role`, for colours, and `refers`: the `{ type, member }` of the schema that is meant, where
 * `member` is undefined for a type itself. Returns
 * - `operations`: `{ type, name, start, end, fields, variables: [{ name, shape }] }` in order; `name` may be null,
 *   `fields` are the names of its root fields,
 * - `fragments`: `{ name, on, start, end }` in order,
 * - `problems`: names that the schema does not have, as `{ start, end, message }`,
 * - `expected`: what the grammar expects behind the last token, see completion.js,
 * - `within`: the operation or fragment that the last token leaves open, or null.
 */
export function walk(tokens, schema) {
  return new Walk(tokens, schema).run();
}

class End extends Error {}

class Walk {
  #tokens;
  #schema;
  #at = 0;
  #depth = 0;
  #constant = false;
  #operations = [];
  #fragments = [];
  #problems = [];
  #expected = { at: 'definition' };
  #within = null;

  constructor(tokens, schema) {
    this.#tokens = tokens.filter(({ kind }) => kind !== 'comment');
    this.#schema = schema;
  }

  run() {
    try {
      for (;;) this.#definition();
    } catch (error) {
      if (!(error instanceof End)) throw error;
    }
    return {
      operations: this.#operations,
      fragments: this.#fragments,
      problems: this.#problems,
      expected: this.#expected,
      within: this.#within,
    };
  }

  // The next token. At the end the walk stops, and what is expected now is its result.
  #peek() {
    if (this.#at >= this.#tokens.length) throw new End();
    return this.#tokens[this.#at];
  }

  #take() {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }

  #takeIf(text) {
    if (this.#peek().text !== text) return false;
    this.#at += 1;
    return true;
  }

  #takeName(role, refers) {
    if (this.#peek().kind !== 'name') return null;
    return this.#mark(this.#take(), role, refers);
  }

  #mark(token, role, refers = null) {
    token.role = role;
    token.refers = refers;
    return token;
  }

  #problem({ start, end }, message) {
    this.#problems.push({ start, end, message });
  }

  #nested(body) {
    this.#depth += 1;
    if (this.#depth > NESTING_MAX) {
      this.#expected = { at: 'nothing' };
      throw new End();
    }
    body();
    this.#depth -= 1;
  }

  #definition() {
    this.#within = null;
    this.#expected = { at: 'definition' };
    const token = this.#take();
    if (token.text === '{') this.#operation('query', token, true);
    else if (OPERATION_TYPES.has(token.text)) this.#operation(token.text, this.#mark(token, 'keyword'), false);
    else if (token.text === 'fragment') this.#fragment(this.#mark(token, 'keyword'));
  }

  #operation(type, { start, end }, short) {
    const operation = { type, name: null, start, end, fields: [], variables: [] };
    this.#operations.push(operation);
    this.#within = operation;
    const root = this.#schema?.rootOf(type) ?? null;
    if (!short) {
      this.#expected = { at: 'nothing' };
      operation.name = this.#takeName('definition')?.text ?? null;
      if (this.#takeIf('(')) this.#variableDefinitions(operation);
      this.#directives(type.toUpperCase());
      if (!this.#takeIf('{')) return;
    }
    this.#selectionSet(root, operation.fields);
    this.#close(operation);
  }

  #fragment({ start, end }) {
    const fragment = { name: null, on: null, start, end };
    this.#within = fragment;
    this.#expected = { at: 'nothing' };
    fragment.name = this.#takeName('definition')?.text ?? null;
    this.#fragments.push(fragment);
    this.#expected = { at: 'on' };
    if (this.#peek().text !== 'on') return;
    const type = this.#typeCondition(null);
    fragment.on = type?.name ?? null;
    this.#directives('FRAGMENT_DEFINITION');
    if (!this.#takeIf('{')) return;
    this.#selectionSet(type, []);
    this.#close(fragment);
  }

  #close(definition) {
    definition.end = this.#tokens[this.#at - 1].end;
  }

  #variableDefinitions(operation) {
    for (;;) {
      this.#expected = { at: 'nothing' };
      const token = this.#take();
      if (token.text === ')') return;
      if (token.text !== '$') continue;
      this.#mark(token, 'variable');
      const name = this.#takeName('variable')?.text;
      if (name === undefined || !this.#takeIf(':')) continue;
      this.#expected = { at: 'inputType' };
      const shape = this.#shape();
      operation.variables.push({ name, shape });
      this.#expected = { at: 'nothing' };
      if (this.#takeIf('=')) this.#default(shape);
      this.#expected = { at: 'nothing' };
      this.#directives('VARIABLE_DEFINITION');
    }
  }

  // A default contains no variables.
  #default(shape) {
    this.#constant = true;
    this.#value(shape);
    this.#constant = false;
  }

  // A type such as `[String!]!`, in the form of introspection.
  #shape() {
    let shape;
    if (this.#takeIf('[')) {
      shape = { kind: 'LIST', ofType: null };
      this.#nested(() => {
        shape.ofType = this.#shape();
      });
      this.#expected = { at: 'nothing' };
      this.#takeIf(']');
    } else {
      const token = this.#takeName('type');
      const type = token && this.#schema?.typeOf(token.text);
      if (token) token.refers = type ? { type } : null;
      if (token && this.#schema && !type) this.#problem(token, `There is no type "${token.text}".`);
      shape = { kind: type?.kind ?? null, name: token?.text ?? null };
      this.#expected = { at: 'nothing' };
    }
    // Behind the last token of a document there is no `!`, but the shape so far is of use.
    if (this.#at < this.#tokens.length && this.#takeIf('!')) return { kind: 'NON_NULL', ofType: shape };
    return shape;
  }

  #selectionSet(parent, names) {
    this.#nested(() => {
      for (;;) {
        this.#expected = { at: 'selection', parent };
        const token = this.#take();
        if (token.text === '}') return;
        if (token.text === '...') this.#spread(parent);
        else if (token.kind === 'name') this.#field(parent, token, names);
      }
    });
  }

  #field(parent, first, names) {
    let token = this.#mark(first, 'field');
    if (this.#takeIf(':')) {
      this.#mark(first, 'alias');
      this.#expected = { at: 'selection', parent, aliased: true };
      token = this.#takeName('field');
      if (!token) return;
    }
    names.push(token.text);
    const member = parent && fieldOf(this.#schema, parent, token.text);
    if (member) token.refers = { type: parent, member };
    else if (parent) this.#problem(token, `Type "${parent.name}" has no field "${token.text}".`);
    this.#expected = { at: 'selection', parent };
    if (this.#takeIf('(')) this.#arguments(member?.args ?? null, token.text, token.refers);
    this.#expected = { at: 'selection', parent };
    this.#directives('FIELD');
    if (this.#takeIf('{')) this.#selectionSet(member ? this.#schema.typeOf(namedType(member.type)) : null, []);
  }

  #spread(parent) {
    this.#expected = { at: 'spread', parent };
    const next = this.#peek();
    if (next.text === 'on') {
      const type = this.#typeCondition(parent);
      this.#directives('INLINE_FRAGMENT');
      if (this.#takeIf('{')) this.#selectionSet(type, []);
    } else if (next.kind === 'name') {
      this.#mark(this.#take(), 'definition');
      this.#expected = { at: 'selection', parent };
      this.#directives('FRAGMENT_SPREAD');
    } else {
      this.#directives('INLINE_FRAGMENT');
      if (this.#takeIf('{')) this.#selectionSet(parent, []);
    }
  }

  // From `on`; returns the type, or null if there is none of this name.
  #typeCondition(parent) {
    this.#mark(this.#take(), 'keyword');
    this.#expected = { at: 'typeCondition', parent };
    const token = this.#takeName('type');
    const type = token && this.#schema?.typeOf(token.text);
    if (type) token.refers = { type };
    else if (token && this.#schema) this.#problem(token, `There is no type "${token.text}".`);
    this.#expected = { at: 'nothing' };
    return type ?? null;
  }

  #directives(location) {
    const outside = this.#expected;
    while (this.#peek().text === '@') {
      this.#mark(this.#take(), 'directive');
      this.#expected = { at: 'directive', location };
      const token = this.#takeName('directive');
      this.#expected = outside;
      if (!token) continue;
      const directive = this.#schema?.directives.get(token.text);
      if (this.#schema && !directive) this.#problem(token, `There is no directive "@${token.text}".`);
      if (this.#takeIf('(')) this.#arguments(directive?.args ?? null, `@${token.text}`, null);
      this.#expected = outside;
    }
  }

  // `inputs` is null if the field is unknown. The page of an argument is that of its field.
  #arguments(inputs, owner, refers) {
    const unknown = (name) => `"${owner}" has no argument "${name}".`;
    this.#inputs({ end: ')', at: 'argument', inputs, unknown, refersTo: () => refers });
  }

  #inputs({ end, at, inputs, unknown, refersTo }) {
    const given = new Set();
    for (;;) {
      this.#expected = { at, inputs: inputs ?? [], given };
      const token = this.#take();
      if (token.text === end) return;
      if (BRACKETS.has(token.text)) {
        // This list was not closed; the bracket belongs to what is around it.
        this.#at -= 1;
        return;
      }
      if (token.kind !== 'name') continue;
      const input = inputs?.find(({ name }) => name === token.text);
      if (inputs && !input) this.#problem(token, unknown(token.text));
      given.add(token.text);
      this.#mark(token, 'argument', input ? refersTo(input) : null);
      this.#expected = { at: 'nothing' };
      if (this.#takeIf(':')) this.#value(input?.type ?? null);
    }
  }

  // `shape` is null if the type is unknown.
  #value(shape) {
    this.#nested(() => {
      this.#expected = { at: 'value', shape, constant: this.#constant };
      const token = this.#take();
      if (token.text === '$') {
        this.#mark(token, 'variable');
        this.#takeName('variable');
      } else if (token.text === '[') {
        this.#list(itemOf(shape));
      } else if (token.text === '{') {
        const type = shape && this.#schema?.typeOf(namedType(shape));
        const unknown = (name) => `Input "${type.name}" has no field "${name}".`;
        const refersTo = (member) => ({ type, member });
        this.#inputs({ end: '}', at: 'inputField', inputs: type?.inputFields ?? null, unknown, refersTo });
      } else if (token.kind === 'name') {
        this.#word(token, shape);
      } else if (token.kind === 'punctuator') {
        // A value is missing; the bracket belongs to what is around it.
        this.#at -= 1;
      }
    });
  }

  #list(shape) {
    for (;;) {
      this.#expected = { at: 'value', shape, constant: this.#constant };
      const before = this.#at;
      if (this.#takeIf(']')) return;
      this.#value(shape);
      // The end of something around the list.
      if (this.#at === before) return;
    }
  }

  #word(token, shape) {
    if (['true', 'false', 'null'].includes(token.text)) {
      this.#mark(token, 'literal');
      return;
    }
    const type = shape && this.#schema?.typeOf(namedType(shape));
    const member = type?.enumValues?.find(({ name }) => name === token.text);
    this.#mark(token, 'enum', member ? { type, member } : null);
    if (type?.enumValues && !member) this.#problem(token, `Enum "${type.name}" has no value "${token.text}".`);
  }
}
