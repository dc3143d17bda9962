// One request to the API and what came of it.

export const ENDPOINT = '/graphql';
// The first media type lets the server use honest HTTP statuses: https://graphql.github.io/graphql-over-http/draft/
export const ACCEPT = 'application/graphql-response+json, application/json';

// Longer than any deadline of the server, so that its own answer comes first.
const ANSWER_WAIT_MS_MAX = 60_000;

/**
 * Posts one GraphQL request. Never rejects; resolves to one of
 * - `{ kind: 'answer', status, ms, body }`: JSON came back,
 * - `{ kind: 'not-json', status, ms, contentType, text }`,
 * - `{ kind: 'unreachable', reason }`, `{ kind: 'late', ms }`, `{ kind: 'cancelled' }`.
 *
 * `headers` are added to the standard ones and win over them.
 */
export async function post({ query, variables, operationName, headers = {} }, signal) {
  const started = performance.now();
  const deadline = AbortSignal.timeout(ANSWER_WAIT_MS_MAX);
  try {
    const response = await fetch(ENDPOINT, {
      method: 'POST',
      headers: allHeaders(headers),
      body: JSON.stringify({ query, variables, operationName }),
      signal: AbortSignal.any(signal ? [signal, deadline] : [deadline]),
    });
    const text = await response.text();
    const ms = Math.round(performance.now() - started);
    return { status: response.status, ms, ...readBody(text, response.headers.get('content-type')) };
  } catch (error) {
    if (signal?.aborted) return { kind: 'cancelled' };
    if (deadline.aborted) return { kind: 'late', ms: ANSWER_WAIT_MS_MAX };
    return { kind: 'unreachable', reason: error.message };
  }
}

/** Why the browser would refuse these headers, or null. */
export function headersFault(headers) {
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string') return `the value of "${name}" must be a text in quotes`;
    try {
      new Headers([[name, value]]);
    } catch {
      return `"${name}" is not a header that can be sent with this value`;
    }
  }
  return null;
}

function allHeaders(own) {
  const headers = new Headers({ 'content-type': 'application/json', accept: ACCEPT });
  for (const [name, value] of Object.entries(own)) headers.set(name, value);
  return headers;
}

function readBody(text, contentType) {
  try {
    return { kind: 'answer', body: JSON.parse(text) };
  } catch {
    return { kind: 'not-json', contentType: contentType ?? 'none', text };
  }
}
