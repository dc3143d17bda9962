// Apollo Federation: the node as a subgraph next to another one, composed and queried through a router.

import assert from 'node:assert/strict';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime';
import { composeServices } from '@theguild/federation-composition';
import { buildSchema, graphql, parse } from 'graphql';

import { accountWithOrders, run } from './endpoint.mjs';

const RATINGS = `
  type Product @key(fields: "id") { id: ID! stars: Int! }
  type Query { rated(ids: [ID!]!): [Product]! }
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key"])
`;

// What a library for subgraphs would add to the schema above.
const RATINGS_EXECUTABLE = `
  scalar _Any
  union _Entity = Product
  type Product { id: ID! stars: Int! }
  type Query { rated(ids: [ID!]!): [Product]! _entities(representations: [_Any!]!): [_Entity]! }
`;

// A product of the other subgraph: its stars follow from its id.
const rating = (id) => ({ __typename: 'Product', id, stars: (Number.parseInt(id.slice(0, 4), 16) % 5) + 1 });

// Starts the other subgraph on a free port.
async function startRatings() {
  const schema = buildSchema(RATINGS_EXECUTABLE, { assumeValid: true });
  const rootValue = {
    rated: ({ ids }) => ids.map(rating),
    _entities: ({ representations }) => representations.map(({ id }) => rating(id)),
  };
  const server = http.createServer(async (request, response) => {
    const { query, variables } = JSON.parse(await text(request));
    const result = await graphql({ schema, source: query, variableValues: variables, rootValue });
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(result));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

function composed(shop, ratings) {
  const { supergraphSdl, errors } = composeServices([
    { name: 'shop', typeDefs: parse(shop.sdl), url: shop.url },
    { name: 'ratings', typeDefs: parse(RATINGS), url: ratings.url },
  ]);
  assert.deepEqual(errors ?? [], []);
  return supergraphSdl;
}

async function withRouter(url, job) {
  const { _service } = await run(url, '{ _service { sdl } }');
  const ratings = await startRatings();
  const supergraph = composed({ sdl: _service.sdl, url }, ratings);
  const router = createGatewayRuntime({ supergraph, logging: false, maskedErrors: false });
  const ask = async (query, variables) => {
    const response = await router.fetch('http://router/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    return response.json();
  };
  try {
    await job(ask);
  } finally {
    await router[Symbol.asyncDispose]();
    ratings.close();
  }
}

export const checks = [
  {
    name: 'Federation: composed with another subgraph, entities are joined in both directions',
    run: (url) => withRouter(url, async (ask) => {
      const { account, product } = await accountWithOrders(url, 2);
      const fromShop = await ask(
        `query($id: ID!, $account: ID!) {
          product(id: $id) { name stars }
          account(id: $account) { name orders { status lines { quantity product { id name stars } } } }
        }`,
        { id: product, account },
      );
      assert.equal(fromShop.errors, undefined);
      const { stars } = rating(product);
      assert.deepEqual(fromShop.data.product, { name: 'Lamp', stars });
      const products = fromShop.data.account.orders.flatMap((order) => order.lines.map((line) => line.product));
      assert.deepEqual(products, Array.from({ length: 2 }, () => ({ id: product, name: 'Lamp', stars })));
      const fromRatings = await ask('query($ids: [ID!]!) { rated(ids: $ids) { id stars name withdrawn } }', {
        ids: [product],
      });
      assert.deepEqual(fromRatings, { data: { rated: [{ id: product, stars, name: 'Lamp', withdrawn: false }] } });
    }),
  },
  {
    name: 'Federation: an entity that the shop does not have nulls itself only',
    run: (url) => withRouter(url, async (ask) => {
      const { product } = await accountWithOrders(url, 1);
      const unknown = '00000000-0000-4000-8000-000000000000';
      const { data, errors } = await ask('query($ids: [ID!]!) { rated(ids: $ids) { id name } }', {
        ids: [product, unknown],
      });
      assert.deepEqual(data, { rated: [{ id: product, name: 'Lamp' }, null] });
      assert.deepEqual(errors.map(({ path }) => path), [['rated', 1, 'name']]);
    }),
  },
];
