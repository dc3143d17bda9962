// The server's schema from its introspection, indexed for the panel.

import { ENDPOINT, post } from './request.js';

// Five wrappers are enough for [[T!]!]!, the deepest shape seen in practice.
const INTROSPECTION = `query ExplorerSchema {
  __schema {
    queryType { name }
    mutationType { name }
    subscriptionType { name }
    types {
      kind
      name
      description
      fields(includeDeprecated: true) {
        name
        description
        args { ...Input }
        type { ...Shape }
        isDeprecated
        deprecationReason
      }
      inputFields { ...Input }
      interfaces { name }
      possibleTypes { name }
      enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
    }
  }
}
fragment Input on __InputValue { name description defaultValue type { ...Shape } }
fragment Shape on __Type {
  kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } }
}`;

/** Reads the schema. Resolves to `{ schema }`, or to `{ fault }` with a sentence for the user. */
export async function readSchema() {
  const outcome = await post({ query: INTROSPECTION });
  const raw = outcome.body?.data?.__schema;
  if (raw) return { schema: index(raw) };
  return { fault: faultOf(outcome) };
}

function faultOf(outcome) {
  if (outcome.kind === 'not-json')
    return `The schema could not be read: the response (HTTP ${outcome.status}) is not JSON.`;
  if (outcome.kind !== 'response') return `The schema could not be read: the node does not respond at ${ENDPOINT}.`;
  const message = outcome.body?.errors?.[0]?.message ?? '';
  // A server without introspection may reject the field, or omit it without an error.
  if (message === '' || /introspection|__schema/i.test(message)) {
    return `This server does not show its schema: introspection is switched off. ${message}`.trim();
  }
  return `The schema could not be read. The server reports: ${message}`;
}

function index(raw) {
  const types = raw.types
    .filter((type) => !type.name.startsWith('__'))
    .sort((one, other) => one.name.localeCompare(other.name));
  const roots = [
    ['Queries', raw.queryType],
    ['Mutations', raw.mutationType],
    ['Subscriptions', raw.subscriptionType],
  ].filter(([, type]) => type);
  const rootNames = new Set(roots.map(([, type]) => type.name));
  const byName = new Map(types.map((type) => [type.name, type]));
  return {
    byName,
    roots: roots.map(([title, type]) => ({ title, type: byName.get(type.name) })),
    types: types.filter((type) => !rootNames.has(type.name)),
  };
}

/** The members of a type of any kind: fields, input fields or enum values. */
export function membersOf(type) {
  return type.fields ?? type.inputFields ?? type.enumValues ?? [];
}

/** The name inside all list and non-null wrappers, with the characters before and after it. */
export function unwrap(shape) {
  if (shape.kind === 'NON_NULL') {
    const inner = unwrap(shape.ofType);
    return { ...inner, after: `${inner.after}!` };
  }
  if (shape.kind === 'LIST') {
    const inner = unwrap(shape.ofType);
    return { name: inner.name, before: `[${inner.before}`, after: `${inner.after}]` };
  }
  return { name: shape.name, before: '', after: '' };
}

/** Types and members whose name or description contains the words, best matches first, as `{ type, member }`. */
export function searchSchema(schema, words, max) {
  const wanted = words.trim().toLowerCase();
  const found = [];
  const addMatch = (type, member) => {
    const { name, description } = member ?? type;
    const at = name.toLowerCase().indexOf(wanted);
    if (at >= 0) found.push({ type, member, rank: at + (member ? 1 : 0) });
    else if (description?.toLowerCase().includes(wanted)) found.push({ type, member, rank: 1_000 });
  };
  for (const type of schema.byName.values()) {
    addMatch(type);
    for (const member of membersOf(type)) addMatch(type, member);
  }
  return found.sort((one, other) => one.rank - other.rank).slice(0, max);
}
