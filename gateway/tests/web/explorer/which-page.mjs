// The page at `/`: GraphiQL if its CDN responds in time, otherwise the node's own explorer.

import { fakeOutside, hangOutside, refuseOutside } from './closed-network.mjs';
import { appears, explorerOf, settle } from './page.mjs';

// The page waits 3 s for GraphiQL; a busy machine needs the rest to start and draw.
const EXPLORER_WAIT_MS_MAX = 4_500;

export async function cdnRefused({ page, context, base, check }) {
  const { requested } = await refuseOutside(context, base);
  const started = Date.now();
  await page.goto(base);
  await explorerOf(page).waitFor();
  const ms = Date.now() - started;
  check('CDN refused: the explorer appears within 4.5 s', ms < EXPLORER_WAIT_MS_MAX, `${ms} ms`);
  check(
    'CDN refused: GraphiQL was requested first',
    requested.some((url) => url.includes('/graphiql@')),
    requested.join(' '),
  );
  check('CDN refused: the page says why', await page.getByText('GraphiQL could not be loaded').isVisible());
}

export async function cdnHanging({ page, context, base, check }) {
  const { requested, release } = await hangOutside(context, base);
  const started = Date.now();
  await page.goto(base, { waitUntil: 'commit' });
  await page.getByText('Loading GraphiQL…').waitFor();
  check('CDN hanging: a loading line is shown meanwhile', !(await explorerOf(page).isVisible()));
  await explorerOf(page).waitFor();
  const ms = Date.now() - started;
  check('CDN hanging: GraphiQL gets its 3 s', ms >= 2_900, `${ms} ms`);
  check('CDN hanging: the explorer appears within 4.5 s', ms < EXPLORER_WAIT_MS_MAX, `${ms} ms`);
  check(
    'CDN hanging: GraphiQL was requested',
    requested.some((url) => url.includes('/graphiql@')),
    requested.join(' '),
  );

  await release();
  await page.waitForFunction(() => globalThis.graphiqlArrived);
  await settle(page);
  check('CDN late: the explorer stays', await explorerOf(page).isVisible());
  check('CDN late: GraphiQL is not drawn', await page.evaluate(() => globalThis.graphiqlProps === undefined));
  check(
    'CDN late: its style is not used',
    await page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue('--fake-cdn') === ''),
  );
}

export async function cdnReachable({ page, context, base, check }) {
  const { requested } = await fakeOutside(context, base);
  await page.clock.install();
  await page.goto(base);
  await page.getByRole('heading', { name: 'Fake GraphiQL' }).waitFor();
  await page.clock.fastForward(60_000);
  await settle(page);
  check(
    'CDN reachable: GraphiQL is shown and stays',
    await page.getByRole('heading', { name: 'Fake GraphiQL' }).isVisible(),
  );
  check('CDN reachable: the explorer is not shown', (await explorerOf(page).count()) === 0);
  const props = await page.evaluate(() => globalThis.graphiqlProps);
  check('CDN reachable: GraphiQL talks to /graphql', props.fetcher?.url === '/graphql', JSON.stringify(props.fetcher));
  const titles = props.defaultTabs?.map(({ query }) => query.split('\n')[0]).join(', ');
  check(
    'CDN reachable: GraphiQL has the four examples as tabs',
    titles === '# Create Account, # Create Product, # Create Order, # Query Account with Orders',
    titles,
  );
  const loose = requested.filter((url) => !/@\d+\.\d+\.\d+/.test(url));
  check(
    'CDN reachable: every address has a pinned version',
    requested.length > 0 && loose.length === 0,
    loose.join(' '),
  );

  await page.evaluate(() => globalThis.crashGraphiql());
  check(
    'CDN reachable: when GraphiQL crashes the explorer takes over',
    await appears(page.getByText('GraphiQL stopped working')),
  );
}

export async function plainRequested({ page, context, base, check }) {
  const { requested } = await refuseOutside(context, base);
  await page.goto(`${base}/?plain`);
  await explorerOf(page).waitFor();
  check('?plain: the explorer is shown without a request to the CDN', requested.length === 0, requested.join(' '));
}
