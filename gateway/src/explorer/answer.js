// The answer pane: status and time, the errors in words, the body as JSON.

import { el } from './dom.js';
import { ENDPOINT } from './request.js';

// Above these sizes colouring, and then showing at all, would stall the page.
const COLOURED_CHARS_MAX = 200_000;
const SHOWN_CHARS_MAX = 2_000_000;
const FOREIGN_CHARS_MAX = 4_000;

/** Draws an outcome of request.js; `goTo({ line, column })` is called when a place in the query is clicked. */
export function drawAnswer({ status, errors, body }, outcome, goTo) {
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
      return 'Waiting for the answer…';
    case 'cancelled':
      return 'Cancelled';
    case 'unreachable':
      return 'No answer';
    case 'late':
      return 'No answer in time';
    default: {
      const errors = errorCount === 0 ? '' : ` · ${errorCount} ${errorCount === 1 ? 'error' : 'errors'}`;
      return `HTTP ${outcome.status} · ${outcome.ms} ms${errors}`;
    }
  }
}

function errorsOf(outcome) {
  switch (outcome?.kind) {
    case 'unreachable':
      return [{ message: `The node does not answer at ${ENDPOINT}. The browser says: ${outcome.reason}.` }];
    case 'late':
      return [{ message: `The node did not answer at ${ENDPOINT} within ${outcome.ms / 1000} s.` }];
    case 'not-json':
      return [
        { message: `This answer is not JSON (content type: ${outcome.contentType}). Its text is below as it came.` },
      ];
    case 'answer': {
      const { data, errors } = outcome.body ?? {};
      if (Array.isArray(errors)) return errors;
      return data === undefined
        ? [{ message: 'This is JSON, but not a GraphQL answer: it has neither data nor errors.' }]
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
    el('span', { class: 'message' }, String(error?.message ?? 'The server gave no message.')),
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
  if (outcome?.kind !== 'answer') return [];
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
