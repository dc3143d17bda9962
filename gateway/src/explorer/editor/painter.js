// The coloured text beneath a textarea, which itself is transparent. A change redraws the lines that it touches.

import { el } from '../panels/dom.js';

// Colours above this size would make typing slow; such a text is drawn in one colour.
const COLOURED_CHARS_MAX = 200_000;

export class Painter {
  #layer;
  #gutter;
  // What is drawn in each line; equal texts are drawn alike.
  #drawn = [];

  /** `layer` gets an element for each line, `gutter` the numbers of the lines. */
  constructor(layer, gutter) {
    this.#layer = layer;
    this.#gutter = gutter;
  }

  /**
   * Draws a text. `pieces` are `{ start, end, role }` in order, and `marks` the offsets at which marked ones start; a
   * role is a class of the style sheet.
   */
  draw(text, pieces, marks) {
    const lines = linesOf(text, text.length > COLOURED_CHARS_MAX ? [] : pieces, marks);
    const before = this.#drawn.length;
    const keys = lines.map((parts) => parts.map(([look, part]) => `${look}\u0000${part}`).join('\u0001'));
    const same = (offset) => keys.at(offset) === this.#drawn.at(offset);
    const most = Math.min(keys.length, before);
    let top = 0;
    while (top < most && same(top)) top += 1;
    let bottom = 0;
    while (bottom < most - top && same(-1 - bottom)) bottom += 1;
    this.#replace(top, before - bottom, lines.slice(top, keys.length - bottom));
    this.#drawn = keys;
    if (keys.length !== before) {
      this.#gutter.textContent = Array.from({ length: keys.length }, (_, index) => index + 1).join('\n');
    }
  }

  /** Where a place of the text is in the window, as a rectangle of no width. */
  rectAt(text, offset) {
    const before = text.slice(0, offset).split('\n');
    const line = this.#layer.children[before.length - 1];
    let left = before.at(-1).length;
    const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (left <= node.length) {
        const range = document.createRange();
        range.setStart(node, left);
        return range.getBoundingClientRect();
      }
      left -= node.length;
    }
    return line.getBoundingClientRect();
  }

  #replace(from, to, lines) {
    const old = Array.from(this.#layer.children).slice(from, to);
    const next = this.#layer.children[to] ?? null;
    for (const line of old) line.remove();
    const made = document.createDocumentFragment();
    for (const parts of lines) {
      made.append(el('div', {}, ...parts.map(([look, part]) => (look ? el('span', { class: look }, part) : part))));
    }
    this.#layer.insertBefore(made, next);
  }
}

// The parts `[look, text]` of each line.
function linesOf(text, pieces, marks) {
  const lines = [[]];
  const add = (part, look) => {
    for (const [index, one] of part.split('\n').entries()) {
      if (index > 0) lines.push([]);
      if (one !== '') lines.at(-1).push([look, one]);
    }
  };
  let done = 0;
  for (const { start, end, role } of pieces) {
    add(text.slice(done, start), '');
    add(text.slice(start, end), marks.has(start) ? `${role} marked` : role);
    done = end;
  }
  add(text.slice(done), '');
  return lines;
}
