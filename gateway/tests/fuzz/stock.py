"""A shop with something in it: what generated requests need in order to succeed, made over the API."""

import json
import urllib.error
import urllib.request

# Enough that those which generated requests close, withdraw or move on leave others to be found.
ACCOUNTS = 80
PRODUCTS = 60
ORDERS = 180

# A request to a debug build on a busy machine.
ANSWER_SECONDS_MAX = 30


class Shop:
    """A node's API."""

    def __init__(self, url):
        self.url = url

    def run(self, query, **variables):
        """Sends a document and answers its `data`; whatever else comes back ends the fuzz."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS_MAX) as answer:
            answered = json.load(answer)
        if "errors" in answered:
            raise RuntimeError(f"the shop cannot be filled: {answered['errors']}")
        return answered["data"]

    def is_ready(self):
        """Whether the node says that it takes requests."""
        try:
            with urllib.request.urlopen(f"{self.url}/healthz/ready", timeout=ANSWER_SECONDS_MAX) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def fill(self):
        """Makes accounts, products and orders, a third of these confirmed; answers their ids.

        A few products are in another currency, one is withdrawn, and one account is closed.
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
        price = '{ amount: "5.00", currency: "EUR" }'
        for product in products[::10]:
            self.run(f"mutation($id: String!) {{ repriceProduct(id: $id, price: {price}) {{ id }} }}", id=product)
        self.run("mutation($id: String!) { withdrawProduct(id: $id) { id } }", id=products[-1])
        self.run("mutation($id: String!) { closeAccount(id: $id) { id } }", id=accounts[-1])
        return {"account": accounts, "product": products, "order": orders, "confirmed": orders[::3]}
