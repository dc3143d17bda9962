// Relay: its compiler accepts @refetchable and @connection on this schema, and its store pages and refetches.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildClientSchema, getIntrospectionQuery, printSchema } from 'graphql';
import compiler from 'relay-compiler';
import relay from 'relay-runtime';

import { accountWithOrders, run } from './endpoint.mjs';

const { Environment, Network, RecordSource, Store, createOperationDescriptor, fetchQuery, getRequest } = relay;
const COMPILE_MS_MAX = 60_000;

const SOURCES = `
graphql\`
  query appQuery($id: ID!, $count: Int!) {
    account(id: $id) {
      ...app_name
      ...app_orders @arguments(count: $count)
    }
  }
\`;
graphql\`
  fragment app_name on Account @refetchable(queryName: "appNameRefetchQuery") {
    id
    name
    closed
  }
\`;
graphql\`
  fragment app_orders on Account
  @argumentDefinitions(count: { type: "Int!" }, cursor: { type: "String" })
  @refetchable(queryName: "appOrdersPaginationQuery") {
    ordersConnection(first: $count, after: $cursor) @connection(key: "app_ordersConnection") {
      edges {
        node {
          id
          lines { id unitPrice { amount } product { id name } }
        }
      }
    }
  }
\`;
graphql\`
  query appNodesQuery($ids: [ID!]!) {
    nodes(ids: $ids) {
      __typename
      id
      ... on Account { name }
      ... on Product { name }
      ... on Order { status }
    }
  }
\`;
`;

// Compiles the sources against the schema of the node. Returns a function that loads an artifact by its name.
async function compiled(url) {
  const introspection = await run(url, getIntrospectionQuery({ inputValueDeprecation: true, specifiedByUrl: true }));
  const folder = mkdtempSync(path.join(tmpdir(), 'relay-'));
  mkdirSync(path.join(folder, 'src'));
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "commonjs" }');
  writeFileSync(path.join(folder, 'schema.graphql'), printSchema(buildClientSchema(introspection)));
  writeFileSync(path.join(folder, 'src', 'app.js'), SOURCES);
  const config = {
    src: './src',
    schema: './schema.graphql',
    language: 'javascript',
    artifactDirectory: './artifacts',
    // As CommonJS, artifacts load each other without the endings of their files.
    eagerEsModules: false,
  };
  writeFileSync(path.join(folder, 'relay.config.json'), JSON.stringify(config));
  mkdirSync(path.join(folder, 'artifacts'));
  try {
    execFileSync(compiler, ['relay.config.json'], { cwd: folder, timeout: COMPILE_MS_MAX, stdio: 'pipe' });
  } catch (error) {
    throw new Error(`relay-compiler: ${error.stdout} ${error.stderr}`);
  }
  const load = createRequire(path.join(folder, 'artifacts', 'load.js'));
  return {
    artifact: (name) => load(`./${name}.graphql.js`),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function environment(url, sent) {
  const network = Network.create(async (request, variables) => {
    sent.push(request.name);
    return { data: await run(url, request.text, variables) };
  });
  return new Environment({ network, store: new Store(new RecordSource()) });
}

// The orders of the account that the store has joined from all pages.
function joinedOrders(relayEnvironment, account) {
  const records = relayEnvironment.getStore().getSource();
  const connection = records.get(`client:${account}:__app_ordersConnection_connection`);
  return connection.edges.__refs.map((edge) => records.get(records.get(edge).node.__ref).id);
}

async function withArtifacts(url, job) {
  const { artifact, remove } = await compiled(url);
  try {
    await job(artifact);
  } finally {
    remove();
  }
}

export const checks = [
  {
    name: 'Relay pages through a connection and joins its pages',
    run: (url) => withArtifacts(url, async (artifact) => {
      const { account, orders } = await accountWithOrders(url, 5);
      const sent = [];
      const relayEnvironment = environment(url, sent);
      const query = artifact('appQuery');
      const page = await fetchQuery(relayEnvironment, query, { id: account, count: 2 }).toPromise();
      assert.ok(page.account);
      const operation = createOperationDescriptor(getRequest(query), { id: account, count: 2 });
      const retained = relayEnvironment.retain(operation);
      const next = artifact('appOrdersPaginationQuery');
      for (const known of [2, 4]) {
        assert.deepEqual(joinedOrders(relayEnvironment, account), orders.slice(0, known));
        const records = relayEnvironment.getStore().getSource();
        const connection = records.get(`client:${account}:__app_ordersConnection_connection`);
        const pageInfo = records.get(connection.pageInfo.__ref);
        assert.equal(pageInfo.hasNextPage, true);
        await fetchQuery(relayEnvironment, next, { id: account, count: 2, cursor: pageInfo.endCursor }).toPromise();
      }
      assert.deepEqual(joinedOrders(relayEnvironment, account), orders);
      assert.deepEqual(sent, ['appQuery', 'appOrdersPaginationQuery', 'appOrdersPaginationQuery']);
      retained.dispose();
    }),
  },
  {
    name: 'Relay refetches a fragment by the id of its node',
    run: (url) => withArtifacts(url, async (artifact) => {
      const { account } = await accountWithOrders(url, 1);
      const relayEnvironment = environment(url, []);
      await fetchQuery(relayEnvironment, artifact('appQuery'), { id: account, count: 1 }).toPromise();
      const name = () => relayEnvironment.getStore().getSource().get(account).name;
      assert.equal(name(), 'Ada');
      await run(url, 'mutation($id: String!) { renameAccount(id: $id, name: "Bo") { id } }', { id: account });
      await fetchQuery(relayEnvironment, artifact('appNameRefetchQuery'), { id: account }).toPromise();
      assert.equal(name(), 'Bo');
    }),
  },
  {
    name: 'Relay stores nodes of all types under their ids',
    run: (url) => withArtifacts(url, async (artifact) => {
      const { account, product, orders } = await accountWithOrders(url, 1);
      const relayEnvironment = environment(url, []);
      const ids = [orders[0], account, product];
      await fetchQuery(relayEnvironment, artifact('appNodesQuery'), { ids }).toPromise();
      const types = ids.map((id) => relayEnvironment.getStore().getSource().get(id).__typename);
      assert.deepEqual(types, ['Order', 'Account', 'Product']);
    }),
  },
];
