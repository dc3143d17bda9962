// A textarea as a code editor: colours beneath it, line numbers beside it, completion at the caret. The textarea itself
// keeps what a browser does well: undo, input methods, spell checkers off, screen readers, touch.

import { el } from '../panels/dom.js';
import { replaceRange } from './insert.js';
import { editKeys } from './keys.js';
import { Painter } from './painter.js';
import { Popup } from './popup.js';

// What is worth a list without being asked for: a name, a variable, a directive, a fragment, an argument.
const OPENS_POPUP = /[\w$@(]$|\.\.\.$/;

/**
 * `language` has
 * - `colours(text, caret)`: pieces `{ start, end, role }` in order; `caret` is -1 without focus,
 * - `completions(text, offset)`: see completion.js, or null,
 * - `isInText(text, offset)` and `comment`: see keys.js.
 */
export class CodeEditor {
  #area;
  #language;
  #painter;
  #popup;
  #onInput;
  #marks = new Set();
  // What the open popup completes.
  #completing = null;
  #replacing = false;

  /** `onInput()` is called after each change by the user. */
  constructor(area, language, onInput) {
    this.#area = area;
    this.#language = language;
    this.#onInput = onInput;
    const gutter = el('div', { class: 'gutter', 'aria-hidden': 'true' });
    const layer = el('div', { class: 'layer' });
    area.parentElement.prepend(gutter, el('div', { class: 'paint', 'aria-hidden': 'true' }, layer));
    this.#painter = new Painter(layer, gutter);
    this.#popup = new Popup(area, (option) => this.#accept(option));
    area.addEventListener('scroll', () => {
      layer.style.transform = `translate(${-area.scrollLeft}px, ${-area.scrollTop}px)`;
      gutter.scrollTop = area.scrollTop;
    });
    // Before the keys of the editor: an open list takes some of them.
    area.addEventListener('keydown', (event) => this.#onKey(event));
    editKeys(area, language);
    area.addEventListener('input', (event) => this.#onChange(event));
    area.addEventListener('blur', () => {
      this.#closePopup();
      this.redraw();
    });
    document.addEventListener('selectionchange', () => {
      if (this.#isFocused()) this.redraw();
    });
    area.addEventListener('pointerdown', () => this.#closePopup());
    addEventListener('resize', () => this.#closePopup());
    // The list stands still in the window while the text moves. Scroll events do not bubble.
    addEventListener('scroll', () => this.#followText(), { capture: true, passive: true });
    this.redraw();
  }

  get text() {
    return this.#area.value;
  }

  /** Shows another text from its beginning. It cannot be undone. */
  set text(text) {
    this.#area.value = text;
    this.#area.setSelectionRange(0, 0);
    this.#area.scrollTo(0, 0);
    this.#marks = new Set();
    this.redraw();
  }

  get caret() {
    return this.#area.selectionStart;
  }

  /** Replaces the whole text, in one step that can be undone. */
  replaceAll(text) {
    if (text === this.text) return;
    this.#replace(0, this.text.length, text);
    this.goTo(0);
  }

  goTo(offset) {
    const area = this.#area;
    area.focus();
    area.setSelectionRange(offset, offset);
    // A browser scrolls to the caret when it types, not when it is set.
    const line = Number.parseFloat(getComputedStyle(area).lineHeight);
    const top = (area.value.slice(0, offset).split('\n').length - 1) * line;
    if (top < area.scrollTop || top + 2 * line > area.scrollTop + area.clientHeight) {
      area.scrollTop = Math.max(0, top - area.clientHeight / 2);
    }
  }

  /** Underlines the pieces that start at these offsets, until the text is changed. */
  mark(offsets) {
    this.#marks = new Set(offsets);
    this.redraw();
  }

  /** Draws the text again, after the language has learnt something, such as the schema. */
  redraw() {
    this.#painter.draw(this.text, this.#language.colours(this.text, this.#isFocused() ? this.caret : -1), this.#marks);
  }

  #isFocused() {
    return document.activeElement === this.#area;
  }

  #changed() {
    this.#marks = new Set();
    this.redraw();
    this.#onInput();
  }

  #onChange(event) {
    if (this.#replacing) return;
    this.#changed();
    const typed = event.inputType === 'insertText' && !event.isComposing;
    const deleted = event.inputType?.startsWith('deleteContent') && this.#popup.isOpen;
    // Later, when the caret stands between the brackets that were just inserted.
    queueMicrotask(() => {
      const opens = OPENS_POPUP.test(this.text.slice(0, this.caret));
      if ((typed && opens) || deleted) this.#complete(false);
      else this.#closePopup();
    });
  }

  #onKey(event) {
    if (event.isComposing) return;
    const asksForList =
      (event.key === ' ' && event.ctrlKey) || (event.key === 'ArrowDown' && event.altKey && !this.#popup.isOpen);
    if (asksForList) {
      event.preventDefault();
      this.#complete(true);
      return;
    }
    if (!this.#popup.isOpen || event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.#isComplete() && event.key === 'Enter') {
      // The word is typed out: Enter means a new line.
      this.#closePopup();
    } else if (this.#popup.onKey(event.key)) {
      event.preventDefault();
    } else if (['ArrowLeft', 'ArrowRight', 'Home', 'End', 'Enter', 'Tab'].includes(event.key)) {
      this.#closePopup();
    }
  }

  #isComplete() {
    const { from, to, asked } = this.#completing;
    return !asked && this.#popup.chosen?.insert === this.text.slice(from, to);
  }

  #complete(asked) {
    const { text, caret } = this;
    const found = this.#area.selectionEnd === caret ? this.#language.completions(text, caret) : null;
    if (!found) {
      this.#closePopup();
      return;
    }
    this.#completing = { ...found, asked };
    this.#popup.open(found.options, this.#painter.rectAt(text, found.from), asked || found.prefix !== '');
  }

  #accept({ insert }) {
    const { from, to } = this.#completing;
    this.#replace(from, to, insert);
  }

  // A browser may report one change in many steps.
  #replace(from, to, text) {
    this.#replacing = true;
    replaceRange(this.#area, from, to, text);
    this.#replacing = false;
    this.#closePopup();
    this.#changed();
  }

  #followText() {
    if (this.#popup.isOpen) this.#popup.moveTo(this.#painter.rectAt(this.text, this.#completing.from));
  }

  #closePopup() {
    this.#popup.close();
  }
}
