// The network outside the node, as the tested pages see it: unreachable, or a fake CDN of a few lines.

/** Every request to another host fails at once. */
export async function refuseOutside(context, base) {
  return outside(context, base, (route) => route.abort('internetdisconnected'));
}

/** Requests to other hosts hang until `release` lets the fake CDN respond to all of them. */
export async function hangOutside(context, base) {
  const held = [];
  const log = await outside(context, base, (route) => {
    held.push(route);
  });
  return { ...log, release: () => Promise.all(held.splice(0).map(respondAsCdn)) };
}

/** The CDN responds with stand-ins for GraphiQL and its dependencies. */
export async function fakeOutside(context, base) {
  return outside(context, base, respondAsCdn);
}

async function outside(context, base, handle) {
  const { host } = new URL(base);
  const requested = [];
  await context.route(
    (url) => url.host !== host,
    (route) => {
      requested.push(route.request().url());
      return handle(route);
    },
  );
  return { requested };
}

// Each stand-in has the one export that the page uses. `graphiql` shows on the page that it was drawn, and its props
// are kept.
const STAND_INS = [
  [/\/graphiql@[\d.]+\/dist\/style\.css$/, 'text/css', ':root { --fake-cdn: 1 }'],
  [/\?worker\b/, 'text/javascript', 'export default () => null;'],
  [/\/react@[\d.]+$/, 'text/javascript', 'export const createElement = (type, props) => ({ type, props });'],
  [
    /\/react-dom@[\d.]+\/client$/,
    'text/javascript',
    `
    export const createRoot = (element, { onUncaughtError }) => ({
      render({ type, props }) {
        element.replaceChildren(Object.assign(document.createElement('h1'), { textContent: type }));
        globalThis.graphiqlProps = props;
        globalThis.crashGraphiql = () => onUncaughtError(new Error('crashed by the test'));
      },
    });`,
  ],
  [/\/@graphiql\/toolkit@/, 'text/javascript', 'export const createGraphiQLFetcher = (options) => options;'],
  [
    /\/graphiql@[\d.]+\?/,
    'text/javascript',
    `
    globalThis.graphiqlArrived = true;
    export const GraphiQL = 'Fake GraphiQL';`,
  ],
];

function respondAsCdn(route) {
  const url = route.request().url();
  const [, contentType, body] = STAND_INS.find(([pattern]) => pattern.test(url)) ?? [];
  if (body === undefined) return route.fulfill({ status: 404, body: `no stand-in for ${url}` });
  return route.fulfill({ contentType, body, headers: { 'access-control-allow-origin': '*' } });
}
