// The requests that were run, latest first, kept in the browser. Their headers are not: they often hold credentials.

import { Kept } from './storage.js';

export const ENTRIES_MAX = 50;
// Fifty of these fit into what is kept.
export const ENTRY_CHARS_MAX = 16_000;
const KEY = 'fritzy.explorer.history.1';

/** Entries are `{ query, variables, operation, at }`; `at` is the time of the last run in ms since 1970. */
export class History {
  #kept = new Kept(() => localStorage, KEY);
  // The entries, where the browser does not keep them; otherwise null, as other windows change them, too.
  #unkept = null;

  /** Called after each change on this page. */
  onChange = () => {};

  /** The entries, latest first. */
  get entries() {
    return this.#unkept ?? readEntries(this.#kept.read());
  }

  /** Adds a request, or moves it to the front if it is there. Very long ones are not kept. */
  add({ query, variables, operation }, at) {
    if (query.length + variables.length > ENTRY_CHARS_MAX) return;
    const entry = { query, variables, operation, at };
    const others = this.entries.filter((one) => !isSame(one, entry));
    this.#save([entry, ...others].slice(0, ENTRIES_MAX));
  }

  remove(entry) {
    this.#save(this.entries.filter((one) => !isSame(one, entry)));
  }

  clear() {
    this.#unkept = null;
    this.#kept.remove();
    this.onChange();
  }

  #save(entries) {
    this.#unkept = this.#kept.write(entries) ? null : entries;
    this.onChange();
  }
}

/** What of a stored value can be used. */
export function readEntries(value) {
  if (!Array.isArray(value)) return [];
  return value
    .filter((entry) => typeof entry?.query === 'string' && Number.isFinite(entry.at))
    .slice(0, ENTRIES_MAX)
    .map(({ query, variables, operation, at }) => ({
      query,
      variables: typeof variables === 'string' ? variables : '',
      operation: typeof operation === 'string' ? operation : undefined,
      at,
    }));
}

function isSame(one, other) {
  return one.query === other.query && one.variables === other.variables && one.operation === other.operation;
}
