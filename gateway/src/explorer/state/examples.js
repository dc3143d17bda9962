// The four examples of the API documentation, word for word. The placeholders "account-id" and "product-id" are part
// of them.

export const EXAMPLES = [
  {
    name: 'Create Account',
    query: `# Create Account
mutation {
  createAccount(account: { name: "John Doe" }) {
    id
    name
  }
}
`,
  },
  {
    name: 'Create Product',
    query: `# Create Product
mutation {
  createProduct(product: {
    name: "iPhone 15"
    description: "Latest iPhone"
    price: 999.99
  }) {
    id
    name
    price
  }
}
`,
  },
  {
    name: 'Create Order',
    query: `# Create Order
mutation {
  createOrder(order: {
    accountId: "account-id"
    products: [
      { productId: "product-id", quantity: 2 }
    ]
  }) {
    id
    totalPrice
    createdAt
  }
}
`,
  },
  {
    name: 'Query Account with Orders',
    query: `# Query Account with Orders
query {
  accounts(pagination: { skip: 0, take: 10 }) {
    id
    name
    orders {
      id
      totalPrice
      products {
        name
        quantity
      }
    }
  }
}
`,
  },
];
