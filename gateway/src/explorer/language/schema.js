// A server's schema, indexed for the editor and the panel, from the result of its introspection.

// Seven wrappers are two more than [[T!]!]!, the deepest shape seen in practice, needs.
export const INTROSPECTION = `query ExplorerSchema {
  __schema {
    queryType { name }
    mutationType { name }
    subscriptionType { name }
    directives { name description locations args(includeDeprecated: true) { ...Input } }
    types {
      kind
      name
      description
      specifiedByURL
      fields(includeDeprecated: true) {
        name
        description
        args(includeDeprecated: true) { ...Input }
        type { ...Shape }
        isDeprecated
        deprecationReason
      }
      inputFields(includeDeprecated: true) { ...Input }
      interfaces { name }
      possibleTypes { name }
      enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
    }
  }
}
fragment Input on __InputValue { name description defaultValue isDeprecated deprecationReason type { ...Shape } }
fragment Shape on __Type {
  kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
    ofType { kind name ofType { kind name } } } } } } }
}`;

const TEXT = { kind: 'NON_NULL', ofType: { kind: 'SCALAR', name: 'String' } };

// Fields that every type, or the root of queries, has although introspection does not list them.
const TYPENAME = { name: '__typename', description: 'Name of the object’s type.', args: [], type: TEXT };
const META = [
  {
    name: '__schema',
    description: 'The schema of this server.',
    args: [],
    type: { kind: 'NON_NULL', ofType: { kind: 'OBJECT', name: '__Schema' } },
  },
  {
    name: '__type',
    description: 'A type of the schema by its name.',
    args: [{ name: 'name', description: null, defaultValue: null, type: TEXT }],
    type: { kind: 'OBJECT', name: '__Type' },
  },
];

/** A schema as the explorer needs it. Types and members have the form of introspection. */
export class Schema {
  #byName;
  #roots;
  /** Directives by name. */
  directives;

  /** `raw` is the `__schema` of a response to INTROSPECTION. */
  constructor(raw) {
    this.#byName = new Map(raw.types.map((type) => [type.name, type]));
    this.#roots = { query: raw.queryType, mutation: raw.mutationType, subscription: raw.subscriptionType };
    this.directives = new Map((raw.directives ?? []).map((directive) => [directive.name, directive]));
  }

  typeOf(name) {
    return this.#byName.get(name) ?? null;
  }

  /** The type of an operation's root: `type` is `query`, `mutation` or `subscription`. */
  rootOf(type) {
    return this.typeOf(this.#roots[type]?.name);
  }

  /** The types of the schema itself, without those of introspection, by name. */
  get types() {
    return [...this.#byName.values()]
      .filter(({ name }) => !name.startsWith('__'))
      .sort((one, other) => one.name.localeCompare(other.name));
  }
}

/** A field of an object, an interface or a union by its name, or null. */
export function fieldOf(schema, type, name) {
  return fieldsOf(schema, type).find((field) => field.name === name) ?? null;
}

/** All fields that can be selected on a type, its own first. */
export function fieldsOf(schema, type) {
  const meta = schema.rootOf('query') === type ? META : [];
  return [...(type.fields ?? []), TYPENAME, ...meta];
}

/** Whether an object can be of both types, which a fragment needs. */
export function overlap(one, other) {
  const names = new Set(objectsOf(one));
  return objectsOf(other).some((name) => names.has(name));
}

function objectsOf(type) {
  return type.kind === 'OBJECT' ? [type.name] : (type.possibleTypes ?? []).map(({ name }) => name);
}

/** The members of a type of any kind: fields, input fields or enum values. */
export function membersOf(type) {
  return type.fields ?? type.inputFields ?? type.enumValues ?? [];
}

/** The name inside all list and non-null wrappers. */
export function namedType(shape) {
  return shape.ofType ? namedType(shape.ofType) : shape.name;
}

/** The type of the values in a list of this type; a single value of another type stands for a list of one. */
export function itemOf(shape) {
  if (shape?.kind === 'NON_NULL') return itemOf(shape.ofType);
  return shape?.kind === 'LIST' ? shape.ofType : shape;
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

/** A type as it is written in a schema, such as `[Order!]!`. */
export function shapeText(shape) {
  const { name, before, after } = unwrap(shape);
  return before + name + after;
}

/** Whether a request must give this argument or input field. */
export function isRequired(input) {
  return input.type.kind === 'NON_NULL' && (input.defaultValue ?? null) === null;
}

/** Why a member or an argument is deprecated; null if it is not. */
export function deprecationOf({ isDeprecated, deprecationReason }) {
  return isDeprecated ? (deprecationReason ?? 'No reason is given.') : null;
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
  for (const type of schema.types) {
    addMatch(type);
    for (const member of membersOf(type)) addMatch(type, member);
  }
  return found.sort((one, other) => one.rank - other.rank).slice(0, max);
}
