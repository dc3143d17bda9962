// Requests to the node under test.

const REQUEST_MS_MAX = 10_000;

// Sends one operation. Returns its data; an error in the response is thrown.
export async function run(url, query, variables = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(REQUEST_MS_MAX),
  });
  const { data, errors } = await response.json();
  if (errors) {
    throw new Error(JSON.stringify(errors));
  }
  return data;
}

// An account with `count` orders of one product, whose price rises by a unit before each. Returns their ids.
export async function accountWithOrders(url, count) {
  const { account, product } = await run(
    url,
    `mutation {
      account: createAccount(account: { name: "Ada" }) { id }
      product: createPricedProduct(product: { name: "Lamp", description: "bright", price: { amount: "1.00" } }) { id }
    }`,
  );
  const orders = [];
  for (let number = 1; number <= count; number += 1) {
    const placed = await run(
      url,
      `mutation($account: String!, $product: String!, $amount: String!, $quantity: Int!) {
        repriceProduct(id: $product, price: { amount: $amount }) { id }
        createOrder(order: { accountId: $account, products: [{ productId: $product, quantity: $quantity }] }) { id }
      }`,
      { account: account.id, product: product.id, amount: `${number}.00`, quantity: number },
    );
    orders.push(placed.createOrder.id);
  }
  return { account: account.id, product: product.id, orders };
}
