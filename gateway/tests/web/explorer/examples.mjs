// Runs the four examples of the API documentation in order.

import { button, newTab, openExplorer, outcomeOf, queryOf, run, tab, variablesOf } from './page.mjs';

// A read model may lag a little behind its journal.
const LISTED_WAIT_MS_MAX = 10_000;

export async function examples({ page, base, check }) {
  await openExplorer(page, base);

  await tab(page, 'Create Order').click();
  check(
    'Create Order: before the ids are known, the page names the documents to run first',
    await page.getByText('Run Create Account and Create Product first').isVisible(),
  );

  await tab(page, 'Create Account').click();
  const account = (await run(page)).data?.createAccount;
  check(
    'Create Account: returns an id and the name',
    Boolean(account?.id) && account.name === 'John Doe',
    JSON.stringify(account),
  );

  await tab(page, 'Create Product').click();
  const product = (await run(page)).data?.createProduct;
  check(
    'Create Product: returns an id and the price',
    Boolean(product?.id) && product.price === 999.99,
    JSON.stringify(product),
  );

  await tab(page, 'Create Order').click();
  await button(page, 'Run').click();
  check('Create Order: Run with placeholders requires a confirmation', await page.getByText('Not sent').isVisible());
  await button(page, 'Run as it is').click();
  const code = page.getByRole('list', { name: 'Errors' }).locator('.code').first();
  await code.waitFor();
  check(
    `Create Order: sent as it is, the refusal shows its code (${await code.textContent()})`,
    /^[A-Z][A-Z_]+$/.test(await code.textContent()),
  );

  await button(page, 'Use the ids of the last responses').click();
  const filled = await queryOf(page).inputValue();
  check(
    'Create Order: the button fills in both ids',
    filled.includes(account.id) && filled.includes(product.id) && !filled.includes('-id"'),
    filled,
  );
  const order = (await run(page)).data?.createOrder;
  check('Create Order: the total is 1999.98', order?.totalPrice === 1999.98, JSON.stringify(order));
  check('Create Order: status and time are shown', /^HTTP 200 · \d+ ms$/.test(await outcomeOf(page).textContent()));

  await tab(page, 'Query Account with Orders').click();
  const listed = await accountsUntilListed(page, account.id, order.id);
  // The example requests only ten accounts: on a node with older ones, the new account is on a later page.
  const full = listed.accounts.length === 10 && !listed.found;
  check(
    `Query Account with Orders: ${full ? 'ten older accounts are listed' : 'the account is listed with the order'}`,
    full || listed.found,
  );

  await newTab(page);
  await queryOf(page).fill('query ($id: String!) { accounts(id: $id) { id orders { id totalPrice } } }');
  await variablesOf(page).fill(JSON.stringify({ id: account.id }));
  const own = (await run(page)).data?.accounts ?? [];
  check(
    'variables: a query with $id finds the account and its order',
    own.length === 1 && own[0].id === account.id && own[0].orders.some(({ id }) => id === order.id),
    JSON.stringify(own),
  );

  await tab(page, 'Create Order').click();
  check(
    'tabs: a document is shown from its beginning',
    await queryOf(page).evaluate((area) => area.scrollLeft === 0 && area.scrollTop === 0),
  );
}

async function accountsUntilListed(page, accountId, orderId) {
  const until = Date.now() + LISTED_WAIT_MS_MAX;
  for (;;) {
    const accounts = (await run(page)).data?.accounts ?? [];
    const found = accounts.some(({ id, orders }) => id === accountId && orders.some((order) => order.id === orderId));
    if (found || accounts.length === 10 || Date.now() > until) return { accounts, found };
  }
}
