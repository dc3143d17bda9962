// A document in the address of the page: `/?query=…&variables=…&operationName=…`, the names of GraphQL over HTTP.

// The line of a request that proxies and browsers pass on safely: https://www.rfc-editor.org/rfc/rfc9110#section-4.1
export const LINK_CHARS_MAX = 8_000;

/** The address that opens this document, without headers; null if it would be too long to be passed on. */
export function linkTo(page, { query, variables, operation }) {
  const url = new URL(page);
  url.search = '';
  url.hash = '';
  url.searchParams.set('query', query);
  if (variables.trim() !== '') url.searchParams.set('variables', variables);
  if (operation) url.searchParams.set('operationName', operation);
  return url.href.length > LINK_CHARS_MAX ? null : url.href;
}

/** The document in the address as `{ query, variables, operation }`, or null if there is none. */
export function documentIn(search) {
  const params = new URLSearchParams(search);
  const query = params.get('query');
  if (query === null || query.trim() === '') return null;
  return {
    query,
    variables: params.get('variables') ?? '',
    operation: params.get('operationName') ?? undefined,
  };
}
