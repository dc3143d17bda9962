// The request side of the page: the document, its variables and headers, and what is wrong with them.

import { CodeEditor } from './editor/code-editor.js';
import { graphqlLanguage, isTyping, jsonLanguage, variablesLanguage } from './editor/languages.js';
import { analyse } from './language/analysis.js';
import { formatJson, readObject } from './language/json.js';
import { offsetOf, positionOf } from './language/place.js';
import { prettify } from './language/prettify.js';
import { el } from './panels/dom.js';
import { headersFault } from './request/post.js';

export class RequestForm {
  #parts;
  #editors;
  #schema = null;
  #operation;

  /**
   * `onInput()` is called after a change by the user; `operation()` returns the name of the operation to run;
   * `onReference({ type, member })` is called when the user asks for a name of the document.
   */
  constructor(app, { onInput, operation, onReference }) {
    const find = (selector) => app.querySelector(selector);
    this.#operation = operation;
    this.#parts = {
      query: find('#query'),
      variables: find('#variables'),
      headers: find('#headers'),
      queryFault: find('#query-fault'),
      problem: find('#query-problem'),
      variablesFault: find('#variables-fault'),
      headersFault: find('#headers-fault'),
    };
    const changed = () => {
      this.#parts.queryFault.textContent = '';
      onInput();
      this.#showProblem();
    };
    const languages = {
      query: graphqlLanguage(() => this.#schema),
      variables: variablesLanguage(() => ({ variables: this.#variables(), schema: this.#schema })),
      headers: jsonLanguage(() => null),
    };
    this.#editors = Object.fromEntries(
      Object.entries(languages).map(([key, language]) => [key, new CodeEditor(this.#parts[key], language, changed)]),
    );
    this.#parts.query.addEventListener('blur', () => this.#showProblem());
    this.#parts.query.addEventListener('click', (event) => {
      const reference = event.ctrlKey || event.metaKey ? this.#referenceAtCaret() : null;
      if (reference) onReference(reference);
    });
  }

  /** The texts as `{ query, variables, headers }`. */
  get texts() {
    const { query, variables, headers } = this.#editors;
    return { query: query.text, variables: variables.text, headers: headers.text };
  }

  /** Shows the texts of another tab. */
  set texts(texts) {
    for (const key of ['query', 'variables', 'headers']) this.#editors[key].text = texts[key];
    this.#parts.queryFault.textContent = '';
    this.#showInputFaults({});
    this.#showProblem();
  }

  /** The schema for completion and checks, or null. */
  set schema(schema) {
    this.#schema = schema;
    for (const editor of Object.values(this.#editors)) editor.redraw();
    this.#showProblem();
  }

  get queryCaret() {
    return this.#editors.query.caret;
  }

  get queryHasFocus() {
    return document.activeElement === this.#parts.query;
  }

  focus() {
    this.#parts.query.focus();
  }

  /** Replaces the document in one step that can be undone. */
  replaceQuery(text) {
    this.#editors.query.replaceAll(text);
  }

  /** Underlines places `{ line, column }` of the document. */
  markPlaces(places) {
    const { query } = this.#editors;
    query.mark(places.map((place) => offsetOf(query.text, place)));
  }

  goTo(place) {
    const { query } = this.#editors;
    query.goTo(offsetOf(query.text, place));
  }

  /** Lays out the document, the variables and the headers; texts with faults stay, and the first fault is shown. */
  prettify() {
    const { query, variables, headers } = this.#editors;
    const { variables: readVariables, headers: readHeaders } = this.#readInputs();
    this.#showInputFaults({ variables: readVariables, headers: readHeaders });
    for (const [editor, read] of [
      [headers, readHeaders],
      [variables, readVariables],
    ]) {
      if (!read.fault && editor.text.trim() !== '') editor.replaceAll(formatJson(editor.text));
    }
    const { text, fault, offset } = prettify(query.text);
    if (!fault) query.replaceAll(text);
    this.#parts.queryFault.textContent = fault ?? '';
    query.goTo(fault ? offset : 0);
  }

  /** The headers, or none if they have a fault. */
  get headers() {
    return this.#readInputs().headers.value ?? {};
  }

  /** The variables and headers of a request. If they have faults, shows them and returns null. */
  readInputs() {
    const { variables, headers } = this.#readInputs();
    this.#showInputFaults({ variables, headers });
    if (variables.fault || headers.fault) return null;
    return { variables: this.#editors.variables.text, headers: headers.value };
  }

  #readInputs() {
    const texts = this.texts;
    const variables = readObject(texts.variables, 'Variables');
    const headers = readObject(texts.headers, 'Headers');
    const refused = headers.fault ? null : headersFault(headers.value);
    if (!refused) return { variables, headers };
    return { variables, headers: { fault: `Headers: ${refused}.`, offset: 0 } };
  }

  #showInputFaults({ variables, headers }) {
    const parts = this.#parts;
    const show = (area, editor, line, read) => {
      line.textContent = read?.fault ?? '';
      area.setAttribute('aria-invalid', String(Boolean(read?.fault)));
      if (read?.fault) editor.goTo(read.offset);
    };
    show(parts.headers, this.#editors.headers, parts.headersFault, headers);
    show(parts.variables, this.#editors.variables, parts.variablesFault, variables);
  }

  // The first name that the schema does not have; not the one that is being typed.
  #showProblem() {
    const { query } = this.#editors;
    const { problems } = analyse(query.text, this.#schema);
    const caret = this.queryHasFocus ? query.caret : -1;
    const [first, ...others] = problems.filter((problem) => !isTyping(problem, caret));
    this.#parts.problem.replaceChildren(...(first ? this.#problemParts(first, others.length) : []));
  }

  #problemParts({ start, message }, others) {
    const { line } = positionOf(this.texts.query, start);
    const goTo = () => this.#editors.query.goTo(start);
    return [
      el('button', { type: 'button', class: 'place', onclick: goTo }, `Line ${line}`),
      ` ${message}`,
      others > 0 ? ` ${others} more.` : '',
    ];
  }

  #referenceAtCaret() {
    const { text, caret } = this.#editors.query;
    const { tokens } = analyse(text, this.#schema);
    return tokens.find(({ start, end, refers }) => refers && start <= caret && caret <= end)?.refers;
  }

  #variables() {
    const { operations } = analyse(this.#editors.query.text, this.#schema);
    const chosen = operations.find(({ name }) => name === this.#operation()) ?? operations[0];
    return chosen?.variables ?? [];
  }
}
