// Copy as curl: a shell runs the command, and a server receives exactly the request.

import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { curlCommand } from '../../../src/explorer/request/curl.js';
import { documentIn, LINK_CHARS_MAX, linkTo } from '../../../src/explorer/request/link.js';
import { bodyOf, headersFault } from '../../../src/explorer/request/post.js';

const COMMAND_MS_MAX = 10_000;
const run = promisify(execFile);

// Everything that a shell, curl or JSON could take for its own.
const NASTY = `'"\\'' \`id\` $(id) $HOME \${x} !! %s \\n * ~ & | ; < > # {a,b} [1-3]\n\t\r é \u{1F600} \u2028`;

const REQUESTS = [
  ['a plain query', { query: '{ accounts { id } }' }],
  ['signs of the shell in the document', { query: `# ${NASTY}\n{ a(b: """${NASTY}""") }` }],
  [
    'signs of the shell in the variables',
    { query: 'query ($a: JSON) { a }', variables: JSON.stringify({ a: NASTY, "'": "''" }) },
  ],
  ['a body like a file name', { query: '@/etc/passwd' }],
  ['long numbers', { query: '{ a }', variables: '{ "n": 12345678901234567890, "p": 1.50 }' }],
  ['an operation', { query: 'query A { a } query B { b }', operationName: 'B' }],
  [
    'own headers',
    { query: '{ a }', headers: { Authorization: `Bearer it's "$x" \`y\``, 'X-Empty': '', Accept: 'application/json' } },
  ],
  ['a header that curl would read from a file', { query: '{ a }', headers: { 'x-at': '@/etc/passwd' } }],
];

export async function curl(checks) {
  links(checks);
  checks.same(
    'body: numbers keep their digits, in one line',
    bodyOf({ query: '{\n  a }', variables: '{\n "n": 12345678901234567890, "p": 1.50 }', operationName: 'A' }),
    '{"query":"{\\n  a }","variables":{"n":12345678901234567890,"p":1.50},"operationName":"A"}',
  );
  checks.same('headers: an impossible one is refused', headersFault({ 'a\nb': 'x' }) !== null, true);
  const tool = await run('curl', ['--version'], { timeout: COMMAND_MS_MAX }).catch(() => null);
  const received = [];
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      received.push({
        url: request.url,
        method: request.method,
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      });
      response.end('{}');
    });
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${server.address().port}/graphql`;
  for (const [what, request] of REQUESTS) {
    const command = curlCommand(url, request);
    await asWords(checks, what, command, request);
    if (tool) await asRequest(checks, what, command, request, received);
  }
  server.close();
}

// What the shell passes on, with or without curl on this machine.
async function asWords(checks, what, command, request) {
  const script = `curl() { printf '%s\\0' "$@"; }\n${command}`;
  const { stdout } = await run('sh', ['-c', script], { timeout: COMMAND_MS_MAX });
  const words = stdout.split('\0');
  checks.same(`curl: ${what}, in sh`, words[words.indexOf('--data-raw') + 1], bodyOf(request));
}

async function asRequest(checks, what, command, request, received) {
  received.length = 0;
  await run('sh', ['-c', command], { timeout: COMMAND_MS_MAX });
  const [{ url, method, headers, body } = {}] = received;
  checks.same(`curl: ${what}, as it arrives`, [method, url, body], ['POST', '/graphql', bodyOf(request)]);
  const own = Object.entries(request.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]);
  checks.same(
    `curl: ${what}, with its headers`,
    own.map(([name]) => headers[name]),
    own.map(([, value]) => value),
  );
  checks.same(`curl: ${what}, as JSON`, headers['content-type'], 'application/json');
}

function links(checks) {
  const document = { query: `query Q { a }\n# ${NASTY}+&=?#`, variables: '{"a": "ü+&"}', operation: 'Q' };
  const link = linkTo('http://[::1]:8000/?plain=1#x', document);
  checks.same('link: what it opens is the same document', documentIn(new URL(link).search), document);
  checks.same(
    'link: nothing else is in it',
    [...new URL(link).searchParams.keys()],
    ['query', 'variables', 'operationName'],
  );
  checks.same('link: the names are those of GraphQL over HTTP', documentIn('?query=%7Ba%7D'), {
    query: '{a}',
    variables: '',
  });
  checks.same('link: without a query there is no document', documentIn('?variables={}&query='), null);
  checks.same(
    'link: a long one is refused',
    linkTo('http://x/', { ...document, query: 'x'.repeat(LINK_CHARS_MAX) }),
    null,
  );
}
