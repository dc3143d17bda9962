// The side panel with the requests that were run, and the examples of the documentation.

import { el } from './dom.js';

// The first lines of a document tell requests of one name apart.
const PREVIEW_CHARS_MAX = 160;

export class HistoryPanel {
  #view = el('div', { class: 'side-view' });
  #history;
  #examples;
  #titleOf;
  #onOpen;

  /**
   * `history` is that of history.js, `examples` are `{ name, query }`, `titleOf(entry)` names an entry, and
   * `onOpen({ query, variables, operation })` shows one.
   */
  constructor(panel, { history, examples, titleOf, onOpen }) {
    this.#history = history;
    this.#examples = examples;
    this.#titleOf = titleOf;
    this.#onOpen = onOpen;
    panel.replaceChildren(el('div', { class: 'side-head' }, el('h2', { id: 'history-title' }, 'History')), this.#view);
    history.onChange = () => this.draw();
    this.draw();
  }

  /** Draws the entries anew. */
  draw() {
    const { entries } = this.#history;
    const clear = el('button', { type: 'button', onclick: () => this.#clear() }, 'Clear history');
    this.#view.replaceChildren(
      el(
        'p',
        { class: 'description' },
        'Kept in this browser: documents and variables that were run, without headers.',
      ),
      entries.length === 0
        ? el('p', {}, 'Nothing was run yet.')
        : el('ul', { class: 'entries', 'aria-label': 'Requests' }, ...entries.map((entry) => this.#row(entry))),
      entries.length === 0 ? '' : clear,
      el('h3', {}, 'Examples'),
      el('ul', { class: 'entries', 'aria-label': 'Examples' }, ...this.#examples.map((one) => this.#exampleRow(one))),
    );
  }

  #row(entry) {
    const title = this.#titleOf(entry);
    const when = new Date(entry.at);
    return el(
      'li',
      {},
      el(
        'button',
        { type: 'button', class: 'entry', onclick: () => this.#onOpen(entry) },
        el('span', { class: 'entry-title' }, title),
        el('time', { datetime: when.toISOString() }, timeText(when)),
        el('span', { class: 'entry-text', 'aria-hidden': 'true' }, preview(entry)),
      ),
      el(
        'button',
        { type: 'button', class: 'remove', 'aria-label': `Remove ${title}`, onclick: () => this.#remove(entry) },
        '×',
      ),
    );
  }

  #exampleRow({ name, query }) {
    const open = () => this.#onOpen({ query, variables: '', operation: undefined });
    return el(
      'li',
      {},
      el('button', { type: 'button', class: 'entry', onclick: open }, el('span', { class: 'entry-title' }, name)),
    );
  }

  #remove(entry) {
    this.#history.remove(entry);
    this.#focusFirst();
  }

  #clear() {
    this.#history.clear();
    this.#focusFirst();
  }

  // The button that had the focus is gone.
  #focusFirst() {
    this.#view.querySelector('button').focus();
  }
}

function preview({ query, variables }) {
  const text = `${query.replace(/#[^\n]*/g, ' ')} ${variables}`.replace(/\s+/g, ' ').trim();
  return text.length > PREVIEW_CHARS_MAX ? `${text.slice(0, PREVIEW_CHARS_MAX)}…` : text;
}

// The time of today, the date before.
function timeText(when) {
  const isToday = when.toDateString() === new Date().toDateString();
  return isToday
    ? when.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
    : when.toLocaleDateString([], { day: 'numeric', month: 'short' });
}
