"""Fills a shop over the API with the data that generated requests need in order to succeed."""

import json
import urllib.error
import urllib.request

# Generated requests close, withdraw or advance some of these; enough others remain.
ACCOUNTS = 80
PRODUCTS = 60
ORDERS = 180

# Enough for a request to a debug build on a busy machine.
RESPONSE_SECONDS_MAX = 30


class Shop:
    """A node's API."""

    def __init__(self, url):
        self.url = url

    def run(self, query, **variables):
        """Sends a document and returns its `data`. Any other result ends the fuzz."""
        document = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", document, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=RESPONSE_SECONDS_MAX) as response:
            body = json.load(response)
        if "errors" in body:
            raise RuntimeError(f"the shop cannot be filled: {body['errors']}")
        return body["data"]

    def is_ready(self):
        """Returns whether the node reports that it is ready."""
        try:
            with urllib.request.urlopen(f"{self.url}/healthz/ready", timeout=RESPONSE_SECONDS_MAX) as response:
                return response.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def fill(self):
        """Creates accounts, products and orders, and confirms a third of the orders. Returns the ids.

        A few of each have an external reference. A few products are in another currency, one is withdrawn, and one
        account is closed.
        """
        accounts = [
            self.run("mutation($n: String!) { it: createAccount(account: { name: $n }) { id } }", n=f"Ada {n}")
            for n in range(ACCOUNTS)
        ]
        products = [
            self.run(
                """mutation($n: String!, $p: Float!) {
                    it: createProduct(product: { name: $n, description: "", price: $p }) { id }
                }""",
                n=f"Lamp {n}",
                p=n + 0.25,
            )
            for n in range(PRODUCTS)
        ]
        accounts, products = ([made["it"]["id"] for made in kind] for kind in (accounts, products))
        orders = [
            self.run(
                """mutation($a: String!, $p: String!) {
                    it: createOrder(order: { accountId: $a, products: [{ productId: $p, quantity: 2 }] }) { id }
                }""",
                a=accounts[n % ACCOUNTS],
                p=products[n % PRODUCTS],
            )["it"]["id"]
            for n in range(ORDERS)
        ]
        for order in orders[::3]:
            self.run("mutation($id: String!) { confirmOrder(id: $id) { id } }", id=order)
        # Half of the references that generated requests look up; the others are free to be taken.
        for kind, ids in (("Account", accounts), ("Product", products), ("Order", orders)):
            for n, each in enumerate(ids[:15]):
                self.run(
                    f"mutation($id: ID!, $r: String!) {{ annotate{kind}(id: $id, externalReference: $r) {{ id }} }}",
                    id=each,
                    r=f"ref {2 * n}",
                )
        price = '{ amount: "5.00", currency: "EUR" }'
        for product in products[::10]:
            self.run(f"mutation($id: String!) {{ repriceProduct(id: $id, price: {price}) {{ id }} }}", id=product)
        self.run("mutation($id: String!) { withdrawProduct(id: $id) { id } }", id=products[-1])
        self.run("mutation($id: String!) { closeAccount(id: $id) { id } }", id=accounts[-1])
        return {"account": accounts, "product": products, "order": orders, "confirmed": orders[::3]}
