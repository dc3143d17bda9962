// Drives the page at `/` in a real browser: GraphiQL or the node's own explorer, and everything the latter can do.
//
//   node explorer.mjs BASE_URL CHROMIUM_PATH SCREENSHOT_PATH
//
// BASE_URL is a node with a working /graphql. The browser reaches nothing else: see explorer/closed-network.mjs.

import { chromium } from 'playwright-core';
import { examples } from './explorer/examples.mjs';
import { faults, keyboard, narrow, schema, scratch } from './explorer/tools.mjs';
import { cdnAnswering, cdnHanging, cdnRefused, plainAsked } from './explorer/which-page.mjs';

const [base, executablePath, screenshotPath] = process.argv.slice(2);
if (!screenshotPath) {
  console.error('usage: node explorer.mjs BASE_URL CHROMIUM_PATH SCREENSHOT_PATH');
  process.exit(2);
}

// A node under test answers in milliseconds; a machine full of tests may take its time.
const ANSWER_WAIT_MS_MAX = 15_000;
const WIDE = { width: 1280, height: 800 };

let passed = 0;
let failed = 0;

function check(name, good, detail = '') {
  if (good) passed += 1;
  else failed += 1;
  console.log(`${good ? 'ok' : 'not ok'} - ${name}${good || detail === '' ? '' : `: ${detail}`}`);
}

// A group that breaks off counts as one failure and does not stop the others.
async function group(name, body, options = {}) {
  const context = await browser.newContext({ viewport: WIDE, ...options });
  context.setDefaultTimeout(ANSWER_WAIT_MS_MAX);
  const page = await context.newPage();
  const crashes = [];
  page.on('pageerror', (error) => crashes.push(error.message));
  try {
    await body({ page, context, base, check, screenshotPath });
    check(`${name}: no script error on the page`, crashes.length === 0, crashes.join('; '));
  } catch (error) {
    check(`${name}: runs to its end`, false, error.message.split('\n')[0]);
  } finally {
    await context.unrouteAll({ behavior: 'ignoreErrors' });
    await context.close();
  }
}

// Playwright gives every launch a new temporary user data directory and removes it afterwards.
const browser = await chromium.launch({
  executablePath,
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});

try {
  await group('CDN refused', cdnRefused);
  await group('CDN hanging', cdnHanging);
  await group('CDN answering', cdnAnswering);
  await group('?plain', plainAsked);
  await group('examples', examples);
  await group('scratch', scratch);
  await group('schema', schema);
  await group('faults', faults);
  await group('keyboard', keyboard);
  await group('narrow', narrow, { viewport: { width: 400, height: 800 } });
} finally {
  await browser.close();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
