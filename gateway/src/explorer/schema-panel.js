// The side panel that shows the schema: an overview, one page for each type, and a search.

import { el } from './dom.js';
import { membersOf, readSchema, searchSchema, unwrap } from './schema.js';

const FOUND_MAX = 50;

const KINDS = {
  OBJECT: 'type',
  INPUT_OBJECT: 'input',
  ENUM: 'enum',
  SCALAR: 'scalar',
  INTERFACE: 'interface',
  UNION: 'union',
};

/** Fills the panel and reads the schema from the server. */
export function openSchemaPanel(panel) {
  return new SchemaPanel(panel).load();
}

class SchemaPanel {
  #schema;
  #view = el('div', { class: 'schema-view', tabindex: '0', role: 'region', 'aria-label': 'Schema contents' });
  #search = el('input', {
    type: 'search',
    'aria-label': 'Search the schema',
    placeholder: 'Search types and fields',
    oninput: () => this.#show(this.#search.value),
  });

  constructor(panel) {
    panel.replaceChildren(
      el('div', { class: 'schema-head' }, el('h2', { id: 'schema-title' }, 'Schema'), this.#search),
      this.#view,
    );
  }

  async load() {
    this.#search.disabled = true;
    this.#view.replaceChildren(el('p', { role: 'status' }, 'Reading the schema…'));
    const { schema, fault } = await readSchema();
    if (fault) {
      this.#view.replaceChildren(
        el('p', { class: 'fault', role: 'alert' }, fault),
        el('button', { type: 'button', onclick: () => this.load() }, 'Read the schema again'),
      );
      return;
    }
    this.#schema = schema;
    this.#search.disabled = false;
    this.#show('');
  }

  /** Shows the overview, or the matches if there are words to search for. */
  #show(words) {
    this.#view.replaceChildren(...(words.trim() === '' ? this.#overview() : this.#found(words)));
  }

  #overviewAgain() {
    this.#search.value = '';
    this.#show('');
    this.#search.focus();
  }

  #overview() {
    const roots = this.#schema.roots.flatMap(({ title, type }) => [
      el('h3', {}, title),
      el('ul', { class: 'members' }, ...membersOf(type).map((field) => this.#member(field))),
    ]);
    const types = this.#schema.types.map((type) => el('li', {}, this.#link(type.name), kindOf(type)));
    return [...roots, el('h3', {}, 'Types'), el('ul', { class: 'types' }, ...types)];
  }

  #found(words) {
    const found = searchSchema(this.#schema, words, FOUND_MAX);
    const summary = found.length === FOUND_MAX ? `The first ${FOUND_MAX} matches` : `${found.length} found`;
    const rows = found.map(({ type, member }) =>
      el(
        'li',
        {},
        this.#link(type.name, member ? `${type.name}.${member.name}` : type.name),
        member ? '' : kindOf(type),
      ),
    );
    return [el('p', { role: 'status' }, summary), el('ul', { class: 'types' }, ...rows)];
  }

  #openType(name) {
    const type = this.#schema.byName.get(name);
    const back = el('button', { type: 'button', class: 'back', onclick: () => this.#overviewAgain() }, '‹ All types');
    const title = el('h3', { class: 'type-title', tabindex: '-1' }, type.name, kindOf(type));
    this.#view.replaceChildren(
      back,
      title,
      description(type),
      ...this.#related('Implements', type.interfaces),
      ...this.#related('One of', type.possibleTypes),
      el('ul', { class: 'members' }, ...membersOf(type).map((member) => this.#member(member))),
    );
    this.#view.scrollTop = 0;
    title.focus();
  }

  #related(title, types) {
    if (!types?.length) return [];
    return [
      el('h4', {}, title),
      el('ul', { class: 'types' }, ...types.map(({ name }) => el('li', {}, this.#link(name)))),
    ];
  }

  #member(member) {
    const args = member.args ?? [];
    const signature = el(
      'code',
      { class: 'signature' },
      el('span', { class: 'name' }, member.name),
      ...(args.length > 0
        ? ['(', ...args.flatMap((arg, index) => [index > 0 ? ', ' : '', ...this.#input(arg)]), ')']
        : []),
      ...(member.type ? [': ', ...this.#shape(member.type)] : []),
      member.defaultValue ? ` = ${member.defaultValue}` : '',
    );
    const explained = args.filter((arg) => arg.description);
    return el(
      'li',
      {},
      signature,
      member.isDeprecated
        ? el('p', { class: 'deprecated' }, `Deprecated: ${member.deprecationReason ?? 'no reason given'}`)
        : '',
      description(member),
      explained.length > 0
        ? el(
            'ul',
            { class: 'args' },
            ...explained.map((arg) => el('li', {}, el('code', {}, arg.name), ` ${arg.description}`)),
          )
        : '',
    );
  }

  #input(arg) {
    return [`${arg.name}: `, ...this.#shape(arg.type), arg.defaultValue ? ` = ${arg.defaultValue}` : ''];
  }

  #shape(shape) {
    const { name, before, after } = unwrap(shape);
    return [el('span', { class: 'shape' }, before, this.#link(name), after)];
  }

  #link(name, label = name) {
    return el('button', { type: 'button', class: 'type-link', onclick: () => this.#openType(name) }, label);
  }
}

function kindOf(type) {
  return el('span', { class: 'kind' }, KINDS[type.kind] ?? type.kind);
}

function description({ description: text }) {
  return text ? el('p', { class: 'description' }, text) : '';
}
