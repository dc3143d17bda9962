// The side panel that shows the schema: an overview, one page for each type, and a search.

import { deprecationOf, isRequired, membersOf, searchSchema, unwrap } from '../language/schema.js';
import { el, prose } from './dom.js';

const FOUND_MAX = 50;

const KINDS = {
  OBJECT: 'type',
  INPUT_OBJECT: 'input',
  ENUM: 'enum',
  SCALAR: 'scalar',
  INTERFACE: 'interface',
  UNION: 'union',
};

const ROOTS = [
  ['Queries', 'query'],
  ['Mutations', 'mutation'],
  ['Subscriptions', 'subscription'],
];

export class SchemaPanel {
  #schema = null;
  #onReload;
  // The names of the types that were opened one from another; the last one is shown.
  #trail = [];
  #view = el('div', { class: 'side-view', tabindex: '0', role: 'region', 'aria-label': 'Schema contents' });
  #search = el('input', {
    type: 'search',
    'aria-label': 'Search the schema',
    placeholder: 'Search types and fields',
    oninput: () => this.#showFound(this.#search.value),
  });

  /** `onReload()` is called when the user wants the schema to be read again. */
  constructor(panel, onReload) {
    this.#onReload = onReload;
    panel.replaceChildren(
      el('div', { class: 'side-head' }, el('h2', { id: 'schema-title' }, 'Schema'), this.#search),
      this.#view,
    );
  }

  showLoading() {
    this.#search.disabled = true;
    this.#view.replaceChildren(el('p', { role: 'status' }, 'Reading the schema…'));
  }

  /** Shows a schema, or the reason why there is none. */
  show(schema, fault) {
    this.#schema = schema;
    this.#search.disabled = !schema;
    if (schema) {
      this.#showFound('');
      return;
    }
    this.#view.replaceChildren(
      el('p', { class: 'fault', role: 'alert' }, fault),
      el('button', { type: 'button', onclick: () => this.#onReload() }, 'Read the schema again'),
    );
  }

  /** Shows the page of a type, at one of its members if there is one. */
  open(name, member) {
    if (!this.#schema?.typeOf(name)) return;
    this.#trail = [name];
    this.#drawType({ member });
  }

  // The overview, or the matches if there are words to search for.
  #showFound(words) {
    this.#trail = [];
    this.#view.replaceChildren(...(words.trim() === '' ? this.#overview() : this.#found(words)));
    this.#view.scrollTop = 0;
  }

  #overview() {
    const roots = ROOTS.map(([title, kind]) => [title, this.#schema.rootOf(kind)]).filter(([, type]) => type);
    const isRoot = new Set(roots.map(([, { name }]) => name));
    const types = this.#schema.types.filter(({ name }) => !isRoot.has(name));
    const directives = [...this.#schema.directives.values()];
    return [
      ...roots.flatMap(([title, type]) => [el('h3', {}, title), this.#members(type)]),
      el('h3', {}, 'Types'),
      el('ul', { class: 'types' }, ...types.map((type) => el('li', {}, this.#link(type.name), kindOf(type)))),
      ...(directives.length > 0 ? [el('h3', {}, 'Directives')] : []),
      el('ul', { class: 'members' }, ...directives.map((one) => this.#member({ ...one, name: `@${one.name}` }))),
      el('p', { class: 'description' }, 'Ctrl or Cmd and a click on a name in the query shows it here.'),
    ];
  }

  #found(words) {
    const found = searchSchema(this.#schema, words, FOUND_MAX);
    const summary = found.length === FOUND_MAX ? `The first ${FOUND_MAX} matches` : `${found.length} found`;
    const rows = found.map(({ type, member }) =>
      el(
        'li',
        {},
        this.#link(type.name, member ? `${type.name}.${member.name}` : type.name, member?.name),
        member ? (member.isDeprecated ? el('span', { class: 'kind' }, 'deprecated') : '') : kindOf(type),
      ),
    );
    return [el('p', { role: 'status' }, summary), el('ul', { class: 'types' }, ...rows)];
  }

  #follow(name, member) {
    this.#trail.push(name);
    this.#drawType({ member });
  }

  #back() {
    this.#trail.pop();
    if (this.#trail.length > 0) {
      this.#drawType({});
      return;
    }
    this.#search.value = '';
    this.#showFound('');
    this.#search.focus();
  }

  #drawType({ member }) {
    const [before, name] = [this.#trail.at(-2) ?? 'All types', this.#trail.at(-1)];
    const type = this.#schema.typeOf(name);
    const back = el('button', { type: 'button', class: 'back', onclick: () => this.#back() }, `‹ ${before}`);
    const title = el('h3', { class: 'type-title', tabindex: '-1' }, type.name, kindOf(type));
    const isInterface = type.kind === 'INTERFACE';
    this.#view.replaceChildren(
      back,
      title,
      description(type),
      specification(type),
      ...this.#related('Implements', type.interfaces),
      ...this.#related(isInterface ? 'Implemented by' : 'One of', type.possibleTypes),
      this.#members(type, member),
    );
    this.#view.scrollTop = 0;
    this.#view.querySelector('.sought')?.scrollIntoView({ block: 'nearest' });
    title.focus({ preventScroll: true });
  }

  #related(title, types) {
    if (!types?.length) return [];
    return [
      el('h4', {}, title),
      el('ul', { class: 'types' }, ...types.map(({ name }) => el('li', {}, this.#link(name)))),
    ];
  }

  #members(type, sought) {
    const rows = membersOf(type).map((member) => this.#member(member, member.name === sought));
    return el('ul', { class: 'members' }, ...rows);
  }

  #member(member, sought = false) {
    const args = member.args ?? [];
    const signature = el(
      'code',
      { class: 'signature' },
      named(member, 'name'),
      ...(args.length > 0
        ? ['(', ...args.flatMap((arg, index) => [index > 0 ? ', ' : '', ...this.#input(arg)]), ')']
        : []),
      ...(member.type ? [': ', ...this.#shape(member.type)] : []),
      member.defaultValue ? ` = ${member.defaultValue}` : '',
    );
    const explained = args.filter((arg) => arg.description || arg.isDeprecated);
    return el(
      'li',
      { class: sought ? 'sought' : null },
      signature,
      deprecation(member),
      description(member),
      explained.length > 0 ? el('ul', { class: 'args' }, ...explained.map(explainedArgument)) : '',
    );
  }

  #input(arg) {
    return [named(arg), ': ', ...this.#shape(arg.type), arg.defaultValue ? ` = ${arg.defaultValue}` : ''];
  }

  #shape(shape) {
    const { name, before, after } = unwrap(shape);
    return [el('span', { class: 'shape' }, before, this.#link(name), after)];
  }

  #link(name, label = name, member = undefined) {
    return el('button', { type: 'button', class: 'type-link', onclick: () => this.#follow(name, member) }, label);
  }
}

function explainedArgument(arg) {
  const required = isRequired(arg) ? el('span', { class: 'kind' }, 'required') : '';
  const text = prose(arg.description ?? '');
  return el('li', {}, el('code', {}, named(arg)), required, ' ', ...text, deprecation(arg));
}

// The name of a member or an argument, struck out if it is deprecated.
function named({ name, isDeprecated }, kind = 'argument') {
  return el('span', { class: isDeprecated ? `${kind} old` : kind }, name);
}

function deprecation(one) {
  const reason = deprecationOf(one);
  return reason === null ? '' : el('p', { class: 'deprecated' }, 'Deprecated: ', ...prose(reason));
}

function kindOf(type) {
  return el('span', { class: 'kind' }, KINDS[type.kind] ?? type.kind);
}

function description({ description: text }) {
  return text ? el('p', { class: 'description' }, ...prose(text)) : '';
}

// The address comes from the schema; as a link it could be a script.
function specification({ specifiedByURL: url }) {
  if (!url) return '';
  const isWeb = /^https?:\/\//i.test(url);
  const shown = isWeb ? el('a', { href: url, target: '_blank', rel: 'noreferrer noopener' }, url) : url;
  return el('p', { class: 'description' }, 'Specified by ', shown);
}
