// Decides what `/` shows: GraphiQL when its assets arrive in time, else the explorer that ships with the node.

import { loadGraphiQL } from './graphiql.js';
import { showPlain } from './plain.js';

// A person waits this long before a page feels broken; a closed network may never answer at all.
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
