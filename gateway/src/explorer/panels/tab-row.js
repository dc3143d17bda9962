// A row of tabs with the keys of https://www.w3.org/WAI/ARIA/apg/patterns/tabs/: Tab stops once, arrows move inside,
// Delete closes.

import { el } from './dom.js';

export class TabRow {
  #list;
  #panel;
  #onSelect;
  #onClose;
  #entries = [];
  #made = 0;

  /** `onSelect(content)` shows a tab; `onClose(content)` is called when the user wants to close one. */
  constructor(list, panel, { onSelect, onClose }) {
    this.#list = list;
    this.#panel = panel;
    this.#onSelect = onSelect;
    this.#onClose = onClose;
    list.addEventListener('keydown', (event) => this.#onKey(event));
  }

  /** What was added, in the order of the tabs. */
  get contents() {
    return this.#entries.map(({ content }) => content);
  }

  add(title, content) {
    this.#made += 1;
    const name = el('span', { class: 'tab-title' }, title);
    // For the mouse only: a button inside a tab would be out of reach for the keyboard; there is Delete.
    const cross = el('span', { class: 'tab-close', 'aria-hidden': 'true', title: 'Close (Delete)' }, '×');
    const tab = el(
      'button',
      {
        type: 'button',
        role: 'tab',
        id: `tab-${this.#made}`,
        'aria-controls': this.#panel.id,
        'aria-selected': 'false',
        'aria-keyshortcuts': 'Delete',
        tabindex: '-1',
        onclick: (event) => (event.target === cross ? this.#onClose(content) : this.select(content)),
      },
      name,
      cross,
    );
    this.#entries.push({ tab, name, content });
    this.#list.append(tab);
  }

  rename(content, title) {
    const { tab, name } = this.#entries.find((entry) => entry.content === content);
    if (name.textContent === title) return;
    name.textContent = title;
    if (tab.getAttribute('aria-selected') === 'true') scrollTo(tab);
  }

  /** Shows the tab that was added with this content. */
  select(content, { focus = false } = {}) {
    for (const entry of this.#entries) {
      const chosen = entry.content === content;
      entry.tab.setAttribute('aria-selected', String(chosen));
      entry.tab.tabIndex = chosen ? 0 : -1;
      if (!chosen) continue;
      this.#panel.setAttribute('aria-labelledby', entry.tab.id);
      scrollTo(entry.tab);
      if (focus) entry.tab.focus();
    }
    this.#onSelect(content);
  }

  /** Removes a tab. If it was shown, the one before it is shown instead; it must not be the last one. */
  remove(content) {
    const index = this.#entries.findIndex((entry) => entry.content === content);
    const [removed] = this.#entries.splice(index, 1);
    removed.tab.remove();
    if (removed.tab.getAttribute('aria-selected') !== 'true') return;
    this.select(this.#entries[Math.max(0, index - 1)].content, { focus: true });
  }

  #onKey(event) {
    const last = this.#entries.length - 1;
    const here = this.#entries.findIndex((entry) => entry.tab === event.target);
    if (here < 0) return;
    if (event.key === 'Delete') {
      event.preventDefault();
      this.#onClose(this.#entries[here].content);
      return;
    }
    const goal = {
      ArrowRight: here === last ? 0 : here + 1,
      ArrowLeft: here === 0 ? last : here - 1,
      Home: 0,
      End: last,
    }[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    this.select(this.#entries[goal].content, { focus: true });
  }
}

function scrollTo(tab) {
  tab.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}
