// Reads the server's schema.

import { INTROSPECTION, Schema } from '../language/schema.js';
import { ENDPOINT, post } from './post.js';

/** Resolves to `{ schema }`, or to `{ fault }` with a sentence for the user. `headers` may hold credentials. */
export async function readSchema(headers) {
  const outcome = await post({ query: INTROSPECTION, headers });
  const raw = outcome.body?.data?.__schema;
  if (raw) return { schema: new Schema(raw) };
  return { fault: faultOf(outcome) };
}

function faultOf(outcome) {
  if (outcome.kind === 'not-json') {
    return `The schema could not be read: the response (HTTP ${outcome.status}) is not JSON.`;
  }
  if (outcome.kind !== 'response') return `The schema could not be read: the node does not respond at ${ENDPOINT}.`;
  const message = outcome.body?.errors?.[0]?.message ?? '';
  // A server without introspection may reject the field, or omit it without an error.
  if (message === '' || /introspection|__schema/i.test(message)) {
    return `This server does not show its schema: introspection is switched off. ${message}`.trim();
  }
  return `The schema could not be read. The server reports: ${message}`;
}
