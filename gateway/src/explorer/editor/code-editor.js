// A textarea as a code editor: colours beneath it, line numbers beside it, completion at the caret. The textarea itself
// keeps what a browser does well: undo, input methods, spell checkers off, screen readers, touch.

import { el } from '../panels/dom.js';
import { replaceRange } from './insert.js';
import { editKeys } from './keys.js';
import { Painter } from './painter.js';
import { Popup } from './popup.js';

// What is worth a list without being asked for: a name, a variable, a directive, a fragment, an argument.
const OPENS_POPUP = /[\w$@(]$|\.\.\.$/;

// Between the caret and the edge of the editor, so that a letter more is seen.
const MARGIN_PX = 12;

/**
 * `language` has
 * - `colours(text, caret)`: pieces `{ start, end, role }` in order; `caret` is -1 without focus,
 * - `completions(text, offset)`: see completion.js, or null,
 * - `isInText(text, offset)` and `comment`: see keys.js.
 */
export class CodeEditor {
  #area;
  #gutter = el('div', { class: 'gutter', 'aria-hidden': 'true' });
  #layer = el('div', { class: 'layer' });
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
    area.parentElement.prepend(this.#gutter, el('div', { class: 'paint', 'aria-hidden': 'true' }, this.#layer));
    this.#painter = new Painter(this.#layer, this.#gutter);
    this.#popup = new Popup(area, (option) => this.#accept(option));
    // Before the keys of the editor: an open list takes some of them.
    area.addEventListener('keydown', (event) => this.#onKey(event));
    editKeys(area, language);
    area.addEventListener('input', (event) => this.#onChange(event));
    area.addEventListener('blur', () => {
      this.#closePopup();
      this.redraw();
    });
    document.addEventListener('selectionchange', () => {
      if (!this.#isFocused()) return;
      this.redraw();
      // At the start of a line a browser scrolls to the caret, and leaves the space before it out of sight.
      if ((this.text[this.caret - 1] ?? '\n') === '\n') area.scrollLeft = 0;
    });
    area.addEventListener('pointerdown', () => this.#closePopup());
    addEventListener('resize', () => this.#closePopup());
    // The editor, or the page around it. Scroll events do not bubble.
    addEventListener('scroll', () => this.#onScroll(), { capture: true, passive: true });
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
    this.#area.focus();
    this.#area.setSelectionRange(offset, offset);
    this.#reveal();
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
    // The keyboards of phones compose every word; elsewhere, a composition is a word of another script.
    const composed = event.inputType === 'insertCompositionText' && matchMedia('(pointer: coarse)').matches;
    const typed = (event.inputType === 'insertText' && !event.isComposing) || composed;
    const deleted = event.inputType?.startsWith('deleteContent') && this.#popup.isOpen;
    // Later, when the caret stands between the brackets that were just inserted.
    queueMicrotask(() => {
      this.#reveal();
      const opens = OPENS_POPUP.test(this.text.slice(0, this.caret));
      if ((typed && opens) || deleted) this.#complete(false);
      else this.#closePopup();
    });
  }

  // A browser scrolls to the caret when it types, not when a script sets it.
  #reveal() {
    const area = this.#area;
    const caret = this.#painter.rectAt(this.text, this.caret);
    const { left, top } = area.getBoundingClientRect();
    const [right, bottom] = [left + area.clientWidth, top + area.clientHeight];
    if (caret.left < left + MARGIN_PX) area.scrollLeft -= left + MARGIN_PX - caret.left;
    if (caret.right > right - MARGIN_PX) area.scrollLeft += caret.right - right + MARGIN_PX;
    if (caret.top < top) area.scrollTop -= top - caret.top + area.clientHeight / 2;
    if (caret.bottom > bottom) area.scrollTop += caret.bottom - bottom + area.clientHeight / 2;
    this.#onScroll();
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

  // The colours move with the textarea, and an open list with the text.
  #onScroll() {
    const { scrollLeft, scrollTop } = this.#area;
    this.#layer.style.transform = `translate(${-scrollLeft}px, ${-scrollTop}px)`;
    this.#gutter.scrollTop = scrollTop;
    if (this.#popup.isOpen) this.#popup.moveTo(this.#painter.rectAt(this.text, this.#completing.from));
  }

  #closePopup() {
    this.#popup.close();
  }
}
