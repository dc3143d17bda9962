// Finds the parts of the explorer page as a person does: by role and name.

/** Opens the page at this address of the node, and waits until the schema is read. */
export async function openExplorer(page, base, address = '') {
  await page.goto(`${base}/${address}`);
  await schemaRead(page);
}

/** Waits until the page has read the schema; it does so at each load. */
export async function schemaRead(page) {
  await page.locator('#schema .members').first().waitFor({ state: 'attached' });
}

export function tab(page, name) {
  return page.getByRole('tab', { name, exact: true });
}

export function selectedTab(page) {
  return page.getByRole('tab', { selected: true });
}

export function button(page, name) {
  return page.getByRole('button', { name, exact: true });
}

export function schemaPanel(page) {
  return page.getByRole('complementary', { name: 'Schema' });
}

export function typeLink(page, name) {
  return schemaPanel(page).getByRole('button', { name, exact: true }).first();
}

export function queryOf(page) {
  return page.getByLabel('Query', { exact: true });
}

export function variablesOf(page) {
  return page.getByLabel('Variables (JSON)');
}

export function headersOf(page) {
  return page.getByLabel('Headers (JSON)');
}

export function outcomeOf(page) {
  return page.locator('.outcome');
}

export function responseOf(page) {
  return page.getByLabel('Response body');
}

export function optionsOf(page) {
  return page.getByRole('listbox', { name: 'Completions' }).getByRole('option');
}

/** Opens a tab and types a document into it, key by key. */
export async function typeDocument(page, text) {
  await newTab(page);
  await page.keyboard.type(text);
}

export async function newTab(page) {
  await button(page, 'New tab').click();
}

/** Presses Run and returns the JSON of the response as the page shows it. */
export async function run(page) {
  await button(page, 'Run').click();
  return shownResponse(page);
}

/** The JSON of the response, once it is there. */
export async function shownResponse(page) {
  await outcomeOf(page).filter({ hasText: /^HTTP/ }).waitFor();
  return JSON.parse(await responseOf(page).textContent());
}

/** The text that the browser draws beneath the transparent textarea of an editor. */
export function paintedOf(area) {
  return area.evaluate((node) =>
    [...node.parentElement.querySelectorAll('.layer > div')].map((line) => line.textContent).join('\n'),
  );
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
