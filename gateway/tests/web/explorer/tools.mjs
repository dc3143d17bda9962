// The other functions of the explorer: the user's own documents, the schema, fault messages, keys, a narrow screen.

import { randomUUID } from 'node:crypto';
import { appears, button, openExplorer, outcomeOf, queryOf, responseOf, run, tab, typeLink } from './page.mjs';

export async function scratch({ page, context, base, check }) {
  await openExplorer(page, context, base, '?plain');
  await button(page, 'New tab').click();
  check(
    'scratch: + opens an empty tab',
    (await tab(page, 'Scratch 1').isVisible()) && (await queryOf(page).inputValue()) === '',
  );

  const headers = page.getByLabel('Headers (JSON)');
  await queryOf(page).fill('mutation { createAccount(account: { name: "Once" }) { id } }');
  await headers.fill(JSON.stringify({ 'Idempotency-Key': randomUUID() }));
  const first = (await run(page)).data?.createAccount?.id;
  const second = (await run(page)).data?.createAccount?.id;
  check(
    'headers: the same Idempotency-Key twice gives the same account',
    Boolean(first) && first === second,
    `${first}, ${second}`,
  );
  await headers.fill('{ "two words": "x" }');
  await button(page, 'Run').click();
  check(
    'headers: an impossible name is refused in words',
    await page.getByText('"two words" is not a header').isVisible(),
  );
  await headers.fill('');

  await queryOf(page).fill('query First { accounts { id } }\nquery Second { products { id } }\n# query Third { x }');
  check(
    'operations: the selector lists them',
    (await page.getByLabel('Operation').locator('option').allTextContents()).join() === 'First,Second',
  );
  await page.getByLabel('Operation').selectOption('Second');
  check('operations: the chosen one is run', Array.isArray((await run(page)).data?.products));

  await queryOf(page).fill('{\n  nope\n}');
  check('operations: one operation needs no selector', !(await page.getByLabel('Operation').isVisible()));
  await run(page);
  const errors = page.getByRole('list', { name: 'Errors' });
  check(
    'errors: a refused query shows its code',
    (await errors.textContent()).includes('GRAPHQL_VALIDATION_FAILED'),
    await errors.textContent(),
  );
  await errors.getByRole('button', { name: 'line 2, column 3' }).first().click();
  check(
    'errors: their place leads into the query',
    await queryOf(page).evaluate((area) => document.activeElement === area && area.selectionStart === 4),
  );

  await queryOf(page).fill(
    'mutation { createAccount(account: { name: "<img src=x onerror=document.title=1>" }) { name } }',
  );
  await run(page);
  check(
    'safety: markup in a response stays text',
    (await responseOf(page).textContent()).includes('<img') && (await page.locator('img').count()) === 0,
  );

  await button(page, 'Close tab').click();
  check('scratch: a tab can be closed', (await tab(page, 'Scratch 1').count()) === 0);
}

export async function schema({ page, context, base, check }) {
  await openExplorer(page, context, base, '?plain');
  const panel = page.getByRole('complementary', { name: 'Schema' });
  await panel.getByRole('heading', { name: 'Mutations' }).waitFor();
  check('schema: root fields are listed', /createOrder\(order: OrderInput!/.test(await panel.textContent()));
  await typeLink(page, 'Order').click();
  await panel.getByRole('heading', { name: /^Order\s*type$/ }).waitFor();
  check('schema: type Order shows totalPrice: Float!', (await panel.textContent()).includes('totalPrice: Float!'));
  await typeLink(page, 'OrderStatus').click();
  await panel.getByRole('heading', { name: /^OrderStatus/ }).waitFor();
  check('schema: a click leads to the next type', (await panel.textContent()).includes('CANCELLED'));
  const search = panel.getByRole('searchbox', { name: 'Search the schema' });
  await search.fill('totalpr');
  check('schema: the search finds a field', await typeLink(page, 'Order.totalPrice').isVisible());
  await search.fill('');
  check(
    'schema: an empty search shows the overview again',
    await panel.getByRole('heading', { name: 'Queries' }).isVisible(),
  );

  for (const [response, line] of [
    [
      { data: null, errors: [{ message: 'Unknown field "__schema"' }] },
      'introspection is switched off. Unknown field "__schema"',
    ],
    [{ data: {} }, 'introspection is switched off.'],
    [{ errors: [{ message: 'too busy' }] }, 'The schema could not be read. The server reports: too busy'],
  ]) {
    await page.route('**/graphql', (route) =>
      route.fulfill({ contentType: 'application/json', body: JSON.stringify(response) }),
    );
    await page.reload();
    check(`schema: without one the panel says "${line}"`, await appears(panel.getByText(line)));
    await page.unroute('**/graphql');
  }
  await button(page, 'Read the schema again').click();
  check('schema: it can be read again', await appears(panel.getByRole('heading', { name: 'Mutations' })));
}

export async function faults({ page, context, base, check }) {
  await openExplorer(page, context, base, '?plain');
  let sent = 0;
  page.on('request', (request) => {
    if (request.url().endsWith('/graphql')) sent += 1;
  });
  const variables = page.getByLabel('Variables (JSON)');

  for (const [text, expected] of [
    ['{\n  "id": nope\n}', 'Variables, line 2, column 9: a value is expected.'],
    ['{ "id": "a" ', 'Variables, line 1, column 13: the text ends too early, a comma or } is expected.'],
    ['[1]', 'Variables: a JSON object such as { "name": "value" } is needed, not a list.'],
  ]) {
    await variables.fill(text);
    await button(page, 'Run').click();
    check(
      `variables: ${JSON.stringify(text)} is refused with its place`,
      await page.getByText(expected).isVisible(),
      await page.locator('#variables-fault').textContent(),
    );
  }
  check('variables: nothing was sent', sent === 0);
  await variables.fill('');

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

export async function keyboard({ page, context, base, check }) {
  await openExplorer(page, context, base, '?plain');
  await tab(page, 'Create Account').focus();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  check(
    'keyboard: arrows move between tabs',
    (await tab(page, 'Create Product').getAttribute('aria-selected')) === 'true',
  );

  const query = queryOf(page);
  await query.fill('{');
  await query.press('End');
  await query.press('Enter');
  await query.press('Tab');
  await query.pressSequentially('x');
  check(
    'keyboard: Enter and Tab indent',
    (await query.inputValue()) === '{\n    x',
    JSON.stringify(await query.inputValue()),
  );
  await query.press('Shift+Tab');
  check(
    'keyboard: Shift+Tab takes it back',
    (await query.inputValue()) === '{\n  x',
    JSON.stringify(await query.inputValue()),
  );
  await query.press('Escape');
  await query.press('Tab');
  check(
    'keyboard: Escape, then Tab leaves the editor',
    await page.getByLabel('Variables (JSON)').evaluate((area) => document.activeElement === area),
  );

  await query.fill('{ __typename }');
  await query.press('Control+Enter');
  check('keyboard: Ctrl+Enter runs', await appears(outcomeOf(page).filter({ hasText: 'HTTP 200' })));
}

export async function narrow({ page, context, base, check }) {
  await openExplorer(page, context, base, '?plain');
  const width = await page.evaluate(() => document.scrollingElement.scrollWidth);
  check('narrow: 400 px wide without sideways scrolling', width <= 400, `${width} px`);
  check('narrow: the schema starts closed', !(await page.getByRole('complementary').isVisible()));
  await button(page, 'Schema').click();
  check('narrow: and opens', await page.getByRole('complementary').isVisible());
}
