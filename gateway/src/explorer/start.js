// Starts the page at `/`.

import { Explorer } from './explorer.js';
import { HistoryPanel } from './panels/history-panel.js';
import { SchemaPanel } from './panels/schema-panel.js';
import { readSchema } from './request/introspect.js';
import { documentIn } from './request/link.js';
import { EXAMPLES } from './state/examples.js';
import { History } from './state/history.js';
import { SavedTabs } from './state/saved-tabs.js';

// Below this width a panel beside the editors would push the response off the screen.
const PANEL_BESIDE_PX_MIN = 900;

const app = document.querySelector('.explorer');
const find = (selector) => app.querySelector(selector);
const saved = new SavedTabs();
const history = new History();

app.hidden = false;
const start = saved.read() ?? { tabs: EXAMPLES.map(({ query }) => ({ query })), selected: 0, keepHeaders: false };
const explorer = new Explorer(app, { ...start, documents: start.tabs, saved, history, onReference });

const historyPanel = new HistoryPanel(find('#history'), {
  history,
  examples: EXAMPLES,
  titleOf: (entry) => explorer.titleOf(entry),
  onOpen: (entry) => explorer.open(entry),
});
const schemaPanel = new SchemaPanel(find('#schema'), loadSchema);
const panels = togglePanels([
  { button: find('.history-toggle'), panel: find('#history'), onOpen: () => historyPanel.draw() },
  { button: find('.schema-toggle'), panel: find('#schema'), onOpen: () => {} },
]);
if (innerWidth >= PANEL_BESIDE_PX_MIN) panels.show(find('#schema'));

// A linked document is shown, not run, and taken out of the address: a reload would show it again.
const linked = documentIn(location.search);
if (linked) {
  explorer.open(linked);
  globalThis.history.replaceState(null, '', location.pathname);
}
await loadSchema();

async function loadSchema() {
  schemaPanel.showLoading();
  const { schema = null, fault } = await readSchema(explorer.headers);
  explorer.schema = schema;
  schemaPanel.show(schema, fault);
}

function onReference({ type, member }) {
  panels.show(find('#schema'));
  schemaPanel.open(type.name, member?.name);
}

// One panel at a time; the button of an open one closes it.
function togglePanels(entries) {
  const show = (shown) => {
    for (const { button, panel, onOpen } of entries) {
      const open = panel === shown;
      if (open && panel.hidden) onOpen();
      button.setAttribute('aria-expanded', String(open));
      panel.hidden = !open;
    }
  };
  for (const { button, panel } of entries) {
    button.addEventListener('click', () => show(panel.hidden ? panel : null));
  }
  return { show };
}
