// The list of completions at the caret, as a listbox that belongs to a textarea: the focus stays in the text.

import { el, prose } from '../panels/dom.js';

const GAP_PX = 4;
const PAGE_OPTIONS = 8;
let made = 0;

export class Popup {
  #area;
  #onAccept;
  #list;
  #about = el('div', { class: 'about' });
  #box;
  #options = [];
  #chosen = -1;

  /** `onAccept(option)` is called when an option is taken. */
  constructor(area, onAccept) {
    made += 1;
    this.#area = area;
    this.#onAccept = onAccept;
    this.#list = el('ul', { role: 'listbox', id: `completions-${made}`, 'aria-label': 'Completions' });
    // The focus must stay in the text, or it would close this list.
    this.#box = el('div', { class: 'popup', hidden: true, onpointerdown: (event) => event.preventDefault() });
    this.#box.append(this.#list, this.#about);
    area.setAttribute('aria-autocomplete', 'list');
    area.setAttribute('aria-haspopup', 'listbox');
    area.setAttribute('aria-controls', this.#list.id);
  }

  get isOpen() {
    return !this.#box.hidden;
  }

  /** The chosen option, or null. */
  get chosen() {
    return this.#options[this.#chosen] ?? null;
  }

  /** Shows options at a rectangle of the window; the first one is chosen unless `choose` is false. */
  open(options, rect, choose) {
    this.#options = options;
    this.#list.replaceChildren(...options.map((option, index) => this.#row(option, index)));
    // Not inside the editor, which would cut it off.
    this.#area.closest('.explorer').append(this.#box);
    this.#box.hidden = false;
    this.#choose(choose ? 0 : -1);
    this.moveTo(rect);
  }

  close() {
    if (!this.isOpen) return;
    this.#box.hidden = true;
    this.#box.remove();
    this.#options = [];
    this.#choose(-1);
  }

  /** Whether a key was for this list. Enter and Tab take an option only if one is chosen. */
  onKey(key) {
    const last = this.#options.length - 1;
    const goal = {
      ArrowDown: this.#chosen === last ? 0 : this.#chosen + 1,
      ArrowUp: this.#chosen <= 0 ? last : this.#chosen - 1,
      PageDown: Math.min(last, this.#chosen + PAGE_OPTIONS),
      PageUp: Math.max(0, this.#chosen - PAGE_OPTIONS),
    }[key];
    if (goal !== undefined) this.#choose(goal);
    else if (key === 'Escape') this.close();
    else if ((key === 'Enter' || key === 'Tab') && this.chosen) this.#onAccept(this.chosen);
    else return false;
    return true;
  }

  #row(option, index) {
    const isOld = option.deprecated !== null;
    return el(
      'li',
      {
        role: 'option',
        id: `${this.#list.id}-${index}`,
        'aria-selected': 'false',
        class: isOld ? 'old' : null,
        onclick: () => this.#onAccept(option),
      },
      el('span', { class: 'label' }, option.label),
      el('span', { class: 'detail' }, option.detail),
      isOld ? el('span', { class: 'unseen' }, ', deprecated') : '',
    );
  }

  #choose(index) {
    this.#list.children[this.#chosen]?.setAttribute('aria-selected', 'false');
    this.#chosen = index;
    const row = this.#list.children[index];
    if (row && this.isOpen) {
      row.setAttribute('aria-selected', 'true');
      row.scrollIntoView({ block: 'nearest' });
      this.#area.setAttribute('aria-activedescendant', row.id);
    } else {
      this.#area.removeAttribute('aria-activedescendant');
    }
    const { description, deprecated } = this.chosen ?? {};
    this.#about.replaceChildren(
      deprecated ? el('p', { class: 'deprecated' }, 'Deprecated: ', ...prose(deprecated)) : '',
      description ? el('p', {}, ...prose(description)) : '',
    );
    this.#about.hidden = !description && !deprecated;
  }

  /** Puts the list below a line, or above it where there is more room. */
  moveTo(rect) {
    const { style } = this.#box;
    const below = innerHeight - rect.bottom - 2 * GAP_PX;
    const above = rect.top - 2 * GAP_PX;
    const isBelow = below >= Math.min(this.#box.offsetHeight, above);
    style.maxHeight = `${isBelow ? below : above}px`;
    const { offsetWidth, offsetHeight } = this.#box;
    const left = Math.min(rect.left, document.documentElement.clientWidth - offsetWidth - GAP_PX);
    style.left = `${Math.max(GAP_PX, left)}px`;
    style.top = `${isBelow ? rect.bottom + GAP_PX : rect.top - offsetHeight - GAP_PX}px`;
  }
}
