// What can be typed at a place of a GraphQL document, from the grammar and the schema.

import { tokenize } from './lexer.js';
import { rank } from './matching.js';
import { deprecationOf, fieldsOf, isRequired, namedType, overlap, shapeText } from './schema.js';
import { walk } from './walk.js';

/**
 * The options at an offset, as `{ from, to, prefix, options }`, best first: each option replaces the text from `from`
 * to `to`. An option is `{ label, insert, detail, description, deprecated }`: `insert` is the new text, `detail` its
 * type, and `deprecated` a reason or null. Inside comments and strings, and where nothing of the schema fits, the
 * result is null.
 */
export function completionsAt(source, offset, schema) {
  const tokens = tokenize(source);
  if (isInText(tokens, offset)) return null;
  const { from, to } = wordAt(tokens, offset);
  const before = tokens.filter(({ end }) => end <= from);
  const { expected, within } = walk(before, schema);
  const hasColon = /^\s*:/.test(source.slice(to));
  const options = optionsFor(expected, { schema, document: walk(tokens, schema), within, hasColon });
  const prefix = source.slice(from, offset);
  const ranked = rank(options, prefix);
  return ranked.length === 0 ? null : { from, to, prefix, options: ranked };
}

/** Whether an offset is inside a comment or a string. */
export function isInText(tokens, offset) {
  const { kind, text, end } = tokens.findLast(({ start }) => start < offset) ?? {};
  if (kind === 'string' || kind === 'block') return offset < end;
  return (kind === 'comment' || (kind === 'error' && text.startsWith('"'))) && offset <= end;
}

// The word that is being typed; a variable's `$` is part of it.
function wordAt(tokens, offset) {
  const index = tokens.findIndex(({ start, end }) => start < offset && offset <= end);
  const word = tokens[index];
  const before = tokens[index - 1];
  if (word?.text === '$') {
    const name = tokens[index + 1];
    return { from: word.start, to: name?.kind === 'name' && name.start === word.end ? name.end : word.end };
  }
  if (word?.kind !== 'name') return { from: offset, to: offset };
  const from = before?.text === '$' && before.end === word.start ? before.start : word.start;
  return { from, to: word.end };
}

function optionsFor(expected, context) {
  const { schema } = context;
  switch (expected.at) {
    case 'definition':
      return definitionOptions(schema);
    case 'on':
      return [keyword('on')];
    case 'selection':
      return expected.parent ? fieldsOf(schema, expected.parent).map(fieldOption) : [];
    case 'spread':
      return spreadOptions(expected.parent, context);
    case 'typeCondition':
      return conditionTypes(schema, expected.parent).map(typeOption);
    case 'inputType':
      return schema.types.filter(({ kind }) => ['SCALAR', 'ENUM', 'INPUT_OBJECT'].includes(kind)).map(typeOption);
    case 'argument':
    case 'inputField':
      return expected.inputs
        .filter(({ name }) => !expected.given.has(name))
        .map((input) => inputOption(input, context.hasColon));
    case 'value':
      return expected.shape ? valueOptions(expected, context) : [];
    case 'directive':
      return [...schema.directives.values()]
        .filter(({ locations }) => locations.includes(expected.location))
        .map(({ name, description, args }) => option(name, { detail: argumentsText(args), description }));
    default:
      return [];
  }
}

function definitionOptions(schema) {
  const operations = ['query', 'mutation', 'subscription'].filter((type) => schema.rootOf(type));
  return [...operations, 'fragment'].map(keyword);
}

function spreadOptions(parent, { schema, document, within }) {
  const fits = ({ name, on }) => {
    const type = on && schema.typeOf(on);
    // A fragment that spreads itself never ends.
    return name && name !== within?.name && type && (!parent || overlap(type, parent));
  };
  const fragments = document.fragments.filter(fits).map(({ name, on }) => option(name, { detail: `on ${on}` }));
  return [keyword('on'), ...fragments];
}

function conditionTypes(schema, parent) {
  const composite = schema.types.filter(({ kind }) => ['OBJECT', 'INTERFACE', 'UNION'].includes(kind));
  return parent ? composite.filter((type) => overlap(type, parent)) : composite;
}

function valueOptions({ shape, constant }, { schema, within }) {
  const wanted = namedType(shape);
  const type = schema.typeOf(wanted);
  const variables = (constant ? [] : (within?.variables ?? []))
    .filter((variable) => namedType(variable.shape) === wanted)
    .map((variable) => option(`$${variable.name}`, { detail: shapeText(variable.shape) }));
  const literals = wanted === 'Boolean' ? ['true', 'false'].map(keyword) : [];
  const values = (type?.enumValues ?? []).map((value) =>
    option(value.name, { detail: wanted, description: value.description, deprecated: deprecationOf(value) }),
  );
  const nothing = shape.kind === 'NON_NULL' ? [] : [keyword('null')];
  return [...variables, ...values, ...literals, ...nothing];
}

function fieldOption(field) {
  return option(field.name, {
    detail: (field.args?.length ? `${argumentsText(field.args)}: ` : '') + shapeText(field.type),
    description: field.description,
    deprecated: deprecationOf(field),
  });
}

function inputOption(input, hasColon) {
  return option(input.name, {
    insert: hasColon ? input.name : `${input.name}: `,
    detail: shapeText(input.type) + (input.defaultValue ? ` = ${input.defaultValue}` : ''),
    description: input.description,
    deprecated: deprecationOf(input),
    first: isRequired(input),
  });
}

function typeOption({ name, kind, description }) {
  return option(name, { detail: kind.toLowerCase().replace('_', ' '), description });
}

function keyword(label) {
  return option(label, { detail: 'keyword' });
}

function option(label, { insert = label, detail = '', description = null, deprecated = null, first = false }) {
  return { label, insert, detail, description, deprecated, first };
}

function argumentsText(args) {
  return args?.length ? `(${args.map(({ name, type }) => `${name}: ${shapeText(type)}`).join(', ')})` : '';
}
