// Reads what the explorer needs from a GraphQL document, without a full parse.

// Comments, block strings, strings, names, and every other character by itself.
const TOKEN = /#[^\n\r]*|"""(?:\\"""|[^])*?"""|"(?:\\.|[^"\\\n\r])*"|[_A-Za-z]\w*|\S/g;
const OPERATION_TYPES = new Set(['query', 'mutation', 'subscription']);

/** The operations of a document in order, as `{ type, name }`; `name` is null for an unnamed one. */
export function operationsIn(source) {
  const operations = [];
  let depth = 0;
  let betweenDefinitions = true;
  let unnamed = null;
  for (const [token] of source.matchAll(TOKEN)) {
    if (token.startsWith('#')) continue;
    const isName = /^[_A-Za-z]/.test(token);
    if (unnamed && isName) unnamed.name = token;
    unnamed = null;
    if (betweenDefinitions && (isName || token === '{')) {
      betweenDefinitions = false;
      if (token === '{') {
        operations.push({ type: 'query', name: null });
      } else if (OPERATION_TYPES.has(token)) {
        unnamed = { type: token, name: null };
        operations.push(unnamed);
      }
    }
    if (token === '{' || token === '(' || token === '[') depth += 1;
    if (token === '}' || token === ')' || token === ']') depth -= 1;
    if (token === '}' && depth === 0) betweenDefinitions = true;
  }
  return operations;
}

const PLACEHOLDERS = { accountId: '"account-id"', productId: '"product-id"' };

/** The ids that a document still lacks: some of `accountId`, `productId`. */
export function placeholdersIn(source) {
  return Object.keys(PLACEHOLDERS).filter((key) => source.includes(PLACEHOLDERS[key]));
}

/** Replaces every placeholder whose id is known by that id. Returns the new document. */
export function fillPlaceholders(source, ids) {
  return placeholdersIn(source)
    .filter((key) => ids[key] !== undefined)
    .reduce((text, key) => text.replaceAll(PLACEHOLDERS[key], () => JSON.stringify(ids[key])), source);
}

/** The ids in the data of a response, for later documents. */
export function idsFrom(data) {
  const ids = {
    accountId: data?.createAccount?.id,
    productId: data?.createProduct?.id ?? data?.createPricedProduct?.id,
  };
  return Object.fromEntries(Object.entries(ids).filter(([, id]) => typeof id === 'string'));
}
