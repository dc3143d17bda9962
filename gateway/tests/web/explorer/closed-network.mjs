// What the pages of the test see of the world outside the node: nothing, or a CDN of a few fake lines.

/** Every request that leaves the node fails at once. */
export async function refuseOutside(context, base) {
  return outside(context, base, (route) => route.abort('internetdisconnected'));
}

/** No request that leaves the node is ever answered, until `release` lets the fake CDN answer all of them. */
export async function hangOutside(context, base) {
  const held = [];
  const log = await outside(context, base, (route) => {
    held.push(route);
  });
  return { ...log, release: () => Promise.all(held.splice(0).map(answerAsCdn)) };
}

/** The CDN answers, with stand-ins for GraphiQL and what it needs. */
export async function fakeOutside(context, base) {
  return outside(context, base, answerAsCdn);
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

// Each stand-in has the one export the page uses. `graphiql` says on the page that it was drawn, and keeps its props.
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

function answerAsCdn(route) {
  const url = route.request().url();
  const [, contentType, body] = STAND_INS.find(([pattern]) => pattern.test(url)) ?? [];
  if (body === undefined) return route.fulfill({ status: 404, body: `no stand-in for ${url}` });
  return route.fulfill({ contentType, body, headers: { 'access-control-allow-origin': '*' } });
}
