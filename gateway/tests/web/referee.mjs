// graphql-js as the referee of document validation: it and the node have to agree which documents are valid.
//
//   node referee.mjs http://127.0.0.1:4000/graphql [--mutated 50000] [--seed 1]
//
// First the documents by rule (referee/documents.mjs), then as many mutated ones: tokens of those documents deleted,
// repeated, swapped or replaced. Each is sent with the name of an operation that it does not have, so nothing is executed.
// Prints `ok - rule` or `not ok - rule: document`, and at the end `N passed, M failed`.

import http from 'node:http';
import { GraphQLError, Kind, buildClientSchema, getIntrospectionQuery, parse, validate } from 'graphql';
import { DOCUMENTS } from './referee/documents.mjs';
import { mutate } from './referee/mutate.mjs';

// No such operation is in a document, also not in a mutated one.
const NO_OPERATION = 'ReferenceWithoutOperation';
const REQUEST_MS_MAX = 10_000;
const AT_ONCE = 8;
const FAILED_MAX = 40;

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

const [url, ...options] = process.argv.slice(2);
const option = (name, otherwise) => {
  const at = options.indexOf(name);
  return at < 0 ? otherwise : Number(options[at + 1]);
};
const mutatedCount = option('--mutated', 50_000);
const seed = option('--seed', 1);
if (!url) {
  console.error('usage: node referee.mjs URL [--mutated COUNT] [--seed N]');
  process.exit(2);
}

const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE });

function post(body) {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    const request = http.request(url, { method: 'POST', agent, headers, timeout: REQUEST_MS_MAX }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        try {
          resolve(JSON.parse(text));
        } catch {
          reject(new Error(`status ${response.statusCode}, not JSON: ${text.slice(0, 200)}`));
        }
      });
    });
    request.on('timeout', () => request.destroy(new Error(`no response in ${REQUEST_MS_MAX} ms`)));
    request.on('error', reject);
    request.end(JSON.stringify(body));
  });
}

// The node's verdict: null for a valid document, else its first message.
async function verdictOfNode(query) {
  const { data, errors } = await post({ query, operationName: NO_OPERATION });
  if (data) {
    return `executed: ${JSON.stringify(data)}`;
  }
  const [first] = errors;
  const { code } = first.extensions ?? {};
  if (first.message === `The document has no operation named "${NO_OPERATION}".`) {
    return null;
  }
  if (code !== 'GRAPHQL_PARSE_FAILED' && code !== 'GRAPHQL_VALIDATION_FAILED') {
    return `unexpected ${code}: ${first.message}`;
  }
  return `${code}: ${first.message}`;
}

let schema;

function verdictOfReference(query) {
  let document;
  try {
    document = parse(query);
  } catch (error) {
    return `syntax: ${error.message}`;
  }
  const [first] = validate(schema, document, undefined, { maxErrors: 1 });
  return first ? `validation: ${first.message}` : null;
}

// Where the node differs on purpose.
const KNOWN_DIFFERENCES = [
  {
    name: 'a subscription, which this schema does not have: refused, as by the edition of September 2025',
    is: (query, node) => /subscription/.test(node ?? ''),
  },
  {
    name: 'a description of an operation or a fragment: allowed, as by the edition of September 2025',
    is: (query, node, reference) => node === null && /Unexpected description/.test(reference),
  },
  {
    name: 'one text as a string and as a block string: the same argument, while graphql-js compares how it is written',
    is: (query, node, reference) => node === null && query.includes('"""') && /differing arguments/.test(reference),
  },
];

let passed = 0;
let failed = 0;
const differences = new Map();

function judge(label, query, node, reference) {
  if ((node === null) === (reference === null) && !node?.startsWith('unexpected') && !node?.startsWith('executed')) {
    return true;
  }
  const known = KNOWN_DIFFERENCES.find(({ is }) => is(query, node, reference));
  if (known) {
    differences.set(known.name, (differences.get(known.name) ?? 0) + 1);
    return true;
  }
  notOk(`${label}: ${JSON.stringify(query)}; node: ${node ?? 'valid'}; graphql-js: ${reference ?? 'valid'}`);
  return false;
}

// Counted as they are printed; further ones say nothing new.
function notOk(what) {
  if (failed < FAILED_MAX) {
    failed += 1;
    console.log(`not ok - ${what}`);
  }
}

// Runs `job` for 0, 1, 2 … below `count`, a few at once.
async function forEach(count, job) {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const index = next;
      next += 1;
      await job(index);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function byRule() {
  for (const [rule, documents] of Object.entries(DOCUMENTS)) {
    let agreed = true;
    const seen = new Set();
    await forEach(documents.length, async (index) => {
      const query = documents[index];
      const reference = verdictOfReference(query);
      seen.add(reference === null);
      agreed = judge(rule, query, await verdictOfNode(query), reference) && agreed;
    });
    if (seen.size < 2) {
      notOk(`${rule}: graphql-js finds all of its documents ${seen.has(true) ? 'valid' : 'invalid'}`);
      agreed = false;
    }
    if (agreed) {
      console.log(`ok - ${rule} (${documents.length} documents)`);
      passed += 1;
    }
  }
}

async function mutated() {
  const texts = Object.values(DOCUMENTS).flat().filter((text) => text.length > 4);
  const valid = texts.filter((text) => verdictOfReference(text) === null);
  const documents = mutate({ texts, valid, count: mutatedCount, seed });
  let agreed = true;
  let validCount = 0;
  await forEach(documents.length, async (index) => {
    const query = documents[index];
    const reference = verdictOfReference(query);
    validCount += reference === null ? 1 : 0;
    agreed = judge('mutated', query, await verdictOfNode(query), reference) && agreed;
  });
  const share = `${documents.length} documents, ${validCount} of them valid, seed ${seed}`;
  // Where hardly any are valid, or nearly all, the mutations test little.
  if (documents.length > 1_000 && (validCount < documents.length / 20 || validCount > documents.length / 2)) {
    notOk(`mutated: ${share}`);
    agreed = false;
  }
  if (agreed) {
    console.log(`ok - mutated (${share})`);
    passed += 1;
  }
}

const { data } = await post({ query: getIntrospectionQuery({ inputValueDeprecation: true, oneOf: true, specifiedByUrl: true }) });
schema = buildClientSchema(data);
// Introspection does not tell what a scalar's literals are. Documents of the referee have no times out of range.
schema.getType('Time').parseLiteral = (node) => {
  if (node.kind === Kind.STRING && RFC_3339.test(node.value)) return node.value;
  throw new GraphQLError('not a time', { nodes: node });
};
await byRule();
await mutated();
for (const [name, count] of differences) {
  console.log(`# ${count} documents: ${name}`);
}
console.log(`${passed} passed, ${failed} failed`);
agent.destroy();
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
