// Finds the parts of the explorer page as a person does: by role and name.

import { refuseOutside } from './closed-network.mjs';

/** Opens the page at this address of the node, without a CDN, and waits for the explorer. */
export async function openExplorer(page, context, base, address) {
  await refuseOutside(context, base);
  await page.goto(`${base}/${address}`);
  await explorerOf(page).waitFor();
}

export function explorerOf(page) {
  return page.getByRole('heading', { name: 'Fritzy GraphQL explorer' });
}

export function tab(page, name) {
  return page.getByRole('tab', { name, exact: true });
}

export function button(page, name) {
  return page.getByRole('button', { name, exact: true });
}

export function typeLink(page, name) {
  return page.getByRole('complementary').getByRole('button', { name, exact: true }).first();
}

export function queryOf(page) {
  return page.getByLabel('Query', { exact: true });
}

export function outcomeOf(page) {
  return page.locator('.outcome');
}

export function responseOf(page) {
  return page.getByLabel('Response body');
}

/** Presses Run and returns the JSON of the response as the page shows it. */
export async function run(page) {
  await button(page, 'Run').click();
  await outcomeOf(page).filter({ hasText: /^HTTP/ }).waitFor();
  return JSON.parse(await responseOf(page).textContent());
}

export function appears(locator) {
  return locator.waitFor().then(
    () => true,
    () => false,
  );
}

/** Waits two frames, after which the page has drawn all pending changes. */
export function settle(page) {
  return page.evaluate(
    () =>
      new Promise((done) => {
        requestAnimationFrame(() => requestAnimationFrame(done));
      }),
  );
}
