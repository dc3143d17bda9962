// The page as a whole: its own files only, a strict content policy, large responses, and how it looks.

import { join } from 'node:path';
import {
  button,
  newTab,
  openExplorer,
  outcomeOf,
  queryOf,
  responseOf,
  run,
  schemaPanel,
  settle,
  tab,
  typeLink,
} from './page.mjs';

// Without `unsafe-inline`: no scripts, handlers or styles in the markup.
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'";

export async function closedNetwork({ page, base, check }) {
  const requested = [];
  page.on('request', (request) => requested.push(request.url()));
  const started = Date.now();
  await openExplorer(page, base);
  const ms = Date.now() - started;
  check('closed network: the page is there within 3 s', ms < 3_000, `${ms} ms`);
  check(
    'closed network: all its files are those of the node',
    requested.every((url) => url.startsWith(`${base}/`)),
    requested.join(' '),
  );
  check(
    'closed network: it has a name',
    (await page.getByRole('heading', { name: 'Fritzy GraphQL explorer' }).count()) === 1,
  );
}

export async function contentPolicy({ page, base, check }) {
  const violations = [];
  await page.exposeFunction('reportViolation', (what) => violations.push(what));
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) =>
      globalThis.reportViolation(`${event.violatedDirective} ${event.blockedURI}`),
    );
  });
  await page.route(`${base}/`, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, headers: { ...response.headers(), 'content-security-policy': POLICY } });
  });
  await openExplorer(page, base);
  check('content policy: a request runs', Boolean((await run(page)).data?.createAccount));
  await newTab(page);
  await page.keyboard.type('{ acc');
  check('content policy: completions are placed', (await page.locator('.popup').boundingBox()).y > 100);
  await page.keyboard.press('Escape');
  await button(page, 'Prettify').click();
  await button(page, 'History').click();
  await settle(page);
  check('content policy: nothing breaks a strict one', violations.length === 0, violations.join('; '));
}

export async function largeResponse({ page, base, check }) {
  const rows = Array.from({ length: 9_000 }, (_, id) => ({
    id: String(id),
    name: `Customer ${'x'.repeat(80)}`,
    closed: false,
  }));
  const body = JSON.stringify({ data: { accounts: rows } });
  await page.route('**/graphql', (route) => route.fulfill({ contentType: 'application/json', body }));
  await page.goto(`${base}/`);
  await queryOf(page).fill('{ accounts { id } }');
  // The longest time in which the page did not respond.
  await page.evaluate(() => {
    globalThis.longest = 0;
    let last = performance.now();
    const tick = () => {
      globalThis.longest = Math.max(globalThis.longest, performance.now() - last);
      last = performance.now();
      setTimeout(tick, 0);
    };
    tick();
  });
  await button(page, 'Run').click();
  await outcomeOf(page).filter({ hasText: /^HTTP/ }).waitFor();
  await responseOf(page).evaluate((view) => view.scrollTo(0, view.scrollHeight));
  await page.locator('.chunk').last().locator('.json-name').first().waitFor();
  await settle(page);
  const longest = await page.evaluate(() => globalThis.longest);
  check(
    `large response: ${(body.length / 1e6).toFixed(1)} MB never stop the page for a second`,
    longest < 1_000,
    `${longest} ms`,
  );
  const whole = await responseOf(page).evaluate(
    (view, expected) => view.textContent === expected,
    JSON.stringify(JSON.parse(body), null, 2),
  );
  check('large response: all of it is there', whole);
  check(
    'large response: its end is in colours',
    (await page.locator('.chunk').last().locator('.json-name').count()) > 0,
  );
  const [inner, outer] = await responseOf(page).evaluate((view) => [view.scrollWidth, view.clientWidth]);
  check('large response: long lines can be scrolled to their end', inner > outer + 100, `${inner} px in ${outer} px`);
  const coloured = await page.locator('.chunk:has(.json-name)').count();
  const all = await page.locator('.chunk').count();
  check('large response: what is not seen is not coloured', coloured < all / 4, `${coloured} of ${all}`);
}

export async function pictures({ page, context, base, check, folder }) {
  await openExplorer(page, base);
  for (const name of ['Create Account', 'Create Product']) {
    await tab(page, name).click();
    await run(page);
  }
  await tab(page, 'Create Order').click();
  await button(page, 'Use the ids of the last responses').click();
  await run(page);
  await typeLink(page, 'Order').click();
  await newTab(page);
  await page.keyboard.type(
    'query Accounts($first: Int! = 3) {\naccountsConnection(first: $first) {\nnodes {\nid\nname\norders {\nid\ntotalPrice',
  );
  await page.keyboard.press('Control+Enter');
  await outcomeOf(page).filter({ hasText: /^HTTP/ }).waitFor();
  await queryOf(page).press('Enter');
  await page.keyboard.type('st');
  await settle(page);
  await page.screenshot({ path: join(folder, 'explorer.png') });
  await page.emulateMedia({ colorScheme: 'dark' });
  await settle(page);
  await page.screenshot({ path: join(folder, 'explorer-dark.png') });
  const background = await page.evaluate(() => getComputedStyle(document.querySelector('.explorer')).backgroundColor);
  const [red, green, blue] = background.match(/\d+/g).map(Number);
  check('pictures: dark is dark', red + green + blue < 200, background);
  const phone = await context.newPage();
  await phone.setViewportSize({ width: 390, height: 844 });
  await openExplorer(phone, base);
  await tab(phone, 'Create Account').click();
  await run(phone);
  await phone.screenshot({ path: join(folder, 'explorer-narrow.png'), fullPage: true });
  await button(phone, 'Schema').click();
  await settle(phone);
  check('pictures: the panel is in the picture of the phone', await schemaPanel(phone).isVisible());
  await phone.screenshot({ path: join(folder, 'explorer-narrow-schema.png') });
  await phone.close();
}
