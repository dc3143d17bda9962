// What can be typed at a place of the variables, from the definitions of the operation and the schema.

import { tokenizeJson } from './json.js';
import { rank } from './matching.js';
import { deprecationOf, isRequired, itemOf, namedType, shapeText } from './schema.js';

/**
 * The options at an offset of a JSON text, in the form of completion.js, or null. `variables` are those of the
 * operation: `[{ name, shape }]`.
 */
export function variableCompletionsAt(text, offset, variables, schema) {
  const tokens = tokenizeJson(text);
  const index = tokens.findIndex(({ start, end }) => start < offset && offset <= end);
  const word = tokens[index]?.kind === 'punctuator' ? undefined : tokens[index];
  // Behind its closing quote a text is complete.
  if (word?.text.endsWith('"') && word.text.length > 1 && offset === word.end) return null;
  const from = word?.start ?? offset;
  const place = placeAt(tokens.filter(({ end }) => end <= from));
  const to = word ? endOf(word) : offset;
  const options = place && optionsFor(place, variables, schema, /^\s*:/.test(text.slice(to)));
  const prefix = text.slice(from, offset).replace(/^"/, '');
  const ranked = rank(options ?? [], prefix);
  return ranked.length === 0 ? null : { from, to, prefix, options: ranked };
}

// A text without its closing quote takes the rest of the line; only its first word is replaced.
function endOf({ kind, text, start, end }) {
  return kind === 'error' ? start + text.match(/^"?[-\w]*/)[0].length : end;
}

// The objects and lists that are open behind these tokens, outermost first; null outside of the outermost object.
function placeAt(tokens) {
  const open = [];
  for (const { kind, text } of tokens) {
    const inner = open.at(-1);
    if (text === '{' || text === '[') {
      open.push({ list: text === '[', key: null, atValue: text === '[', names: new Set() });
    } else if (text === '}' || text === ']') {
      open.pop();
    } else if (!inner) {
      return null;
    } else if (text === ':') {
      inner.atValue = true;
    } else if (text === ',') {
      inner.atValue = inner.list;
    } else if (!inner.list && !inner.atValue && (kind === 'name' || kind === 'string')) {
      inner.key = text.slice(1, -1);
      inner.names.add(inner.key);
    }
  }
  return open.length > 0 ? open : null;
}

function optionsFor(open, variables, schema, hasColon) {
  // What the innermost object may contain, and the type of the value at this place.
  let inputs = variables.map(({ name, shape }) => ({ name, type: shape }));
  let shape;
  for (const [index, { list, key }] of open.entries()) {
    if (list) {
      shape = itemOf(shape);
      continue;
    }
    shape = inputs.find(({ name }) => name === key)?.type;
    if (index < open.length - 1) inputs = shape ? inputsOf(shape, schema) : [];
  }
  const inner = open.at(-1);
  if (inner.atValue) return valueOptions(shape, schema);
  return inputs.filter(({ name }) => !inner.names.has(name)).map((input) => keyOption(input, hasColon));
}

function inputsOf(shape, schema) {
  return schema?.typeOf(namedType(shape))?.inputFields ?? [];
}

function keyOption(input, hasColon) {
  return {
    label: input.name,
    insert: JSON.stringify(input.name) + (hasColon ? '' : ': '),
    detail: shapeText(input.type),
    description: input.description ?? null,
    deprecated: deprecationOf(input),
    first: isRequired(input),
  };
}

function valueOptions(shape, schema) {
  if (!shape) return [];
  const wanted = namedType(shape);
  const value = (label, insert, description = null, deprecated = null) => ({
    label,
    insert,
    detail: wanted,
    description,
    deprecated,
    first: false,
  });
  const members = schema?.typeOf(wanted)?.enumValues ?? [];
  return [
    ...members.map((member) =>
      value(member.name, JSON.stringify(member.name), member.description, deprecationOf(member)),
    ),
    ...(wanted === 'Boolean' ? [value('true', 'true'), value('false', 'false')] : []),
    ...(shape.kind === 'NON_NULL' ? [] : [value('null', 'null')]),
  ];
}
