// The response pane: the status and the time, the errors as text, the body as JSON.

import { el } from './dom.js';
import { ENDPOINT } from './request.js';

// Colouring a body above the first size stalls the page; showing one above the second does, too.
const COLOURED_CHARS_MAX = 200_000;
const SHOWN_CHARS_MAX = 2_000_000;
const FOREIGN_CHARS_MAX = 4_000;

/** Draws an outcome of request.js. A click on a place in the query calls `goTo({ line, column })`. */
export function drawResponse({ status, errors, body }, outcome, goTo) {
  const list = errorsOf(outcome);
  status.textContent = statusLine(outcome, list.length);
  status.classList.toggle('bad', list.length > 0);
  errors.replaceChildren(...list.map((error) => drawError(error, goTo)));
  errors.hidden = list.length === 0;
  body.replaceChildren(...drawBody(outcome));
}

function statusLine(outcome, errorCount) {
  switch (outcome?.kind) {
    case undefined:
      return 'Nothing sent yet';
    case 'running':
      return 'Waiting for the response…';
    case 'cancelled':
      return 'Cancelled';
    case 'unreachable':
      return 'No response';
    case 'late':
      return 'No response in time';
    default: {
      const errors = errorCount === 0 ? '' : ` · ${errorCount} ${errorCount === 1 ? 'error' : 'errors'}`;
      return `HTTP ${outcome.status} · ${outcome.ms} ms${errors}`;
    }
  }
}

function errorsOf(outcome) {
  switch (outcome?.kind) {
    case 'unreachable':
      return [{ message: `The node does not respond at ${ENDPOINT}. The browser reports: ${outcome.reason}.` }];
    case 'late':
      return [{ message: `The node did not respond at ${ENDPOINT} within ${outcome.ms / 1000} s.` }];
    case 'not-json':
      return [
        { message: `This response is not JSON (content type: ${outcome.contentType}). Its text is shown below.` },
      ];
    case 'response': {
      const { data, errors } = outcome.body ?? {};
      if (Array.isArray(errors)) return errors;
      return data === undefined
        ? [{ message: 'This is JSON, but not a GraphQL response: it has neither data nor errors.' }]
        : [];
    }
    default:
      return [];
  }
}

function drawError(error, goTo) {
  const { code, field } = error?.extensions ?? {};
  const places = Array.isArray(error?.locations) ? error.locations : [];
  const at = Array.isArray(error?.path) ? `at ${error.path.join('.')}` : '';
  const facts = [at, field ? `field ${field}` : ''].filter(Boolean).join(', ');
  return el(
    'li',
    {},
    code ? el('code', { class: 'code' }, String(code)) : '',
    el('span', { class: 'message' }, String(error?.message ?? 'The server sent no message.')),
    facts ? el('span', { class: 'facts' }, facts) : '',
    ...places.map((place) =>
      el(
        'button',
        { type: 'button', class: 'place', onclick: () => goTo(place) },
        `line ${place.line}, column ${place.column}`,
      ),
    ),
  );
}

function drawBody(outcome) {
  if (outcome?.kind === 'not-json') return [cut(outcome.text, FOREIGN_CHARS_MAX)];
  if (outcome?.kind !== 'response') return [];
  const text = JSON.stringify(outcome.body, null, 2);
  return text.length > COLOURED_CHARS_MAX ? [cut(text, SHOWN_CHARS_MAX)] : colour(text);
}

function cut(text, max) {
  return text.length > max ? `${text.slice(0, max)}\n… ${text.length - max} more characters` : text;
}

const JSON_PART = /("(?:\\.|[^"\\])*")(?=(:)?)|-?\d[\d.eE+-]*|true|false|null/g;

function colour(json) {
  const parts = [];
  let done = 0;
  for (const match of json.matchAll(JSON_PART)) {
    const [part, string, colon] = match;
    let kind = 'number';
    if (string) kind = colon ? 'name' : 'string';
    parts.push(json.slice(done, match.index), el('span', { class: kind }, part));
    done = match.index + part.length;
  }
  return [...parts, json.slice(done)];
}
