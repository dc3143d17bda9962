// The clipboard, also on pages without TLS, where browsers do not offer it to scripts.

import { el } from './dom.js';

const SHOWN_MS = 2_000;

/** Copies a text, and says on the button whether that worked. */
export async function copyText(button, text) {
  const done = (await written(text)) || selectedAndCopied(text);
  const name = button.textContent;
  if (button.dataset.name === undefined) button.dataset.name = name;
  button.textContent = done ? 'Copied' : 'Not allowed';
  setTimeout(() => {
    button.textContent = button.dataset.name;
  }, SHOWN_MS);
}

async function written(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

// `navigator.clipboard` exists only on https and on localhost; a node in a network often has neither.
function selectedAndCopied(text) {
  const before = document.activeElement;
  const area = el('textarea', { class: 'unseen', 'aria-hidden': 'true', readonly: true });
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  before?.focus();
  return done;
}
