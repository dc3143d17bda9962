// The placeholders for ids in the examples, and the ids from responses that can replace them.

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
