// Tests the scripts of the page at `/` that need no browser: what they make of documents, JSON, requests and stored
// values. graphql-js (npm: graphql) says what a document means.
//
//   node scripts.mjs

import { Checks } from './checks.mjs';
import { completion } from './scripts/completion.mjs';
import { curl } from './scripts/curl.mjs';
import { json } from './scripts/json.mjs';
import { layout } from './scripts/layout.mjs';
import { reading } from './scripts/reading.mjs';
import { stored } from './scripts/stored.mjs';
import { variables } from './scripts/variables.mjs';

const checks = new Checks();
for (const group of [reading, layout, completion, variables, json, curl, stored]) {
  await group(checks);
}
checks.end();
