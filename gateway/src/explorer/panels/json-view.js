// A JSON text in colours, in pieces that a browser draws only when they are seen: a megabyte stays responsive, and its
// text can still be searched and copied.

import { tokenizeJson } from '../language/json.js';
import { el } from './dom.js';

// A screen or two; the pieces out of sight cost one element each.
const CHUNK_LINES = 100;
// Longer lines are one piece of work for the browser; they stay in one colour.
const COLOURED_CHUNK_CHARS_MAX = 50_000;

/** Shows a laid out JSON text in an element. */
export class JsonView {
  #view;
  #observer;

  constructor(view) {
    this.#view = view;
  }

  show(text) {
    this.#observer?.disconnect();
    const chunks = chunksOf(text).map((chunk) => el('div', { class: 'chunk' }, chunk));
    this.#observer = new IntersectionObserver((entries) => this.#colour(entries), { root: null, rootMargin: '50%' });
    for (const chunk of chunks) {
      const lines = chunk.textContent.split('\n').length - 1;
      chunk.style.containIntrinsicBlockSize = `auto ${lines}lh`;
      this.#observer.observe(chunk);
    }
    this.#view.replaceChildren(...chunks);
  }

  /** Shows a text as it is. */
  showPlain(text) {
    this.#observer?.disconnect();
    this.#view.textContent = text;
  }

  #colour(entries) {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      this.#observer.unobserve(target);
      if (target.textContent.length <= COLOURED_CHUNK_CHARS_MAX) colour(target);
    }
  }
}

// No text of JSON goes over several lines, so each piece can be read by itself.
function chunksOf(text) {
  const lines = text.split('\n');
  const chunks = [];
  for (let at = 0; at < lines.length; at += CHUNK_LINES) {
    const isLast = at + CHUNK_LINES >= lines.length;
    chunks.push(lines.slice(at, at + CHUNK_LINES).join('\n') + (isLast ? '' : '\n'));
  }
  return chunks;
}

function colour(chunk) {
  const text = chunk.textContent;
  const parts = [];
  let done = 0;
  for (const { kind, text: part, start, end } of tokenizeJson(text)) {
    if (kind === 'punctuator') continue;
    parts.push(text.slice(done, start), el('span', { class: `json-${kind}` }, part));
    done = end;
  }
  chunk.replaceChildren(...parts, text.slice(done));
}
