// Loads GraphiQL from the CDN. The import map in page.html resolves the bare names below and pins the versions.

import { el } from './dom.js';
import { EXAMPLES } from './examples.js';
import { ACCEPT, ENDPOINT } from './request.js';

/**
 * Starts to load everything that GraphiQL needs. `ready` resolves to a function that draws GraphiQL into an element.
 * After `abandon`, files that arrive late cannot change the page.
 */
export function loadGraphiQL() {
  const style = document.createElement('link');
  const ready = Promise.all([
    import('react'),
    import('react-dom/client'),
    import('graphiql'),
    import('@graphiql/toolkit'),
    import('worker/editor'),
    import('worker/json'),
    import('worker/graphql'),
    loadStyle(style),
  ]).then(([react, reactDom, graphiql, toolkit, editorWorker, jsonWorker, graphqlWorker]) => {
    const workers = { json: jsonWorker.default, graphql: graphqlWorker.default };
    const makeWorker = (label) => (workers[label] ?? editorWorker.default)();
    return (app, onCrash) => mount(app, onCrash, { react, reactDom, graphiql, toolkit, makeWorker });
  });
  return { ready, abandon: () => style.remove() };
}

function loadStyle(link) {
  return new Promise((resolve, reject) => {
    link.rel = 'stylesheet';
    link.href = import.meta.resolve('graphiql/dist/style.css');
    link.onload = resolve;
    link.onerror = () => reject(new Error(`no response from ${link.href}`));
    document.head.append(link);
  });
}

function mount(app, onCrash, { react, reactDom, graphiql, toolkit, makeWorker }) {
  globalThis.MonacoEnvironment = { getWorker: (_id, label) => makeWorker(label) };

  const fetcher = toolkit.createGraphiQLFetcher({
    url: ENDPOINT,
    headers: { accept: ACCEPT },
    // Without this option the toolkit requests multipart responses, which this API does not send.
    enableIncrementalDelivery: false,
  });
  // React writes to its element even after a crash, so it gets an element that can be discarded.
  const host = el('div', { class: 'graphiql-host' });
  app.replaceChildren(host);
  const root = reactDom.createRoot(host, { onUncaughtError: onCrash });
  root.render(
    react.createElement(graphiql.GraphiQL, {
      fetcher,
      defaultTabs: EXAMPLES.map(({ query }) => ({ query })),
      defaultEditorToolsVisibility: true,
    }),
  );
}
