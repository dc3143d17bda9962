// What the browser keeps: bounded, without headers, and harmless when it is broken.

import { ENTRIES_MAX, ENTRY_CHARS_MAX, History, readEntries } from '../../../src/explorer/state/history.js';
import { readTabs, SavedTabs } from '../../../src/explorer/state/saved-tabs.js';
import { STORED_CHARS_MAX } from '../../../src/explorer/state/storage.js';

class FakeStorage {
  values = new Map();
  full = false;
  getItem = (key) => this.values.get(key) ?? null;
  setItem = (key, value) => {
    if (this.full) throw new Error('full');
    this.values.set(key, value);
  };
  removeItem = (key) => this.values.delete(key);
  get text() {
    return [...this.values.values()].join();
  }
}

const tab = (query, headers = '') => ({ query, variables: '{}', headers, operation: 'Q' });
const SECRET = '{ "Authorization": "Bearer secret" }';

export function stored(checks) {
  tabs(checks);
  history(checks);
  broken(checks);
  delete globalThis.localStorage;
  delete globalThis.sessionStorage;
}

function tabs(checks) {
  const [local, session] = freshStorages();
  const saved = new SavedTabs();
  checks.same('tabs: none at first', saved.read(), null);
  saved.write({ tabs: [tab('{ a }', SECRET), tab('{ b }')], selected: 1, keepHeaders: false });
  checks.same('tabs: they are kept', saved.read(), {
    tabs: [tab('{ a }'), tab('{ b }')],
    selected: 1,
    keepHeaders: false,
  });
  checks.check('tabs: headers are not, in neither storage', !(local.text + session.text).includes('secret'));
  saved.write({ tabs: [tab('{ a }', SECRET)], selected: 0, keepHeaders: true });
  checks.same('tabs: headers are if the user wants it', saved.read().tabs[0].headers, SECRET);
  saved.write({ tabs: [tab('{ a }', SECRET)], selected: 0, keepHeaders: false });
  checks.check('tabs: and are gone when not any more', !(local.text + session.text).includes('secret'));

  globalThis.sessionStorage = new FakeStorage();
  checks.same('tabs: a new window begins with the last ones', saved.read().tabs[0].query, '{ a }');
  saved.write({ tabs: [tab('{ mine }')], selected: 0, keepHeaders: false });
  globalThis.sessionStorage = session;
  checks.same('tabs: and does not change those of another', saved.read().tabs[0].query, '{ a }');
  const wrote = saved.write({ tabs: [tab('x'.repeat(STORED_CHARS_MAX + 1))], selected: 0, keepHeaders: false });
  checks.same('tabs: too much text is reported as not kept', wrote, false);
}

function history(checks) {
  const [local] = freshStorages();
  const kept = new History();
  for (let index = 0; index < ENTRIES_MAX + 10; index += 1) kept.add({ ...tab(`{ a${index} }`, SECRET) }, index);
  checks.same('history: it is bounded', kept.entries.length, ENTRIES_MAX);
  checks.same('history: so is what is stored of it', JSON.parse(local.text).length, ENTRIES_MAX);
  checks.same('history: the latest comes first', kept.entries[0].query, `{ a${ENTRIES_MAX + 9} }`);
  checks.check('history: it has no headers', !local.text.includes('secret'));
  kept.add(tab('{ a30 }'), 999);
  checks.same('history: a repeat moves to the front', [kept.entries[0].at, kept.entries.length], [999, ENTRIES_MAX]);
  checks.same('history: once', kept.entries.filter(({ query }) => query === '{ a30 }').length, 1);
  kept.remove(kept.entries[0]);
  checks.same('history: an entry can be removed', kept.entries.length, ENTRIES_MAX - 1);
  kept.add(tab('x'.repeat(ENTRY_CHARS_MAX)), 1_000);
  checks.same('history: a very long one is not kept', kept.entries.length, ENTRIES_MAX - 1);
  new History().clear();
  checks.same('history: what another window cleared is gone', kept.entries, []);

  local.full = true;
  kept.add(tab('{ full }'), 1);
  checks.same('history: where nothing is kept, this page has it', kept.entries.length, 1);
}

function broken(checks) {
  for (const value of [null, 7, [], {}, { tabs: 'x' }, { tabs: [] }, { tabs: [null, 7, {}] }]) {
    checks.same(`stored: ${JSON.stringify(value)} is no tabs`, readTabs(value), null);
    checks.same(`stored: ${JSON.stringify(value)} is no history`, readEntries(value), []);
  }
  checks.same(
    'stored: of a tab, what can be used is',
    readTabs({ tabs: [{ query: 'a', variables: 7 }], selected: 9 }),
    {
      tabs: [{ query: 'a', variables: '', headers: '' }],
      selected: 0,
      keepHeaders: false,
    },
  );
  const [local, session] = freshStorages();
  new SavedTabs().write({ tabs: [tab('{ a }')], selected: 0, keepHeaders: false });
  for (const key of local.values.keys()) local.values.set(key, '{"tabs":[{"que');
  for (const key of session.values.keys()) session.values.set(key, '\u0000');
  checks.same('stored: text that is no JSON is nothing', new SavedTabs().read(), null);

  for (const name of ['localStorage', 'sessionStorage']) {
    Object.defineProperty(globalThis, name, {
      configurable: true,
      get: () => {
        throw new Error('SecurityError');
      },
    });
  }
  checks.same(
    'stored: a browser without storage reads nothing',
    [new SavedTabs().read(), new History().entries],
    [null, []],
  );
  checks.same('stored: and keeps nothing', new SavedTabs().write({ tabs: [tab('a')], selected: 0 }), false);
}

function freshStorages() {
  const storages = [new FakeStorage(), new FakeStorage()];
  for (const [index, name] of ['localStorage', 'sessionStorage'].entries()) {
    Object.defineProperty(globalThis, name, { configurable: true, writable: true, value: storages[index] });
  }
  return storages;
}
