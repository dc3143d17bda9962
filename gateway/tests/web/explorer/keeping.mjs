// What stays over a reload and in the next window: tabs, history, and nothing secret. And documents from links.

import {
  appears,
  button,
  headersOf,
  newTab,
  openExplorer,
  outcomeOf,
  queryOf,
  responseOf,
  run,
  selectedTab,
  tab,
  variablesOf,
} from './page.mjs';

const SECRET = 'Bearer never-kept';

const storedText = (page) => page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));

export async function kept({ page, context, base, check }) {
  await openExplorer(page, base);
  await newTab(page);
  await queryOf(page).fill(
    'query Mine($n: Int) { products(pagination: { skip: 0, take: $n }) { id } }\nquery Other { __typename }',
  );
  await page.getByLabel('Operation').selectOption('Other');
  await variablesOf(page).fill('{ "n": 3 }');
  await headersOf(page).fill(JSON.stringify({ Authorization: SECRET }));
  await run(page);
  await page.reload();
  check(
    'kept: the tab is there after a reload, and shown',
    (await selectedTab(page).textContent()).startsWith('Other +1'),
    await selectedTab(page).textContent(),
  );
  check('kept: with its document', (await queryOf(page).inputValue()).startsWith('query Mine'));
  check('kept: its variables', (await variablesOf(page).inputValue()) === '{ "n": 3 }');
  check('kept: its operation', (await page.getByLabel('Operation').inputValue()) === 'Other');
  check('kept: but not its headers', (await headersOf(page).inputValue()) === '');
  check('kept: which are stored nowhere', !(await storedText(page)).includes('never-kept'));

  await headersOf(page).fill(JSON.stringify({ Authorization: SECRET }));
  await page.getByLabel('Remember').check();
  await page.reload();
  check('kept: headers are if the user wants it', (await headersOf(page).inputValue()).includes(SECRET));
  await page.getByLabel('Remember').uncheck();
  check('kept: and forgotten at once', !(await storedText(page)).includes('never-kept'));

  const other = await context.newPage();
  await openExplorer(other, base);
  check('kept: a new window begins with the same tabs', await tab(other, 'Other +1').isVisible());
  await queryOf(other).fill('query Elsewhere { __typename }');
  await other.close({ runBeforeUnload: true });
  await page.reload();
  check('kept: and does not change this one', await tab(page, 'Other +1').isVisible());
  await history({ page, base, check });
}

async function history({ page, base, check }) {
  const entries = () => page.getByRole('list', { name: 'Requests' }).getByRole('listitem');
  await queryOf(page).fill('query Ran { __typename }');
  await variablesOf(page).fill('{ "kept": 1 }');
  await run(page);
  await queryOf(page).fill('query Later { __typename }');
  await run(page);
  await button(page, 'History').click();
  const titles = await entries().locator('.entry-title').allTextContents();
  check('history: the last request comes first', titles.slice(0, 2).join() === 'Later,Ran', titles.join());
  await openExplorer(page, base);
  await button(page, 'History').click();
  await entries().filter({ hasText: 'Ran' }).locator('.entry').click();
  check('history: an entry opens in a tab', (await selectedTab(page).textContent()).startsWith('Ran'));
  check('history: with its variables', (await variablesOf(page).inputValue()) === '{ "kept": 1 }');
  const tabs = await page.getByRole('tab').count();
  await entries().filter({ hasText: 'Ran' }).locator('.entry').click();
  check('history: not in a second one', (await page.getByRole('tab').count()) === tabs);
  await run(page);
  check('history: a repeat moves to the front', (await entries().first().textContent()).startsWith('Ran'));
  await button(page, 'Remove Ran').click();
  check('history: an entry can be removed', (await entries().filter({ hasText: 'Ran' }).count()) === 0);
  await button(page, 'Clear history').click();
  check('history: all can be', await page.getByText('Nothing was run yet.').isVisible());
  await page.getByRole('list', { name: 'Examples' }).getByRole('button', { name: 'Create Product' }).click();
  check(
    'history: the examples can be opened again',
    (await selectedTab(page).textContent()).startsWith('Create Product'),
  );
}

export async function keptNowhere({ page, base, check }) {
  await page.addInitScript(() => {
    for (const name of ['localStorage', 'sessionStorage']) {
      Object.defineProperty(globalThis, name, {
        get() {
          throw new DOMException('denied', 'SecurityError');
        },
      });
    }
  });
  await openExplorer(page, base);
  await queryOf(page).fill('{ __typename }');
  check('kept nowhere: the page works', (await run(page)).data?.__typename === 'Query');
  check('kept nowhere: and says so', await appears(page.getByText('This browser does not keep the tabs')));
  await button(page, 'History').click();
  check(
    'kept nowhere: it has a history until a reload',
    (await page.getByRole('list', { name: 'Requests' }).getByRole('listitem').count()) === 1,
  );
}

export async function linked({ page, context, base, check }) {
  let sent = 0;
  page.on('request', (request) => {
    if (request.url().endsWith('/graphql') && !request.postData()?.includes('ExplorerSchema')) sent += 1;
  });
  const query = 'mutation Linked {\n  createAccount(account: { name: "<script>alert(1)</script>" }) { id }\n}';
  const params = new URLSearchParams({ query, variables: '{"a":1}', operationName: 'Linked', headers: '{"X":"y"}' });
  await openExplorer(page, base, `?${params}`);
  check('linked: the document is shown', (await queryOf(page).inputValue()) === query);
  check('linked: in a tab of its name', (await selectedTab(page).textContent()).startsWith('Linked'));
  check('linked: with its variables', (await variablesOf(page).inputValue()) === '{"a":1}');
  check('linked: without headers', (await headersOf(page).inputValue()) === '');
  check('linked: it is not run', sent === 0 && (await outcomeOf(page).textContent()) === 'Nothing sent yet');
  check('linked: the address is taken back', page.url() === `${base}/`, page.url());
  check('linked: the other tabs are there', await tab(page, 'Create Account').isVisible());
  const tabs = await page.getByRole('tab').count();
  await openExplorer(page, base, `?${params}`);
  check('linked: a second time is no second tab', (await page.getByRole('tab').count()) === tabs);
  await openExplorer(page, base, '?query=%7B');
  check('linked: half a document is shown as it is', (await queryOf(page).inputValue()) === '{');

  // What another version, or another page of this host, left behind.
  const wrong = await context.newPage();
  await wrong.addInitScript(() => {
    for (const key of Object.keys(localStorage)) localStorage.setItem(key, '{"tabs":[{"query":');
    sessionStorage.clear();
  });
  await openExplorer(wrong, base);
  check('kept: what cannot be read is left aside', await tab(wrong, 'Create Account').isVisible());
  check('kept: and the page works', (await responseOf(wrong).textContent()) === '');
  await wrong.close();
}
