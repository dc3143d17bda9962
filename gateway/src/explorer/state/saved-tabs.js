// The open tabs, kept over reloads and restarts of the browser.

import { Kept } from './storage.js';

// More are hard to tell apart in a row; documents from links and from the history still open.
export const TABS_MAX = 20;
const STORED_TABS_MAX = 100;
const KEY = 'fritzy.explorer.tabs.1';

/**
 * The tabs as `{ tabs: [{ query, variables, headers, operation }], selected, keepHeaders }`, in the window's own
 * storage, so that two windows do not overwrite each other, and in the browser's, for the next window.
 *
 * Headers often hold credentials: they are kept only if the user asks for it.
 */
export class SavedTabs {
  #own = new Kept(() => sessionStorage, KEY);
  #shared = new Kept(() => localStorage, KEY);

  /** The tabs of this window, or else those that were saved last, or null. */
  read() {
    return readTabs(this.#own.read()) ?? readTabs(this.#shared.read());
  }

  /** Returns whether they were kept. */
  write({ tabs, selected, keepHeaders }) {
    const value = {
      selected,
      keepHeaders,
      tabs: tabs.map(({ query, variables, headers, operation }) => ({
        query,
        variables,
        headers: keepHeaders ? headers : '',
        operation,
      })),
    };
    const own = this.#own.write(value);
    return this.#shared.write(value) && own;
  }
}

/** What of a stored value can be used; null if nothing can. */
export function readTabs(value) {
  if (!Array.isArray(value?.tabs)) return null;
  const tabs = value.tabs
    .filter((tab) => typeof tab?.query === 'string')
    .slice(0, STORED_TABS_MAX)
    .map(({ query, variables, headers, operation }) => ({
      query,
      variables: textOr(variables, ''),
      headers: textOr(headers, ''),
      operation: textOr(operation, undefined),
    }));
  if (tabs.length === 0) return null;
  const selected = Number.isInteger(value.selected) && tabs[value.selected] ? value.selected : 0;
  return { tabs, selected, keepHeaders: value.keepHeaders === true };
}

function textOr(value, otherwise) {
  return typeof value === 'string' ? value : otherwise;
}
