// A request as a command line of curl, for sh and every shell that reads its quotes.

import { ACCEPT, bodyOf } from './post.js';

/** The command that sends a request of post.js to this URL. */
export function curlCommand(url, request) {
  const { headers = {} } = request;
  const standard = { 'content-type': 'application/json', accept: ACCEPT };
  // An own header replaces the standard one, whatever its case.
  const own = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const all = [...Object.entries(standard).filter(([name]) => !own.has(name)), ...Object.entries(headers)];
  return [
    // Braces and brackets in a URL are patterns to curl, as in http://[::1]:8000/.
    `curl --globoff ${quote(url)}`,
    ...all.map(([name, value]) => `  -H ${quote(header(name, value))}`),
    // Unlike --data, this does not read a file for a body that begins with @.
    `  --data-raw ${quote(bodyOf(request))}`,
  ].join(' \\\n');
}

// `Name:` would remove a header; curl sends an empty one for `Name;`.
function header(name, value) {
  return value.trim() === '' ? `${name};` : `${name}: ${value.trim()}`;
}

// In single quotes a shell changes nothing; a single quote itself stands outside of them.
function quote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
