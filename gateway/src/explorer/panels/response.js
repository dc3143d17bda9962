// The response pane: the status and the time, the errors as text, the body as JSON.

import { formatJson } from '../language/json.js';
import { ENDPOINT } from '../request/post.js';
import { copyText } from './clipboard.js';
import { el } from './dom.js';
import { JsonView } from './json-view.js';

// More text than a person scrolls through, and than a browser lays out in a moment.
const SHOWN_CHARS_MAX = 5_000_000;
const FOREIGN_CHARS_MAX = 4_000;

export class ResponsePane {
  #parts;
  #view;
  #goTo;
  // The whole text, of which the pane may show a part.
  #text = '';

  /** `parts` are the elements of the pane. A click on a place in the query calls `goTo({ line, column })`. */
  constructor(parts, goTo) {
    this.#parts = parts;
    this.#view = new JsonView(parts.body);
    this.#goTo = goTo;
    parts.copy.addEventListener('click', () => copyText(parts.copy, this.#text));
  }

  /** Scrolls to the pane where it is below the window, as on a phone. */
  reveal() {
    const pane = this.#parts.body.parentElement;
    if (pane.getBoundingClientRect().top > innerHeight) pane.scrollIntoView({ block: 'start' });
  }

  /** Draws an outcome of post.js. */
  draw(outcome) {
    const { status, errors, copy } = this.#parts;
    const list = errorsOf(outcome);
    status.textContent = statusLine(outcome, list.length);
    status.classList.toggle('bad', list.length > 0);
    errors.replaceChildren(...list.map((error) => drawError(error, this.#goTo)));
    errors.hidden = list.length === 0;
    this.#drawBody(outcome);
    copy.hidden = this.#text === '';
  }

  #drawBody(outcome) {
    const isJson = outcome?.kind === 'response';
    this.#text = isJson ? formatJson(outcome.text) : (outcome?.text ?? '');
    const max = isJson ? SHOWN_CHARS_MAX : FOREIGN_CHARS_MAX;
    if (isJson && this.#text.length <= max) this.#view.show(this.#text);
    else this.#view.showPlain(cut(this.#text, max));
  }
}

/** The places in the document that the errors of an outcome name, as `{ line, column }`. */
export function placesOf(outcome) {
  return errorsOf(outcome).flatMap((error) => locationsOf(error));
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

function locationsOf(error) {
  const places = Array.isArray(error?.locations) ? error.locations : [];
  return places.filter((place) => Number.isInteger(place?.line) && Number.isInteger(place?.column));
}

function drawError(error, goTo) {
  const { code, field } = error?.extensions ?? {};
  const places = locationsOf(error);
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

function cut(text, max) {
  return text.length > max ? `${text.slice(0, max)}\n… ${text.length - max} more characters` : text;
}
