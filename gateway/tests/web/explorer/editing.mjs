// The editor under the hands of a person: keys, undo, pasted text, input methods, and completion.

import {
  appears,
  button,
  newTab,
  openExplorer,
  optionsOf,
  paintedOf,
  queryOf,
  settle,
  typeDocument,
  variablesOf,
} from './page.mjs';

export async function typing({ page, context, base, check }) {
  await openExplorer(page, base);
  const query = queryOf(page);
  const value = () => query.inputValue();
  const shows = async (name, expected) => {
    const found = await value();
    check(`typing: ${name}`, found === expected, JSON.stringify(found));
    const painted = await paintedOf(query);
    check(`typing: ${name}: what is drawn is the text`, painted === found, JSON.stringify(painted));
  };

  await typeDocument(page, '{\naccounts(id: "(a)") {\nid');
  await shows('brackets are closed, and inside a text they are letters', '{\n  accounts(id: "(a)") {\n    id\n  }\n}');
  await page.keyboard.press('Escape');
  await newTab(page);
  await page.keyboard.type('{ a(b: [1, 2]) { c } } # {(');
  await shows('typed closing brackets are those that are there', '{ a(b: [1, 2]) { c } } # {(');
  await newTab(page);
  await page.keyboard.type('{ a(b: """x "y" z""") }');
  await shows('a block string can be typed', '{ a(b: """x "y" z""") }');
  await newTab(page);
  await page.keyboard.type('{(');
  await page.keyboard.press('Backspace');
  await page.keyboard.press('Backspace');
  await shows('Backspace takes a pair', '');
  await query.fill('accounts');
  await query.press('Control+a');
  await page.keyboard.type('{');
  await shows('a bracket encloses what is selected', '{accounts}');

  await query.fill('{\n  a\n  b\n}');
  await query.evaluate((area) => area.setSelectionRange(4, 9));
  await query.press('Control+/');
  await shows('Ctrl+/ makes comments of lines', '{\n  # a\n  # b\n}');
  await query.press('Control+/');
  await shows('and takes it back', '{\n  a\n  b\n}');
  await query.press('Tab');
  await shows('Tab indents lines', '{\n    a\n    b\n}');
  await query.press('Shift+Tab');
  await shows('Shift+Tab takes it back', '{\n  a\n  b\n}');
  await query.press('Control+z');
  await shows('and undo takes that back', '{\n    a\n    b\n}');

  await undoOfTools(page, query, shows);
  await pasted({ page, context, base, query, shows });
  await composed({ page, context, query, shows });
  await randomChanges({ page, query, check });
  await manyLines({ page, query, check, shows });
}

async function undoOfTools(page, query, shows) {
  await newTab(page);
  await page.keyboard.type('{a}');
  await button(page, 'Prettify').click();
  await shows('Prettify lays out the document', '{\n  a\n}\n');
  await query.press('Control+z');
  await shows('undo takes Prettify back', '{a}');
  await query.press('Control+Shift+z');
  await shows('redo does it again', '{\n  a\n}\n');
  await query.press('Shift+Alt+F');
  await shows('a second Prettify changes nothing', '{\n  a\n}\n');
}

async function pasted({ page, context, base, query, shows }) {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: base });
  const text = 'query (\r\n\t$a: Int) { "x" {[(';
  await page.evaluate((value) => navigator.clipboard.writeText(value), text);
  await newTab(page);
  await query.press('Control+v');
  await shows('pasted text stays as it is', text.replace('\r\n', '\n'));
  await query.press('Control+z');
  await shows('undo takes a paste back', '');
}

// As an input method writes: a composition that changes, and is committed.
async function composed({ page, context, query, shows }) {
  await newTab(page);
  await page.keyboard.type('# ');
  const session = await context.newCDPSession(page);
  await session.send('Input.imeSetComposition', { text: 'に', selectionStart: 1, selectionEnd: 1 });
  await shows('a composition is drawn while it goes on', '# に');
  await session.send('Input.imeSetComposition', { text: 'にほん', selectionStart: 3, selectionEnd: 3 });
  await session.send('Input.insertText', { text: '日本{' });
  await shows('a composition is kept as it is', '# 日本{');
  await session.detach();
}

// The editor draws only what changed: after each of many changes it must look like one that drew the text at once.
async function randomChanges({ page, query, check }) {
  await newTab(page);
  const fault = await query.evaluate(
    async (area, [times, parts]) => {
      const { Painter } = await import('/explorer/editor/painter.js');
      const { graphqlLanguage } = await import('/explorer/editor/languages.js');
      const language = graphqlLanguage(() => null);
      let state = 7;
      const draw = (below) => {
        state = (state * 48_271) % 2_147_483_647;
        return state % below;
      };
      for (let index = 0; index < times; index += 1) {
        const from = draw(area.value.length + 1);
        const to = Math.min(area.value.length, from + draw(12));
        const part = parts[draw(parts.length)];
        area.setRangeText(part, from, draw(3) === 0 ? to : from, 'end');
        area.dispatchEvent(new InputEvent('input', { bubbles: true, inputType: 'insertFromPaste' }));
        const fresh = document.createElement('div');
        new Painter(fresh, document.createElement('div')).draw(area.value, language.colours(area.value, -1), new Set());
        const classes = (node) => node.innerHTML.replaceAll(' problem', '');
        const layer = area.parentElement.querySelector('.layer');
        if (classes(layer) !== fresh.innerHTML) return `after ${index} changes: ${JSON.stringify(area.value)}`;
      }
      return null;
    },
    [400, ['{', '}', '"""', '"', '#', '\n', '\n\n', 'a', 'aa', 'query ', 'b(c: $d)', '@e', '{ f }', '']],
  );
  check('typing: after 400 random changes the colours are those of the text', fault === null, fault);
}

async function manyLines({ page, query, check, shows }) {
  const lines = Array.from({ length: 2_000 }, (_, index) => `  a${index}: accounts(id: "${index}") { id name }`);
  const text = `{\n${lines.join('\n')}\n}`;
  await page.evaluate((value) => navigator.clipboard.writeText(value), text);
  await newTab(page);
  await query.press('Control+v');
  const started = Date.now();
  await button(page, 'Prettify').click();
  await page.waitForFunction((before) => document.querySelector('#query').value !== before, text);
  check('typing: Prettify of 90 KB takes less than 10 s', Date.now() - started < 10_000, `${Date.now() - started} ms`);
  await query.press('Control+z');
  await shows('and is one step of undo', text);
  await query.press('Control+End');
  const ms = await query.evaluate(async (area) => {
    const started = performance.now();
    for (let times = 0; times < 10; times += 1) document.execCommand('insertText', false, 'x');
    area.getBoundingClientRect();
    return (performance.now() - started) / 10;
  });
  check('typing: a key in a document of 90 KB takes less than a second', ms < 1_000, `${ms} ms`);
  await settle(page);
  const [area, layer] = await query.evaluate((node) => [
    node.scrollTop,
    new DOMMatrix(getComputedStyle(node.parentElement.querySelector('.layer')).transform).f,
  ]);
  check('typing: the colours follow the text when it scrolls', area > 1_000 && layer === -area, `${area}, ${layer}`);
}

export async function completing({ page, base, check }) {
  await openExplorer(page, base);
  const query = queryOf(page);
  const labels = () => optionsOf(page).locator('.label').allTextContents();
  const chosen = () => page.getByRole('option', { selected: true }).locator('.label').textContent();
  const shows = async (name, expected) => {
    const found = await query.inputValue();
    check(`completing: ${name}`, found === expected, JSON.stringify(found));
  };

  await typeDocument(page, '{ accountsC');
  check('completing: typing opens a list', (await chosen()) === 'accountsConnection', (await labels()).join());
  check(
    'completing: it says what the field is',
    await page.getByText('All accounts, oldest first, with cursor pagination.').first().isVisible(),
  );
  const active = await query.getAttribute('aria-activedescendant');
  check(
    'completing: a screen reader is told the option',
    (await page.locator(`[id="${active}"]`).getAttribute('aria-selected')) === 'true',
  );
  await page.keyboard.press('Enter');
  await shows('Enter takes the option', '{ accountsConnection}');
  check('completing: and closes the list', (await optionsOf(page).count()) === 0);
  await page.keyboard.type('(');
  check(
    'completing: a bracket shows the arguments',
    (await labels()).join() === 'after,before,first,last',
    (await labels()).join(),
  );
  check(
    'completing: none is chosen before anything is typed',
    (await page.getByRole('option', { selected: true }).count()) === 0,
  );
  await page.keyboard.type('fi');
  await page.keyboard.press('Tab');
  await page.keyboard.type('2');
  await shows('Tab takes an argument with its colon', '{ accountsConnection(first: 2)}');
  await page.keyboard.press('End');
  await page.keyboard.press('Control+z');
  await page.keyboard.press('Control+z');
  await shows('undo takes a completion back', '{ accountsConnection(fi)}');

  await newTab(page);
  await page.keyboard.type('{ accounts { ');
  await page.keyboard.press('Control+Space');
  check('completing: Ctrl+Space opens the list', (await labels())[0] === 'id', (await labels()).join());
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  const third = (await labels())[2];
  check('completing: arrows choose', (await chosen()) === third, await chosen());
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowUp');
  check('completing: over the end', (await chosen()) === (await labels()).at(-1), await chosen());
  await page.keyboard.press('Escape');
  check('completing: Escape closes it', (await optionsOf(page).count()) === 0);
  await page.keyboard.press('Tab');
  check('completing: and does not leave the editor', await query.evaluate((area) => document.activeElement === area));

  await newTab(page);
  await page.keyboard.type('{\naccounts {\nid');
  await page.keyboard.press('Enter');
  await page.keyboard.type('name');
  await shows('Enter behind a whole word is a new line', '{\n  accounts {\n    id\n    name\n  }\n}');

  await newTab(page);
  await page.keyboard.type('{ acc');
  await optionsOf(page).filter({ hasText: 'accountsConnection' }).click();
  await shows('a click takes an option', '{ accountsConnection}');
  check('completing: the editor keeps the focus', await query.evaluate((area) => document.activeElement === area));

  await newTab(page);
  await page.keyboard.type('query ($id: String!, $n: Int) { accounts(id: $');
  check('completing: variables of the type', (await labels()).join() === '$id', (await labels()).join());
  await page.keyboard.press('Enter');
  await shows('a variable is taken', 'query ($id: String!, $n: Int) { accounts(id: $id)}');
  await variablesOf(page).click();
  await page.keyboard.type('{ "i');
  check('completing: names of variables', (await labels()).join() === 'id', (await labels()).join());
  await page.keyboard.press('Enter');
  await page.keyboard.type('"a"');
  check(
    'completing: are quoted',
    (await variablesOf(page).inputValue()) === '{ "id": "a"}',
    await variablesOf(page).inputValue(),
  );

  await newTab(page);
  await page.keyboard.type('{ nope { id } accounts { nam } }');
  check(
    'completing: a name that does not exist is told',
    await appears(page.getByText('Type "Query" has no field "nope".')),
  );
  const problems = await query.evaluate((area) =>
    [...area.parentElement.querySelectorAll('.problem')].map((node) => node.textContent),
  );
  check('completing: and underlined', problems.join() === 'nope,nam', problems.join());
  check('completing: the caret stays in sight', await caretIsSeen(page));
  check('completing: the list stays inside the window', await listFits(page));
}

// In a line longer than the editor, between brackets that the editor inserted.
async function caretIsSeen(page) {
  await newTab(page);
  await page.keyboard.type(`{ ${'x'.repeat(90)} accounts(`);
  await settle(page);
  const [editor, popup] = await Promise.all([queryOf(page).boundingBox(), page.locator('.popup').boundingBox()]);
  return popup.x > editor.x && popup.x < editor.x + editor.width;
}

// At the lower right corner of the window.
async function listFits(page) {
  await newTab(page);
  await queryOf(page).fill(`${'\n'.repeat(60)}${' '.repeat(200)}{ `);
  await queryOf(page).press('Control+End');
  await page.keyboard.press('Control+Space');
  const box = await page.locator('.popup').boundingBox();
  const { width, height } = page.viewportSize();
  return box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height;
}
