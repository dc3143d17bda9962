// Schemas for the tests, in the form in which the page reads them.

import { readFileSync } from 'node:fs';
import { buildSchema, graphqlSync } from 'graphql';
import { INTROSPECTION, Schema } from '../../../src/explorer/language/schema.js';

/** The schema of Fritzy as it is documented. */
export const SHOP = fromText(readFileSync(new URL('../../../../docs/schema.graphql', import.meta.url), 'utf8'));

/** What the shop's schema does not have yet, or not much of. */
export const ZOO = fromText(`
  "Whatever lives here."
  interface Animal { id: ID! name: String! }
  type Cat implements Animal { id: ID! name: String! lives: Int! claws(sharp: Boolean = true, kind: Claw, count: Int!): [Claw!] }
  type Dog implements Animal { id: ID! name: String! barks: Boolean! owner: Person }
  type Person { name: String! nick: String @deprecated(reason: "Use \`name\`.") pets: [Pet!]! home(where: Place!): String }
  union Pet = Cat | Dog
  enum Claw { FRONT BACK OLD @deprecated }
  input Place { street: String! city: City country: String = "DE" }
  input City { name: String! sizes: [Size!] }
  enum Size { SMALL LARGE }
  input Old { once: Int @deprecated(reason: "Use \`now\`.") now: Int }
  scalar Stamp @specifiedBy(url: "https://example.org/stamp")
  type Query { animal(id: ID!): Animal pets: [Pet!]! people(first: Int, where: Place, stamps: [Stamp!]): [Person!]! }
  type Mutation { feed(id: ID!, claws: [Claw!]!): Animal }
  directive @slow(ms: Int!) on FIELD | QUERY
`);

function fromText(text) {
  const { data, errors } = graphqlSync({ schema: buildSchema(text), source: INTROSPECTION });
  if (errors) throw errors[0];
  return new Schema(data.__schema);
}
