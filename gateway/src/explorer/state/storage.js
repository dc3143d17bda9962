// What the browser keeps for the page. It may keep nothing, be full, or hold what another version wrote: the page works
// all the same.

// Browsers keep some 5 million characters for a whole site; other pages of it need theirs.
export const STORED_CHARS_MAX = 1_000_000;

/** One value in a browser's storage, as JSON. `find` returns the storage, or throws where there is none. */
export class Kept {
  #find;
  #key;

  constructor(find, key) {
    this.#find = find;
    this.#key = key;
  }

  /** The value, or null if there is none that can be read. */
  read() {
    try {
      const text = this.#find().getItem(this.#key);
      return text === null ? null : JSON.parse(text);
    } catch {
      return null;
    }
  }

  /** Keeps a value. Returns whether it was kept. */
  write(value) {
    try {
      const text = JSON.stringify(value);
      if (text.length > STORED_CHARS_MAX) return false;
      this.#find().setItem(this.#key, text);
      return true;
    } catch {
      return false;
    }
  }

  remove() {
    try {
      this.#find().removeItem(this.#key);
    } catch {
      // Nothing is kept where nothing can be removed.
    }
  }
}
