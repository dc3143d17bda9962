// Requests and what belongs to them: headers, operations, faults, keys, curl and links, a narrow screen.

import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import {
  appears,
  button,
  headersOf,
  newTab,
  openExplorer,
  optionsOf,
  outcomeOf,
  queryOf,
  responseOf,
  run,
  schemaPanel,
  selectedTab,
  shownResponse,
  tab,
  variablesOf,
} from './page.mjs';

const COMMAND_MS_MAX = 10_000;

const TOO_LONG = 'A link to this document would have more than 8000 characters.';

export async function requests({ page, base, check }) {
  await openExplorer(page, base);
  await newTab(page);
  check(
    'tabs: + opens an empty one',
    (await tab(page, 'New document').isVisible()) && (await queryOf(page).inputValue()) === '',
  );

  await queryOf(page).fill('mutation Once { createAccount(account: { name: "Once" }) { id } }');
  check('tabs: it has the name of its operation', await tab(page, 'Once').isVisible());
  await headersOf(page).fill(JSON.stringify({ 'Idempotency-Key': randomUUID() }));
  const first = (await run(page)).data?.createAccount?.id;
  const second = (await run(page)).data?.createAccount?.id;
  check(
    'headers: the same Idempotency-Key twice gives the same account',
    Boolean(first) && first === second,
    `${first}, ${second}`,
  );
  await headersOf(page).fill('{ "two words": "x" }');
  await button(page, 'Run').click();
  check(
    'headers: an impossible name is refused in words',
    await page.getByText('"two words" is not a header').isVisible(),
  );
  await headersOf(page).fill('');

  await queryOf(page).fill('{\n  # \u{1F600}\n  nope\n}');
  await run(page);
  const errors = page.getByRole('list', { name: 'Errors' });
  check(
    'errors: a refused query shows its code',
    (await errors.textContent()).includes('GRAPHQL_VALIDATION_FAILED'),
    await errors.textContent(),
  );
  check(
    'errors: their place is marked in the query',
    (await page.locator('.layer .marked').allTextContents()).join() === 'nope',
    (await page.locator('.layer .marked').allTextContents()).join(),
  );
  await errors.getByRole('button', { name: 'line 3, column 3' }).first().click();
  check(
    'errors: and leads into the query',
    await queryOf(page).evaluate(
      (area) => document.activeElement === area && area.value.slice(area.selectionStart).startsWith('nope'),
    ),
  );
  await page.keyboard.type('x');
  check('errors: a change takes the mark away', (await page.locator('.layer .marked').count()) === 0);

  await queryOf(page).fill(
    'mutation { createAccount(account: { name: "<img src=x onerror=document.title=1>" }) { name } }',
  );
  await run(page);
  check(
    'safety: markup in a response stays text',
    (await responseOf(page).textContent()).includes('<img') && (await page.locator('img').count()) === 0,
  );

  await page.route('**/graphql', (route) =>
    route.fulfill({ contentType: 'application/json', body: '{"data":{"price":1999.90,"big":12345678901234567890}}' }),
  );
  await button(page, 'Run').click();
  await page.waitForFunction(() => document.querySelector('.body').textContent.includes('price'));
  check(
    'responses: numbers keep their digits',
    (await responseOf(page).textContent()) ===
      '{\n  "data": {\n    "price": 1999.90,\n    "big": 12345678901234567890\n  }\n}',
    await responseOf(page).textContent(),
  );
  await page.unroute('**/graphql');

  const before = await page.getByRole('tab').count();
  await selectedTab(page).focus();
  await page.keyboard.press('Delete');
  check('tabs: Delete closes one', (await page.getByRole('tab').count()) === before - 1);
  check(
    'tabs: the one before is shown',
    (await selectedTab(page).textContent()).startsWith('Query Account with Orders'),
  );
  for (let left = before - 1; left > 0; left -= 1) await selectedTab(page).locator('.tab-close').click();
  check(
    'tabs: the last one gives way to an empty one',
    (await page.getByRole('tab').allTextContents()).join() === 'New document×',
  );
}

export async function operations({ page, base, check }) {
  await openExplorer(page, base);
  await newTab(page);
  await queryOf(page).fill('query First { accounts { id } }\nquery Second { products { id } }\n# query Third { x }');
  const select = page.getByLabel('Operation');
  check(
    'operations: the selector lists them',
    (await select.locator('option').allTextContents()).join() === 'First,Second',
  );
  check('operations: the tab has the name of the first', await tab(page, 'First +1').isVisible());
  await select.selectOption('Second');
  check('operations: the chosen one is run', Array.isArray((await run(page)).data?.products));
  check('operations: the tab has its name', await tab(page, 'Second +1').isVisible());
  await queryOf(page).evaluate((area) => area.focus());
  await queryOf(page).evaluate((area) => area.setSelectionRange(10, 10));
  await page.keyboard.press('Control+Enter');
  await page.waitForFunction(() => document.querySelector('.body').textContent.includes('accounts'));
  check('operations: Ctrl+Enter runs the one at the caret', (await select.inputValue()) === 'First');
  await queryOf(page).fill('query Only { __typename }');
  check('operations: one operation needs no selector', !(await select.isVisible()));
}

export async function faults({ page, base, check }) {
  await openExplorer(page, base);
  let sent = 0;
  page.on('request', (request) => {
    if (request.url().endsWith('/graphql')) sent += 1;
  });
  for (const [text, expected] of [
    ['{\n  "id": nope\n}', 'Variables, line 2, column 9: a value is expected.'],
    ['{ "id": "a" ', 'Variables, line 1, column 13: the text ends too early, a comma or } is expected.'],
    ['[1]', 'Variables: a JSON object such as { "name": "value" } is needed, not a list.'],
  ]) {
    await variablesOf(page).fill(text);
    await button(page, 'Run').click();
    check(
      `variables: ${JSON.stringify(text)} is refused with its place`,
      await page.getByText(expected).isVisible(),
      await page.locator('#variables-fault').textContent(),
    );
  }
  check('variables: nothing was sent', sent === 0);
  await variablesOf(page).fill('');

  await newTab(page);
  await queryOf(page).fill('{ accounts( { id } }');
  await button(page, 'Prettify').click();
  check(
    'prettify: a fault is told',
    await page.getByText('Line 1, column 13: an argument is needed, not "{". Nothing was changed.').isVisible(),
  );
  check('prettify: and nothing is changed', (await queryOf(page).inputValue()) === '{ accounts( { id } }');
  check('prettify: the caret is there', await queryOf(page).evaluate((area) => area.selectionStart === 12));

  await queryOf(page).fill('{ __typename }');
  await page.route('**/graphql', (route) =>
    route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' }),
  );
  await button(page, 'Run').click();
  await page.getByText('not JSON (content type: text/html)').waitFor();
  check(
    'responses: one that is not JSON is shown unchanged',
    (await responseOf(page).textContent()) === '<h1>Bad gateway</h1>',
  );
  check('responses: the status is shown', (await outcomeOf(page).textContent()).startsWith('HTTP 502'));

  await page.unroute('**/graphql');
  await page.route('**/graphql', (route) => route.abort('connectionrefused'));
  await button(page, 'Run').click();
  check('responses: a silent node is named', await appears(page.getByText('The node does not respond at /graphql')));

  await page.unroute('**/graphql');
  await page.route('**/graphql', () => {});
  await button(page, 'Run').click();
  await button(page, 'Cancel').click();
  check('responses: a long wait can be cancelled', await appears(page.getByText('Cancelled')));
}

export async function keyboard({ page, base, check }) {
  await openExplorer(page, base);
  await tab(page, 'Create Account').focus();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  check(
    'keyboard: arrows move between tabs',
    (await tab(page, 'Create Product').getAttribute('aria-selected')) === 'true',
  );

  const query = queryOf(page);
  await newTab(page);
  await query.press('Escape');
  await query.press('Tab');
  check(
    'keyboard: Escape, then Tab leaves the editor',
    await variablesOf(page).evaluate((area) => document.activeElement === area),
  );
  await query.fill('{ __typename }');
  await query.press('Control+Enter');
  check('keyboard: Ctrl+Enter runs', await appears(outcomeOf(page).filter({ hasText: 'HTTP 200' })));

  const reached = await page.evaluate(() => {
    const all = [...document.querySelectorAll('button, input, select, textarea, a[href]')];
    const unnamed = all.filter(
      (node) => node.checkVisibility() && !node.labels?.length && !node.ariaLabel && !node.textContent.trim(),
    );
    return unnamed.map((node) => node.outerHTML.slice(0, 80));
  });
  check('keyboard: every control has a name', reached.length === 0, reached.join());
}

export async function copying({ page, context, base, check }) {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: base });
  await openExplorer(page, base);
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  const name = `it's "$HOME" \`id\` \\ ! ${randomUUID()}`;
  await newTab(page);
  await queryOf(page).fill(
    'mutation New($name: String!) {\n  createAccount(account: { name: $name }) { name }\n}\nquery Old { accounts { id } }',
  );
  await variablesOf(page).fill(JSON.stringify({ name }));
  await headersOf(page).fill('{ "X-Own": "it\'s $x" }');
  await page.getByLabel('Operation').selectOption('New');
  await button(page, 'Copy as curl').click();
  check('curl: the button says that it copied', await appears(button(page, 'Copied')));
  const command = await copied();
  check('curl: own headers are part of it', command.includes(`'X-Own: it'\\''s $x'`), command);
  const curl = await promisify(execFile)('sh', ['-c', `${command} --silent --max-time 10`], {
    timeout: COMMAND_MS_MAX,
  }).catch((error) => error);
  if (curl.code === 127) console.log('# curl is not installed: the command was not run');
  else
    check(
      'curl: the command does what the page does',
      JSON.parse(curl.stdout).data?.createAccount?.name === name,
      curl.stdout,
    );

  await button(page, 'Copy link').click();
  await page.waitForFunction(async () => (await navigator.clipboard.readText()).startsWith('http'));
  const link = await copied();
  check('link: it has no headers', !link.includes('X-Own') && link.includes('operationName=New'), link);
  const other = await context.newPage();
  await other.goto(link);
  check('link: it opens the document', (await queryOf(other).inputValue()) === (await queryOf(page).inputValue()));
  check('link: with its variables', (await variablesOf(other).inputValue()) === JSON.stringify({ name }));
  check('link: and its operation', (await other.getByLabel('Operation').inputValue()) === 'New');
  await other.close();

  await queryOf(page).fill(`# ${'x'.repeat(9_000)}\n{ __typename }`);
  await button(page, 'Copy link').click();
  check(
    'link: a long one is refused',
    await appears(page.getByText(TOO_LONG)),
  );
  // The tabs are saved a little after the last key, and when the page is left.
  await page.evaluate(() => dispatchEvent(new Event('pagehide')));
  check('link: the refusal stays when the tabs are saved', await page.getByText(TOO_LONG).isVisible());
  await queryOf(page).press('End');
  await page.keyboard.type(' ');
  check('link: and goes when the document changes', !(await page.getByText(TOO_LONG).isVisible()));

  await queryOf(page).fill('{ __typename }');
  await variablesOf(page).fill('');
  await run(page);
  await button(page, 'Copy').click();
  await page.waitForFunction(async () => (await navigator.clipboard.readText()).startsWith('{'));
  check('copy: the response is copied', JSON.parse(await copied()).data?.__typename === 'Query', await copied());

  // As on a page without TLS.
  await page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  await button(page, 'Copy as curl').click();
  check(
    'copy: also where browsers offer no clipboard',
    await appears(page.locator('.copy-curl', { hasText: 'Copied' })),
  );
}

export async function narrow({ page, context, base, check }) {
  await openExplorer(page, base);
  const width = () => page.evaluate(() => document.scrollingElement.scrollWidth);
  check('narrow: 390 px wide without sideways scrolling', (await width()) <= 390, `${await width()} px`);
  check('narrow: the schema starts closed', !(await schemaPanel(page).isVisible()));
  await button(page, 'Schema').tap();
  check('narrow: and opens', await schemaPanel(page).isVisible());
  await button(page, 'History').tap();
  check(
    'narrow: the history takes its place',
    !(await schemaPanel(page).isVisible()) && (await page.getByText('Nothing was run yet.').isVisible()),
  );
  await button(page, 'History').tap();
  await button(page, 'New tab').tap();
  await page.keyboard.type('{ accountsC');
  await optionsOf(page).first().tap();
  check(
    'narrow: a tap takes an option',
    (await queryOf(page).inputValue()) === '{ accountsConnection}',
    await queryOf(page).inputValue(),
  );
  await button(page, 'New tab').tap();
  await page.keyboard.type('{ ');
  // As the keyboard of a phone writes: every word is a composition.
  const session = await context.newCDPSession(page);
  for (const text of ['a', 'acc', 'accountsC']) {
    await session.send('Input.imeSetComposition', { text, selectionStart: text.length, selectionEnd: text.length });
  }
  await optionsOf(page).first().tap();
  check(
    'narrow: also of a word that is composed',
    (await queryOf(page).inputValue()) === '{ accountsConnection}',
    await queryOf(page).inputValue(),
  );
  await queryOf(page).fill('{ __typename }');
  await button(page, 'Run').tap();
  check('narrow: a request runs', (await shownResponse(page)).data?.__typename === 'Query');
  const top = await page.locator('.response').evaluate((pane) => pane.getBoundingClientRect().top);
  check('narrow: and its response is in view', top < 844, `${top} px`);
  check('narrow: still without sideways scrolling', (await width()) <= 390, `${await width()} px`);
}
