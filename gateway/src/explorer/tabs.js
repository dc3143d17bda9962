// A row of tabs with the keys of https://www.w3.org/WAI/ARIA/apg/patterns/tabs/: Tab stops once, arrows move inside.

import { el } from './dom.js';

export class TabRow {
  #list;
  #panel;
  #onSelect;
  #entries = [];
  #made = 0;

  constructor(list, panel, onSelect) {
    this.#list = list;
    this.#panel = panel;
    this.#onSelect = onSelect;
    list.addEventListener('keydown', (event) => this.#onKey(event));
  }

  get length() {
    return this.#entries.length;
  }

  add(name, content) {
    this.#made += 1;
    const tab = el(
      'button',
      {
        type: 'button',
        role: 'tab',
        id: `tab-${this.#made}`,
        'aria-controls': this.#panel.id,
        'aria-selected': 'false',
        tabindex: '-1',
        onclick: () => this.select(content),
      },
      name,
    );
    this.#entries.push({ tab, content });
    this.#list.append(tab);
  }

  /** Shows the tab that was added with this content. */
  select(content, { focus = false } = {}) {
    for (const entry of this.#entries) {
      const chosen = entry.content === content;
      entry.tab.setAttribute('aria-selected', String(chosen));
      entry.tab.tabIndex = chosen ? 0 : -1;
      if (!chosen) continue;
      this.#panel.setAttribute('aria-labelledby', entry.tab.id);
      entry.tab.scrollIntoView({ block: 'nearest', inline: 'nearest' });
      if (focus) entry.tab.focus();
    }
    this.#onSelect(content);
  }

  /** Removes a tab and shows the one before it. */
  remove(content) {
    const index = this.#entries.findIndex((entry) => entry.content === content);
    const [removed] = this.#entries.splice(index, 1);
    removed.tab.remove();
    this.select(this.#entries[Math.max(0, index - 1)].content, { focus: true });
  }

  #onKey(event) {
    const last = this.#entries.length - 1;
    const here = this.#entries.findIndex((entry) => entry.tab === event.target);
    const goal = {
      ArrowRight: here === last ? 0 : here + 1,
      ArrowLeft: here === 0 ? last : here - 1,
      Home: 0,
      End: last,
    }[event.key];
    if (here < 0 || goal === undefined) return;
    event.preventDefault();
    this.select(this.#entries[goal].content, { focus: true });
  }
}
