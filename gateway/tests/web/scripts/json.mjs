// JSON as text: its layout, its tokens and the places of faults.

import { compactJson, formatJson, readObject, tokenizeJson } from '../../../src/explorer/language/json.js';

export function json(checks) {
  const values = [
    {},
    [],
    { a: {}, b: [] },
    { a: [1, -2.5, [true, [false, null]], { 'b"\\': '\u2028 é \u{1F600} "{[,:]}"' }] },
    [[], {}, ''],
    'text',
    0,
    null,
  ];
  for (const value of values) {
    const compact = JSON.stringify(value);
    checks.same(
      `json: ${compact} is laid out like JSON.stringify does`,
      formatJson(compact),
      JSON.stringify(value, null, 2),
    );
    checks.same(`json: ${compact} twice`, formatJson(formatJson(compact)), formatJson(compact));
    checks.same(`json: ${compact} and back`, compactJson(formatJson(compact)), compact);
  }
  checks.same(
    'json: numbers keep their digits',
    formatJson('{"a":1999.90,"b":12345678901234567890,"c":1E2,"a":-0}'),
    '{\n  "a": 1999.90,\n  "b": 12345678901234567890,\n  "c": 1E2,\n  "a": -0\n}',
  );
  checks.same(
    'json: tokens tell names from texts',
    tokenizeJson('{"a":"b",1:tru 01}').map(({ kind }) => kind),
    [
      'punctuator',
      'name',
      'punctuator',
      'string',
      'punctuator',
      'number',
      'punctuator',
      'error',
      'error',
      'punctuator',
    ],
  );
  for (const [text, fault] of [
    ['{"a": nope}', 'X, line 1, column 7: a value is expected.'],
    ['{"a": 1', 'X, line 1, column 8: the text ends too early, a comma or } is expected.'],
    ['{"a": 01}', 'X, line 1, column 8: a comma or } is expected.'],
    ['{a: 1}', 'X, line 1, column 2: a name in double quotes is expected.'],
    ['[]', 'X: a JSON object such as { "name": "value" } is needed, not a list.'],
  ]) {
    checks.same(`json: the fault of ${text}`, readObject(text, 'X').fault, fault);
  }
  checks.same('json: no text is an empty object', readObject(' \n', 'X'), { value: {} });

  const large = JSON.stringify(
    Array.from({ length: 20_000 }, (_, id) => ({ id: String(id), name: 'x'.repeat(20), on: true })),
  );
  const started = performance.now();
  const laidOut = formatJson(large);
  const ms = performance.now() - started;
  checks.check(
    `json: ${large.length} characters are laid out within a second`,
    ms < 1_000 && laidOut.length > large.length,
    `${ms} ms`,
  );
}
