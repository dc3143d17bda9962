// The normalising caches of Apollo Client and urql: what they return equals what the node has sent.

import assert from 'node:assert/strict';
import { InMemoryCache, gql } from '@apollo/client/core';
import { Client, fetchExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';

import { accountWithOrders, run } from './endpoint.mjs';

const BY_LINES = `query($id: ID!) { account(id: $id) { __typename id orders { __typename id
  lines { __typename id productId name quantity unitPrice { __typename amount } product { __typename id name } }
} } }`;

const BY_PRODUCTS = `query($id: ID!) { account(id: $id) { __typename id orders { __typename id
  products { __typename id name quantity priceMoney { __typename amount } }
} } }`;

// The policies that docs/reference/api.md gives for clients that still select `products { id }`.
const APOLLO_POLICY = { typePolicies: { OrderedProduct: { keyFields: false } } };
const URQL_POLICY = { OrderedProduct: () => null };

// The response as Apollo's cache returns it after it was written.
async function throughApollo(url, text, id, config = {}) {
  const cache = new InMemoryCache(config);
  const [query, variables] = [gql(text), { id }];
  const data = await run(url, text, variables);
  cache.writeQuery({ query, variables, data });
  return { sent: data, cached: cache.readQuery({ query, variables }) };
}

// The response as urql's normalised cache returns it.
async function throughUrql(url, text, id, keys = {}) {
  const exchanges = [cacheExchange({ keys: { Money: () => null, ...keys } }), fetchExchange];
  const client = new Client({ url, exchanges, preferGetMethod: false });
  const first = await client.query(text, { id }).toPromise();
  assert.equal(first.error, undefined);
  const cached = await client.query(text, { id }, { requestPolicy: 'cache-only' }).toPromise();
  return { sent: await run(url, text, { id }), cached: cached.data };
}

export const checks = [
  {
    name: 'Apollo Client keeps lines of orders apart, without a policy',
    async run(url) {
      const { account } = await accountWithOrders(url, 3);
      const { sent, cached } = await throughApollo(url, BY_LINES, account);
      assert.deepEqual(cached, sent);
      const prices = cached.account.orders.map((order) => order.lines[0].unitPrice.amount);
      assert.deepEqual(prices, ['1.00', '2.00', '3.00']);
    },
  },
  {
    name: 'urql keeps lines of orders apart, without keys of its own',
    async run(url) {
      const { account } = await accountWithOrders(url, 3);
      const { sent, cached } = await throughUrql(url, BY_LINES, account);
      assert.deepEqual(cached, sent);
    },
  },
  {
    name: 'OrderedProduct.id mixes up lines in Apollo Client, unless it has the documented policy',
    async run(url) {
      const { account } = await accountWithOrders(url, 2);
      const mixed = await throughApollo(url, BY_PRODUCTS, account);
      assert.notDeepEqual(mixed.cached, mixed.sent, 'the deprecation has lost its reason');
      const { sent, cached } = await throughApollo(url, BY_PRODUCTS, account, APOLLO_POLICY);
      assert.deepEqual(cached, sent);
    },
  },
  {
    name: 'OrderedProduct.id mixes up lines in urql, unless it has the documented keys',
    async run(url) {
      const { account } = await accountWithOrders(url, 2);
      const mixed = await throughUrql(url, BY_PRODUCTS, account);
      assert.notDeepEqual(mixed.cached, mixed.sent, 'the deprecation has lost its reason');
      const { sent, cached } = await throughUrql(url, BY_PRODUCTS, account, URQL_POLICY);
      assert.deepEqual(cached, sent);
    },
  },
];
