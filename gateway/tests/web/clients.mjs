// Client libraries against a running node: Relay's compiler and store, the caches of Apollo Client and urql, a router of
// Apollo Federation.
//
//   node clients.mjs http://127.0.0.1:4000/graphql
//
// Prints `ok - name` or `not ok - name: reason` for each check, then `N passed, M failed`.

import { checks as caches } from './clients/caches.mjs';
import { checks as federation } from './clients/federation.mjs';
import { checks as relay } from './clients/relay.mjs';

const [url] = process.argv.slice(2);
if (!url) {
  console.error('usage: node clients.mjs URL');
  process.exit(2);
}

let passed = 0;
let failed = 0;
for (const check of [...caches, ...relay, ...federation]) {
  try {
    await check.run(url);
    passed += 1;
    console.log(`ok - ${check.name}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok - ${check.name}: ${error.message.replaceAll('\n', ' ')}`);
  }
}

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
