// Selects the page at `/`: GraphiQL if its files arrive in time, otherwise the node's own explorer.

import { loadGraphiQL } from './graphiql.js';
import { showPlain } from './plain.js';

// After this time a page seems broken to a person. A closed network may never return a response.
const GRAPHIQL_WAIT_MS_MAX = 3_000;

const app = document.getElementById('app');

if (new URLSearchParams(location.search).has('plain')) {
  showPlain(app, { text: '', link: 'Open GraphiQL' });
} else {
  await showGraphiQL();
}

async function showGraphiQL() {
  const attempt = loadGraphiQL();
  try {
    const mount = await within(GRAPHIQL_WAIT_MS_MAX, attempt.ready);
    mount(app, (error) => fallBack(attempt, 'GraphiQL stopped working', error));
  } catch (error) {
    fallBack(attempt, 'GraphiQL could not be loaded from its CDN', error);
  }
}

function fallBack(attempt, reason, error) {
  attempt.abandon();
  console.info(`${reason}; showing the explorer of this node.`, error);
  showPlain(app, { text: `${reason}, so this is the node’s own explorer.`, link: 'Try GraphiQL again' });
}

function within(limitMs, promise) {
  const deadline = new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`nothing after ${limitMs} ms`)), limitMs);
  });
  return Promise.race([promise, deadline]);
}
