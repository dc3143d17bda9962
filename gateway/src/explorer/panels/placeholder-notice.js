// The line above the document that offers to fill in its placeholders.

import { placeholdersIn } from '../language/placeholders.js';
import { el } from './dom.js';

const EXAMPLE_OF = { accountId: 'Create Account', productId: 'Create Product' };

/**
 * Shows the notice for a document, or hides it. `ids` are those of the last responses; `held` says that Run was pressed
 * while the document had placeholders with known ids. `onFill()` and `onRun()` are the user's choices.
 */
export function showNotice(notice, { query, ids, held, onFill, onRun }) {
  const open = placeholdersIn(query);
  notice.hidden = open.length === 0;
  notice.classList.toggle('held', held);
  notice.replaceChildren(...(open.length > 0 ? parts({ open, ids, held, onFill, onRun }) : []));
}

function parts({ open, ids, held, onFill, onRun }) {
  const missing = open.filter((key) => ids[key] === undefined).map((key) => EXAMPLE_OF[key]);
  const button = (label, onclick) => el('button', { type: 'button', onclick }, label);
  if (missing.length === open.length) {
    return [
      `This document has placeholders for ids. Run ${missing.join(' and ')} first, then they can be filled in here.`,
    ];
  }
  const first = held
    ? 'Not sent: the placeholders are still in the document.'
    : 'This document has placeholders for ids.';
  const rest = missing.length > 0 ? ` For the other one run ${missing.join(' and ')}.` : '';
  return [
    el('span', {}, first + rest),
    button('Use the ids of the last responses', onFill),
    held ? button('Run as it is', onRun) : '',
  ];
}
