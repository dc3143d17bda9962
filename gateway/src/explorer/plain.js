// The node's own explorer, for use without internet: documents in tabs, a response, the schema beside them.

import { fillPlaceholders, idsFrom, operationsIn, placeholdersIn } from './document.js';
import { el } from './dom.js';
import { editKeys, numberLines } from './editor.js';
import { EXAMPLES } from './examples.js';
import { offsetOf, readObject } from './json-input.js';
import { headersFault, post } from './request.js';
import { drawResponse } from './response.js';
import { openSchemaPanel } from './schema-panel.js';
import { TabRow } from './tabs.js';

const TABS_MAX = 12;
// Below this width the schema would push the response off the screen.
const SCHEMA_BESIDE_PX_MIN = 900;

/** Replaces the content of `app` by the explorer. `why` is the note about GraphiQL: `{ text, link }`. */
export function showPlain(app, why) {
  app.replaceChildren(document.getElementById('plain-explorer').content.cloneNode(true));
  app.querySelector('.why').append(why.text, ' ', el('a', { href: location.pathname }, why.link));
  new Explorer(app);
  schemaToggle(app.querySelector('.schema-toggle'), app.querySelector('.schema'));
  openSchemaPanel(app.querySelector('.schema'));
}

function schemaToggle(button, panel) {
  const set = (open) => {
    button.setAttribute('aria-expanded', String(open));
    panel.hidden = !open;
  };
  button.addEventListener('click', () => set(panel.hidden));
  set(innerWidth >= SCHEMA_BESIDE_PX_MIN);
}

class Explorer {
  #parts;
  #tabs;
  #tab;
  #scratchMade = 0;
  // The ids from the last createAccount and createProduct responses on this page.
  #ids = {};
  #numberLines;

  constructor(app) {
    const find = (selector) => app.querySelector(selector);
    this.#parts = {
      query: find('#query'),
      variables: find('#variables'),
      headers: find('#headers'),
      variablesFault: find('#variables-fault'),
      headersFault: find('#headers-fault'),
      run: find('.run'),
      newTab: find('.new-tab'),
      closeTab: find('.close-tab'),
      notice: find('.notice'),
      operation: find('.operation'),
      operationSelect: find('#operation'),
      response: { status: find('.outcome'), errors: find('.errors'), body: find('.body') },
    };
    this.#listen();
    this.#numberLines = numberLines(this.#parts.query, find('.gutter'));
    this.#tabs = new TabRow(find('[role=tablist]'), find('[role=tabpanel]'), (tab) => this.#show(tab));
    const tabs = EXAMPLES.map(({ name, query }) => newTab(query, { scratch: false, name }));
    for (const tab of tabs) this.#tabs.add(tab.name, tab);
    this.#tabs.select(tabs[0]);
  }

  #listen() {
    const { query, variables, headers, run, newTab: plus, closeTab, operationSelect } = this.#parts;
    for (const [area, key] of [
      [query, 'query'],
      [variables, 'variables'],
      [headers, 'headers'],
    ]) {
      editKeys(area);
      area.addEventListener('input', () => {
        this.#tab[key] = area.value;
        this.#tab.held = false;
        this.#refresh();
      });
      area.addEventListener('keydown', (event) => {
        if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        if (!this.#tab.running) this.#run();
      });
    }
    run.addEventListener('click', () => (this.#tab.running ? this.#tab.running.abort() : this.#run()));
    operationSelect.addEventListener('change', () => {
      this.#tab.operation = operationSelect.value;
    });
    plus.addEventListener('click', () => this.#addScratch());
    closeTab.addEventListener('click', () => {
      this.#tab.running?.abort();
      this.#tabs.remove(this.#tab);
    });
  }

  #addScratch() {
    this.#scratchMade += 1;
    const tab = newTab('', { scratch: true, name: `Scratch ${this.#scratchMade}` });
    this.#tabs.add(tab.name, tab);
    this.#tabs.select(tab);
    this.#parts.query.focus();
  }

  #show(tab) {
    this.#tab = tab;
    for (const key of ['query', 'variables', 'headers']) {
      const area = this.#parts[key];
      area.value = tab[key];
      area.setSelectionRange(0, 0);
      area.scrollTo(0, 0);
    }
    this.#numberLines();
    this.#showInputFaults({});
    this.#refresh();
    this.#showOutcome();
  }

  /** Redraws everything that depends on the texts and the state of the tab. */
  #refresh() {
    const { run, newTab: plus, closeTab } = this.#parts;
    run.textContent = this.#tab.running ? 'Cancel' : 'Run';
    plus.disabled = this.#tabs.length >= TABS_MAX;
    closeTab.hidden = !this.#tab.scratch;
    this.#showOperations();
    this.#showNotice();
  }

  #showOperations() {
    const { operation, operationSelect } = this.#parts;
    const names = operationsIn(this.#tab.query).map(({ name }) => name);
    operation.hidden = names.length < 2;
    const named = names.filter((name) => name !== null);
    if (!named.includes(this.#tab.operation)) this.#tab.operation = named[0];
    operationSelect.replaceChildren(...named.map((name) => el('option', {}, name)));
    operationSelect.value = this.#tab.operation ?? '';
  }

  #showNotice() {
    const { notice } = this.#parts;
    const open = placeholdersIn(this.#tab.query);
    const known = open.filter((key) => this.#ids[key] !== undefined);
    notice.hidden = open.length === 0;
    notice.classList.toggle('held', this.#tab.held);
    notice.replaceChildren(...(open.length > 0 ? this.#noticeParts(open, known) : []));
  }

  #noticeParts(open, known) {
    const missing = open.filter((key) => !known.includes(key)).map((key) => EXAMPLE_OF[key]);
    const button = (label, onclick) => el('button', { type: 'button', onclick }, label);
    if (known.length === 0) {
      return [
        `This document has placeholders for ids. Run ${missing.join(' and ')} first, then they can be filled in here.`,
      ];
    }
    const first = this.#tab.held
      ? 'Not sent: the placeholders are still in the document.'
      : 'This document has placeholders for ids.';
    const rest = missing.length > 0 ? ` For the other one run ${missing.join(' and ')}.` : '';
    return [
      el('span', {}, first + rest),
      button('Use the ids of the last responses', () => this.#fillIds()),
      this.#tab.held ? button('Run as it is', () => this.#run({ asItIs: true })) : '',
    ];
  }

  #fillIds() {
    this.#tab.query = fillPlaceholders(this.#tab.query, this.#ids);
    this.#tab.held = false;
    this.#parts.query.value = this.#tab.query;
    this.#numberLines();
    this.#refresh();
    // The pressed button is gone; Run is the next step.
    this.#parts.run.focus();
  }

  async #run({ asItIs = false } = {}) {
    const tab = this.#tab;
    const request = this.#readRequest(tab);
    if (request === null) return;
    tab.held = !asItIs && placeholdersIn(tab.query).some((key) => this.#ids[key] !== undefined);
    if (tab.held) {
      this.#showNotice();
      this.#parts.notice.querySelector('button').focus();
      return;
    }
    tab.running = new AbortController();
    tab.outcome = { kind: 'running' };
    this.#refresh();
    this.#showOutcome();
    tab.outcome = await post(request, tab.running.signal);
    tab.running = null;
    Object.assign(this.#ids, idsFrom(tab.outcome.body?.data));
    this.#refresh();
    if (tab === this.#tab) this.#showOutcome();
  }

  /** Returns the request of a tab. If the inputs have faults, shows them and returns null. */
  #readRequest(tab) {
    const variables = readObject(tab.variables, 'Variables');
    const headers = readObject(tab.headers, 'Headers');
    const refused = headers.fault ? null : headersFault(headers.value);
    if (refused) Object.assign(headers, { fault: `Headers: ${refused}.`, offset: 0 });
    this.#showInputFaults({ variables, headers });
    if (variables.fault || headers.fault) return null;
    const several = operationsIn(tab.query).length > 1;
    return {
      query: tab.query,
      variables: variables.value,
      headers: headers.value,
      operationName: several ? tab.operation : undefined,
    };
  }

  #showInputFaults({ variables, headers }) {
    const parts = this.#parts;
    const show = (area, line, read) => {
      line.textContent = read?.fault ?? '';
      area.setAttribute('aria-invalid', String(Boolean(read?.fault)));
      if (!read?.fault) return;
      area.focus();
      area.setSelectionRange(read.offset, read.offset);
    };
    show(parts.headers, parts.headersFault, headers);
    show(parts.variables, parts.variablesFault, variables);
  }

  #showOutcome() {
    drawResponse(this.#parts.response, this.#tab.outcome, (place) => {
      const { query } = this.#parts;
      const offset = offsetOf(query.value, place);
      query.focus();
      query.setSelectionRange(offset, offset);
    });
  }
}

const EXAMPLE_OF = { accountId: 'Create Account', productId: 'Create Product' };

function newTab(query, { scratch, name }) {
  return {
    name,
    scratch,
    query,
    variables: '',
    headers: '',
    operation: undefined,
    outcome: undefined,
    running: null,
    // The user pressed Run while the document had placeholders with known ids.
    held: false,
  };
}
