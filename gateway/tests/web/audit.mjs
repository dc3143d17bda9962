// The public audit of GraphQL over HTTP (npm: graphql-http) against one endpoint.
//
//   node audit.mjs http://127.0.0.1:4000/graphql
//
// Prints `ok - id name` or `not ok - id name: reason` for each audit, then `N passed, M failed`. A recommendation of
// the specification counts like a requirement: the node is meant to meet both.

import { serverAudits } from 'graphql-http';

// One audit sends one or two small requests. If the server is silent for longer, the audit fails instead of hanging.
const AUDIT_MS_MAX = 10_000;

const [url] = process.argv.slice(2);
if (!url) {
  console.error('usage: node audit.mjs URL');
  process.exit(2);
}

const fetchInTime = (input, init) => fetch(input, { ...init, signal: AbortSignal.timeout(AUDIT_MS_MAX) });

// An audit throws only if it cannot reach a verdict: no connection, no response in time, no JSON.
async function reasonAgainst(audit) {
  try {
    const result = await audit.fn();
    return result.status === 'ok' ? null : `${result.reason} (${result.status})`;
  } catch (error) {
    return [error.message, error.cause?.message].filter(Boolean).join(': ');
  }
}

let passed = 0;
let failed = 0;
// The audits run one after the other, so that the node's log shows which audit failed.
for (const audit of serverAudits({ url, fetchFn: fetchInTime })) {
  const reason = await reasonAgainst(audit);
  if (reason === null) {
    passed += 1;
    console.log(`ok - ${audit.id} ${audit.name}`);
  } else {
    failed += 1;
    console.log(`not ok - ${audit.id} ${audit.name}: ${reason.replaceAll('\n', ' ')}`);
  }
}

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
