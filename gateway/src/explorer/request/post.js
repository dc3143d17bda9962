// One request to the API and its outcome.

import { compactJson } from '../language/json.js';

export const ENDPOINT = '/graphql';
// With the first media type the server uses accurate HTTP statuses: https://graphql.github.io/graphql-over-http/draft/
export const ACCEPT = 'application/graphql-response+json, application/json';

// Longer than any deadline of the server, so that the server's own response arrives first.
const RESPONSE_WAIT_MS_MAX = 60_000;

/**
 * Posts one GraphQL request `{ query, variables, operationName, headers }`: `variables` is the text of a JSON object or
 * empty, so that numbers keep their digits; `headers` extend the standard headers and override them. Never rejects; resolves to one of
 * - `{ kind: 'response', status, ms, body, text }`: the server returned JSON,
 * - `{ kind: 'not-json', status, ms, contentType, text }`,
 * - `{ kind: 'unreachable', reason }`, `{ kind: 'late', ms }`, `{ kind: 'cancelled' }`.
 */
export async function post(request, signal) {
  const started = performance.now();
  const deadline = AbortSignal.timeout(RESPONSE_WAIT_MS_MAX);
  try {
    const response = await fetch(ENDPOINT, {
      method: 'POST',
      headers: allHeaders(request.headers ?? {}),
      body: bodyOf(request),
      signal: AbortSignal.any(signal ? [signal, deadline] : [deadline]),
    });
    const text = await response.text();
    const ms = Math.round(performance.now() - started);
    return { status: response.status, ms, ...readBody(text, response.headers.get('content-type')) };
  } catch (error) {
    if (signal?.aborted) return { kind: 'cancelled' };
    if (deadline.aborted) return { kind: 'late', ms: RESPONSE_WAIT_MS_MAX };
    return { kind: 'unreachable', reason: error.message };
  }
}

/** The body of a request: JSON in one line. */
export function bodyOf({ query, variables = '', operationName }) {
  const fields = [`"query":${JSON.stringify(query)}`];
  if (variables.trim() !== '') fields.push(`"variables":${compactJson(variables)}`);
  if (operationName !== undefined) fields.push(`"operationName":${JSON.stringify(operationName)}`);
  return `{${fields.join(',')}}`;
}

/** The reason why the browser would reject these headers, or null. */
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
    return { kind: 'response', body: JSON.parse(text), text };
  } catch {
    return { kind: 'not-json', contentType: contentType ?? 'none', text };
  }
}
