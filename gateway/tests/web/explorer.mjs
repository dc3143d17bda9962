// Tests the page at `/` in a real browser: the choice of page, and all functions of the node's own explorer.
//
//   node explorer.mjs BASE_URL CHROMIUM_PATH SCREENSHOT_PATH
//
// BASE_URL is a node with a working /graphql. The browser can reach no other host: see explorer/closed-network.mjs.

import { chromium } from 'playwright-core';
import { examples } from './explorer/examples.mjs';
import { faults, keyboard, narrow, schema, scratch } from './explorer/tools.mjs';
import { cdnHanging, cdnReachable, cdnRefused, plainRequested } from './explorer/which-page.mjs';

const [base, executablePath, screenshotPath] = process.argv.slice(2);
if (!screenshotPath) {
  console.error('usage: node explorer.mjs BASE_URL CHROMIUM_PATH SCREENSHOT_PATH');
  process.exit(2);
}

// A node under test responds in milliseconds; a machine that runs many tests may be slower.
const RESPONSE_WAIT_MS_MAX = 15_000;
const WIDE = { width: 1280, height: 800 };

let passed = 0;
let failed = 0;

function check(name, good, detail = '') {
  if (good) passed += 1;
  else failed += 1;
  console.log(`${good ? 'ok' : 'not ok'} - ${name}${good || detail === '' ? '' : `: ${detail}`}`);
}

// A group that stops early counts as one failure and does not stop the others.
async function group(name, body, options = {}) {
  const context = await browser.newContext({ viewport: WIDE, ...options });
  context.setDefaultTimeout(RESPONSE_WAIT_MS_MAX);
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
  await group('CDN reachable', cdnReachable);
  await group('?plain', plainRequested);
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
