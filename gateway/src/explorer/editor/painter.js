// The coloured text beneath a textarea, which itself is transparent. A change redraws the lines that it touches.

import { lineStart } from '../language/place.js';
import { el } from '../panels/dom.js';

// Colours above this size would make typing slow; such a text is drawn in one colour.
const COLOURED_CHARS_MAX = 200_000;

export class Painter {
  #layer;
  #gutter;
  // What is drawn; at first one empty line.
  #text = '';
  #pieces = [];

  /** `layer` gets an element for each line, `gutter` the numbers of the lines. */
  constructor(layer, gutter) {
    this.#layer = layer;
    this.#gutter = gutter;
    layer.replaceChildren(el('div'));
    gutter.textContent = '1';
  }

  /**
   * Draws a text. `pieces` are `{ start, end, role }` in order, and `marks` the offsets at which marked ones start; a
   * role is a class of the style sheet.
   */
  draw(text, pieces, marks) {
    const looks = text.length > COLOURED_CHARS_MAX ? [] : withMarks(pieces, marks);
    const changed = changeBetween(this.#text, this.#pieces, text, looks);
    if (changed === null) return;
    const { start, end, oldEnd } = changed;
    const first = linesIn(text, 0, start);
    const oldLast = first + linesIn(this.#text, start, oldEnd);
    const from = lineStart(text, start);
    const lineEnd = text.indexOf('\n', end);
    const to = lineEnd < 0 ? text.length : lineEnd;
    this.#replace(first, oldLast + 1, linesOf(text, looks, from, to));
    this.#text = text;
    this.#pieces = looks;
    this.#number(this.#layer.children.length);
  }

  /** Where a place of the text is in the window, as a rectangle of no width. */
  rectAt(text, offset) {
    const line = this.#layer.children[linesIn(text, 0, offset)];
    let left = offset - lineStart(text, offset);
    const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (left <= node.length) {
        const range = document.createRange();
        range.setStart(node, left);
        return range.getBoundingClientRect();
      }
      left -= node.length;
    }
    return emptyRect(line);
  }

  #number(count) {
    if (this.#gutter.dataset.lines === String(count)) return;
    this.#gutter.dataset.lines = count;
    this.#gutter.textContent = Array.from({ length: count }, (_, index) => index + 1).join('\n');
  }

  #replace(from, to, lines) {
    const { children } = this.#layer;
    const next = children[to] ?? null;
    for (let index = to - 1; index >= from; index -= 1) children[index].remove();
    const made = document.createDocumentFragment();
    for (const parts of lines) {
      made.append(el('div', {}, ...parts.map(([look, part]) => (look ? el('span', { class: look }, part) : part))));
    }
    this.#layer.insertBefore(made, next);
  }
}

function withMarks(pieces, marks) {
  if (marks.size === 0) return pieces;
  return pieces.map((piece) => (marks.has(piece.start) ? { ...piece, role: `${piece.role} marked` } : piece));
}

// The part that differs: from `start` to `end` in the new text, to `oldEnd` in the old one; null if none does.
function changeBetween(oldText, oldPieces, text, pieces) {
  const [start, samePieces] = sameStart(oldText, oldPieces, text, pieces);
  if (start === text.length && text.length === oldText.length && samePieces === pieces.length) return null;
  const behind = sameEnd(oldText, oldPieces, text, pieces);
  // In a run of equal letters both ends could claim the same ones.
  const length = Math.min(behind, text.length - start, oldText.length - start);
  return { start, end: text.length - length, oldEnd: oldText.length - length };
}

// How many characters at the start are drawn alike, and how many pieces.
function sameStart(oldText, oldPieces, text, pieces) {
  const most = Math.min(oldText.length, text.length);
  let chars = 0;
  while (chars < most && oldText.charCodeAt(chars) === text.charCodeAt(chars)) chars += 1;
  let same = 0;
  while (same < pieces.length && same < oldPieces.length && isSame(oldPieces[same], pieces[same], 0)) same += 1;
  const first = Math.min(pieces[same]?.start ?? Infinity, oldPieces[same]?.start ?? Infinity);
  return [Math.min(chars, first), same];
}

// How many characters at the end are drawn alike.
function sameEnd(oldText, oldPieces, text, pieces) {
  const most = Math.min(oldText.length, text.length);
  const shift = text.length - oldText.length;
  let chars = 0;
  while (chars < most && oldText.charCodeAt(oldText.length - 1 - chars) === text.charCodeAt(text.length - 1 - chars)) {
    chars += 1;
  }
  let same = 0;
  while (
    same < pieces.length &&
    same < oldPieces.length &&
    isSame(oldPieces.at(-1 - same), pieces.at(-1 - same), shift)
  ) {
    same += 1;
  }
  const last = Math.max(pieces.at(-1 - same)?.end ?? 0, (oldPieces.at(-1 - same)?.end ?? 0) + shift);
  return Math.min(chars, text.length - last);
}

function isSame(old, piece, shift) {
  return old.start + shift === piece.start && old.end + shift === piece.end && old.role === piece.role;
}

function linesIn(text, from, to) {
  let count = 0;
  for (let at = text.indexOf('\n', from); at >= 0 && at < to; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}

// The parts `[look, text]` of each line from an offset at the start of one to an offset at the end of one.
function linesOf(text, pieces, from, to) {
  const lines = [[]];
  const add = (start, end, look) => {
    const part = text.slice(Math.max(start, from), Math.min(end, to));
    for (const [index, one] of part.split('\n').entries()) {
      if (index > 0) lines.push([]);
      if (one !== '') lines.at(-1).push([look, one]);
    }
  };
  let done = from;
  for (const { start, end, role } of pieces) {
    if (end <= from) continue;
    if (start >= to) break;
    if (start > done) add(done, start, '');
    add(start, end, role);
    done = end;
  }
  if (done < to) add(done, to, '');
  return lines;
}

function emptyRect(line) {
  const { left, top, height } = line.getBoundingClientRect();
  return new DOMRect(left, top, 0, height);
}
