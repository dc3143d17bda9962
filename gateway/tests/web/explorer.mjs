// Tests the page at `/` in a real browser, against a real node.
//
//   node explorer.mjs BASE_URL CHROMIUM_PATH PICTURES_FOLDER
//
// BASE_URL is a node with a working /graphql. The browser can reach no other host. Screenshots go to the folder.

import { chromium } from 'playwright-core';
import { Checks } from './checks.mjs';
import { completing, typing } from './explorer/editing.mjs';
import { examples } from './explorer/examples.mjs';
import { kept, keptNowhere, linked } from './explorer/keeping.mjs';
import { closedNetwork, contentPolicy, largeResponse, pictures } from './explorer/page-itself.mjs';
import { schema, schemaKinds, withoutSchema } from './explorer/schema.mjs';
import { copying, faults, keyboard, narrow, operations, requests } from './explorer/tools.mjs';

const [base, executablePath, folder] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node explorer.mjs BASE_URL CHROMIUM_PATH PICTURES_FOLDER');
  process.exit(2);
}

// A node under test responds in milliseconds; a machine that runs many tests may be slower.
const RESPONSE_WAIT_MS_MAX = 15_000;
const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 390, height: 844 };

const checks = new Checks();
const check = (...what) => checks.check(...what);

// A group that stops early counts as one failure and does not stop the others.
async function group(name, body, options = {}) {
  const context = await browser.newContext({ viewport: WIDE, ...options });
  context.setDefaultTimeout(RESPONSE_WAIT_MS_MAX);
  const { host } = new URL(base);
  const outside = [];
  await context.route(
    (url) => url.host !== host,
    (route) => {
      outside.push(route.request().url());
      return route.abort('internetdisconnected');
    },
  );
  const page = await context.newPage();
  const crashes = [];
  page.on('pageerror', (error) => crashes.push(error.message));
  try {
    await body({ page, context, base, check, folder });
    check(`${name}: no script error on the page`, crashes.length === 0, crashes.join('; '));
    check(`${name}: no request to another host`, outside.length === 0, outside.join(' '));
  } catch (error) {
    check(`${name}: runs to its end`, false, error.message.split('\n').slice(0, 3).join(' '));
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
  await group('closed network', closedNetwork);
  await group('content policy', contentPolicy);
  await group('examples', examples);
  await group('typing', typing);
  await group('completing', completing);
  await group('requests', requests);
  await group('operations', operations);
  await group('faults', faults);
  await group('keyboard', keyboard);
  await group('copying', copying);
  await group('kept', kept);
  await group('kept nowhere', keptNowhere);
  await group('linked', linked);
  await group('schema', schema);
  await group('kinds of types', schemaKinds);
  await group('without a schema', withoutSchema);
  await group('large response', largeResponse);
  await group('narrow', narrow, { viewport: NARROW, hasTouch: true, isMobile: true });
  await group('pictures', pictures);
} finally {
  await browser.close();
}
checks.end();
