// The page: documents in tabs, the response of each, and what the browser keeps of them.

import { RequestForm } from './request-form.js';
import { analyse } from './language/analysis.js';
import { operationAt, titleOf } from './language/operations.js';
import { fillPlaceholders, idsFrom, placeholdersIn } from './language/placeholders.js';
import { copyText } from './panels/clipboard.js';
import { el } from './panels/dom.js';
import { showNotice } from './panels/placeholder-notice.js';
import { ResponsePane, placesOf } from './panels/response.js';
import { TabRow } from './panels/tab-row.js';
import { curlCommand } from './request/curl.js';
import { LINK_CHARS_MAX, linkTo } from './request/link.js';
import { ENDPOINT, post } from './request/post.js';
import { TABS_MAX } from './state/saved-tabs.js';

// Long enough that typing is one write, short enough that a crash of the browser loses little.
const SAVE_AFTER_MS = 300;

export class Explorer {
  #parts;
  #form;
  #response;
  #tabs;
  #tab;
  #schema = null;
  #saved;
  #history;
  #saving = null;
  // What went wrong last with saving the tabs and with the link; both are shown in one place.
  #faults = { saving: '', link: '' };
  // The ids from the last createAccount and createProduct responses on this page.
  #ids = {};

  /**
   * `documents` are the tabs at the start, `selected` the index of the shown one. `onReference({ type, member })` is
   * called when the user asks for a name of the document.
   */
  constructor(app, { documents, selected, keepHeaders, saved, history, onReference }) {
    const find = (selector) => app.querySelector(selector);
    this.#saved = saved;
    this.#history = history;
    this.#parts = {
      run: find('.run'),
      newTab: find('.new-tab'),
      notice: find('.notice'),
      operation: find('.operation'),
      operationSelect: find('#operation'),
      keepHeaders: find('#keep-headers'),
      kept: find('.kept'),
      copyCurl: find('.copy-curl'),
      copyLink: find('.copy-link'),
    };
    this.#parts.keepHeaders.checked = keepHeaders;
    this.#form = new RequestForm(app, {
      onInput: () => this.#onInput(),
      operation: () => this.#tab?.operation,
      onReference,
    });
    const response = {
      status: find('.outcome'),
      errors: find('.errors'),
      body: find('.body'),
      copy: find('.copy-response'),
    };
    this.#response = new ResponsePane(response, (place) => this.#form.goTo(place));
    this.#tabs = new TabRow(find('[role=tablist]'), find('[role=tabpanel]'), {
      onSelect: (tab) => this.#show(tab),
      onClose: (tab) => this.#close(tab),
    });
    for (const document of documents) this.#tabs.add(this.titleOf(document), newTab(document));
    this.#tabs.select(this.#tabs.contents[selected]);
    this.#listen(find);
  }

  /** The schema for completion and names of types, or null. */
  set schema(schema) {
    this.#schema = schema;
    this.#form.schema = schema;
  }

  /** The headers of the shown tab, or none if they have a fault. */
  get headers() {
    return this.#form.headers;
  }

  /** A name for `{ query, operation }`. */
  titleOf({ query, operation }) {
    return titleOf(query, analyse(query, this.#schema).operations, operation) ?? 'New document';
  }

  /** Shows a document: in its tab if it is open, otherwise in a new one. */
  open({ query, variables, operation }) {
    const found = this.#tabs.contents.find((tab) => tab.query === query && tab.variables === variables);
    const tab = found ?? newTab({ query, variables, headers: '', operation });
    if (!found) this.#tabs.add(this.titleOf(tab), tab);
    if (operation) tab.operation = operation;
    this.#tabs.select(tab);
    this.#form.focus();
  }

  #listen(find) {
    const { run, newTab: plus, operationSelect, keepHeaders, copyCurl, copyLink } = this.#parts;
    run.addEventListener('click', () => (this.#tab.running ? this.#tab.running.abort() : this.#run()));
    find('.prettify').addEventListener('click', () => this.#form.prettify());
    find('.request').addEventListener('keydown', (event) => this.#onKey(event));
    operationSelect.addEventListener('change', () => {
      this.#tab.operation = operationSelect.value;
      this.#refresh();
    });
    plus.addEventListener('click', () => this.#add());
    keepHeaders.addEventListener('change', () => this.#save());
    copyCurl.addEventListener('click', () => {
      const request = this.#request();
      if (request) copyText(copyCurl, curlCommand(new URL(ENDPOINT, location.href).href, request));
    });
    copyLink.addEventListener('click', () => this.#copyLink());
    // A phone may end the page without closing it first.
    addEventListener('pagehide', () => this.#save());
  }

  #onKey(event) {
    if (event.isComposing) return;
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      if (this.#form.queryHasFocus) this.#chooseOperationAtCaret();
      if (!this.#tab.running) this.#run();
    } else if (event.code === 'KeyF' && event.shiftKey && event.altKey && !event.ctrlKey) {
      event.preventDefault();
      this.#form.prettify();
    }
  }

  #onInput() {
    Object.assign(this.#tab, this.#form.texts, { held: false });
    this.#showFault({ link: '' });
    this.#refresh();
  }

  #add() {
    const tab = newTab({ query: '', variables: '', headers: '', operation: undefined });
    this.#tabs.add(this.titleOf(tab), tab);
    this.#tabs.select(tab);
    this.#form.focus();
  }

  #close(tab) {
    tab.running?.abort();
    // The page always shows a tab.
    if (this.#tabs.contents.length === 1) this.#add();
    this.#tabs.remove(tab);
    this.#refresh();
  }

  #show(tab) {
    this.#tab = tab;
    this.#form.texts = tab;
    this.#showFault({ link: '' });
    this.#refresh();
    this.#showOutcome();
  }

  /** Redraws everything that depends on the texts and the state of the tab, and keeps the tabs. */
  #refresh() {
    const { run, newTab: plus } = this.#parts;
    run.textContent = this.#tab.running ? 'Cancel' : 'Run';
    plus.disabled = this.#tabs.contents.length >= TABS_MAX;
    this.#showOperations();
    this.#tabs.rename(this.#tab, this.titleOf(this.#tab));
    this.#showNotice();
    clearTimeout(this.#saving);
    this.#saving = setTimeout(() => this.#save(), SAVE_AFTER_MS);
  }

  #showOperations() {
    const { operation, operationSelect } = this.#parts;
    const { operations } = analyse(this.#tab.query, this.#schema);
    operation.hidden = operations.length < 2;
    const named = operations.map(({ name }) => name).filter((name) => name !== null);
    if (!named.includes(this.#tab.operation)) this.#tab.operation = named[0];
    operationSelect.replaceChildren(...named.map((name) => el('option', {}, name)));
    operationSelect.value = this.#tab.operation ?? '';
  }

  #chooseOperationAtCaret() {
    const { operations } = analyse(this.#tab.query, this.#schema);
    this.#tab.operation = operationAt(operations, this.#form.queryCaret) ?? this.#tab.operation;
    this.#refresh();
  }

  #showNotice() {
    showNotice(this.#parts.notice, {
      query: this.#tab.query,
      ids: this.#ids,
      held: this.#tab.held,
      onFill: () => {
        this.#form.replaceQuery(fillPlaceholders(this.#tab.query, this.#ids));
        // The pressed button is gone; Run is the next step.
        this.#parts.run.focus();
      },
      onRun: () => this.#run({ asItIs: true }),
    });
  }

  async #run({ asItIs = false } = {}) {
    const tab = this.#tab;
    const request = this.#request();
    if (request === null) return;
    tab.held = !asItIs && placeholdersIn(tab.query).some((key) => this.#ids[key] !== undefined);
    if (tab.held) {
      this.#showNotice();
      this.#parts.notice.querySelector('button').focus();
      return;
    }
    this.#history.add({ ...tab, operation: request.operationName }, Date.now());
    tab.running = new AbortController();
    tab.outcome = { kind: 'running' };
    this.#refresh();
    this.#showOutcome();
    const outcome = await post(request, tab.running.signal);
    tab.outcome = { ...outcome, sent: request.query };
    tab.running = null;
    Object.assign(this.#ids, idsFrom(outcome.body?.data));
    this.#refresh();
    if (tab !== this.#tab) return;
    this.#showOutcome();
    this.#response.reveal();
  }

  /** The request of the shown tab. If its inputs have faults, shows them and returns null. */
  #request() {
    const inputs = this.#form.readInputs();
    if (inputs === null) return null;
    const { query, operation } = this.#tab;
    const several = analyse(query, this.#schema).operations.length > 1;
    return { query, ...inputs, operationName: several ? operation : undefined };
  }

  #copyLink() {
    const { query, variables, operation } = this.#tab;
    const several = analyse(query, this.#schema).operations.length > 1;
    const link = linkTo(location.href, { query, variables, operation: several ? operation : undefined });
    if (link) copyText(this.#parts.copyLink, link);
    this.#showFault({
      link: link ? '' : `A link to this document would have more than ${LINK_CHARS_MAX} characters.`,
    });
  }

  #showOutcome() {
    const { outcome, query } = this.#tab;
    this.#response.draw(outcome);
    // The places are those of the document that was sent.
    this.#form.markPlaces(outcome?.sent === query ? placesOf(outcome) : []);
  }

  #save() {
    clearTimeout(this.#saving);
    const tabs = this.#tabs.contents;
    const keepHeaders = this.#parts.keepHeaders.checked;
    const done = this.#saved.write({ tabs, selected: tabs.indexOf(this.#tab), keepHeaders });
    this.#showFault({ saving: done ? '' : 'This browser does not keep the tabs: they are lost on a reload.' });
  }

  #showFault(fault) {
    Object.assign(this.#faults, fault);
    const text = Object.values(this.#faults).filter(Boolean).join(' ');
    // A status that is written again is read out again.
    if (this.#parts.kept.textContent !== text) this.#parts.kept.textContent = text;
  }
}

function newTab({ query, variables = '', headers = '', operation }) {
  return {
    query,
    variables,
    headers,
    operation,
    outcome: undefined,
    running: null,
    // The user pressed Run while the document had placeholders with known ids.
    held: false,
  };
}
