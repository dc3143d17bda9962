//! External references and metadata of accounts, products and orders.

use fritzy_testbed_shop::{ApiError, Response};
use serde_json::{Value, json};

use crate::node::TestNode;

const CREATE_ACCOUNT: &str = "mutation($account: AccountInput!, $key: String) {
    createAccount(account: $account, idempotencyKey: $key) {
        id version externalReference metadata { key value }
    }
}";
const ANNOTATE_ACCOUNT: &str =
    "mutation($id: ID!, $reference: String, $metadata: [MetadataChangeInput!],
        $version: Int, $key: String) {
    annotateAccount(id: $id, externalReference: $reference, metadata: $metadata,
        expectedVersion: $version, idempotencyKey: $key) {
        id version externalReference metadata { key value }
    }
}";
pub(crate) const BY_REFERENCE: &str = "query($reference: String!) {
    account: accountByReference(externalReference: $reference) { id externalReference }
    product: productByReference(externalReference: $reference) { id externalReference }
    order: orderByReference(externalReference: $reference) {
        id externalReference products { description }
    }
}";

pub(crate) fn entries(pairs: &[(&str, &str)]) -> Value {
    let entries = pairs.iter();
    entries
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect()
}

fn taken(field: &str) -> ApiError {
    ApiError::of("ALREADY_TAKEN", field, "")
}

fn holder(response: &Response) -> Value {
    response.error()["extensions"]["holder"].clone()
}

struct Shop(TestNode);

impl Shop {
    async fn start() -> Self {
        Self(TestNode::start().await)
    }

    async fn run(&self, document: &str, variables: Value) -> Response {
        self.0.api.run_with(document, variables).await
    }

    async fn account(&self, name: &str, reference: &str) -> Response {
        let account = json!({ "name": name, "externalReference": reference });
        self.run(CREATE_ACCOUNT, json!({ "account": account }))
            .await
    }

    async fn annotate(&self, variables: Value) -> Response {
        self.run(ANNOTATE_ACCOUNT, variables).await
    }

    /// The ids of the account, the product and the order with a reference.
    async fn found(&self, reference: &str) -> [Value; 3] {
        let found = self
            .run(BY_REFERENCE, json!({ "reference": reference }))
            .await;
        ["account", "product", "order"].map(|kind| {
            let entity = found.data(&format!("/{kind}"));
            if entity.is_object() {
                assert_eq!(entity["externalReference"], reference, "{found:?}");
                entity["id"].clone()
            } else {
                entity
            }
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_is_found_by_its_reference() {
    let shop = Shop::start().await;
    let (reference, metadata) = ("Nr. 1/ä", entries(&[("b", "2\n"), ("a", "")]));
    let sorted = entries(&[("a", ""), ("b", "2\n")]);
    let with = |input: Value| {
        let mut input = input;
        input["externalReference"] = json!(reference);
        input["metadata"] = metadata.clone();
        input
    };
    let account = with(json!({ "name": "Ada" }));
    let account = shop
        .run(CREATE_ACCOUNT, json!({ "account": account }))
        .await;
    assert_eq!(account.data("/createAccount/metadata"), sorted);
    let account = account.text_at("/createAccount/id");

    let create = "mutation($input: ProductInput!) {
        created: createProduct(product: $input) { id externalReference metadata { key value } }
    }";
    let product = with(json!({ "name": "Lamp", "description": "bright", "price": 1.5 }));
    let product = shop.run(create, json!({ "input": product })).await;
    assert_eq!(product.data("/created/metadata"), sorted);
    let product = product.text_at("/created/id");
    let priced = "mutation($input: PricedProductInput!) {
        created: createPricedProduct(product: $input) { id externalReference }
    }";
    let other = json!({
        "name": "Desk", "description": "", "price": { "amount": "1" }, "externalReference": "desk"
    });
    let other = shop.run(priced, json!({ "input": other })).await;
    assert_eq!(other.text_at("/created/externalReference"), "desk");

    let create = "mutation($input: OrderInput!) {
        created: createOrder(order: $input) { id externalReference metadata { key value } }
    }";
    let line = json!({ "productId": product, "quantity": 1 });
    let order = with(json!({ "accountId": account, "products": [line] }));
    let order = shop.run(create, json!({ "input": order })).await;
    assert_eq!(order.data("/created/metadata"), sorted);
    let order = order.text_at("/created/id");

    assert_eq!(
        shop.found(reference).await,
        [&account, &product, &order].map(|id| json!(id))
    );
    assert_eq!(
        shop.found("nr. 1/ä").await,
        [json!(null), json!(null), json!(null)]
    );
    let lists = "{ accounts { metadata { value } } products { externalReference }
        accountsConnection { nodes { externalReference orders { metadata { key } } } } }";
    let lists = shop.run(lists, json!({})).await;
    assert_eq!(lists.data("/accounts/0/metadata/1/value"), "2\n");
    assert_eq!(lists.data("/products/1/externalReference"), "desk");
    let node = lists.data("/accountsConnection/nodes/0");
    assert_eq!(node["orders"][0]["metadata"][0]["key"], "a", "{node}");
}

#[tokio::test(flavor = "multi_thread")]
async fn taken_reference_names_its_holder() {
    let shop = Shop::start().await;
    let first = shop
        .account("Ada", "crm-1")
        .await
        .text_at("/createAccount/id");
    let refused = shop.account("Bob", "crm-1").await;
    assert_eq!(refused.api_error(), taken("account.externalReference"));
    assert_eq!(holder(&refused), first);
    let bob = shop
        .account("Bob", "crm-2")
        .await
        .text_at("/createAccount/id");
    let refused = shop
        .annotate(json!({ "id": bob, "reference": "crm-1" }))
        .await;
    assert_eq!(refused.api_error(), taken("externalReference"));
    assert_eq!(holder(&refused), first);

    // Only the mutation that is refused is null.
    let both = r#"mutation {
        a: createAccount(account: { name: "C", externalReference: "crm-1" }) { id }
        b: createAccount(account: { name: "D", externalReference: "crm-3" }) { id }
    }"#;
    let both = shop.run(both, json!({})).await.json();
    assert_eq!(both["data"]["a"], Value::Null, "{both}");
    assert!(both["data"]["b"]["id"].is_string(), "{both}");

    let close = format!(r#"mutation {{ closeAccount(id: "{first}") {{ externalReference }} }}"#);
    let closed = shop.run(&close, json!({})).await;
    assert_eq!(closed.text_at("/closeAccount/externalReference"), "crm-1");
    assert_eq!(shop.found("crm-1").await[0], Value::Null);
    let moved = shop
        .annotate(json!({ "id": bob, "reference": "crm-1" }))
        .await;
    assert_eq!(moved.data("/annotateAccount/version"), 2);
    assert_eq!(shop.found("crm-1").await[0], bob);
    let refused = shop
        .annotate(json!({ "id": first, "reference": "x" }))
        .await;
    assert_eq!(refused.code(), "ACCOUNT_CLOSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn annotation_changes_only_what_it_names() {
    let shop = Shop::start().await;
    let account = json!({
        "name": "Ada", "externalReference": "r", "metadata": entries(&[("a", "1"), ("b", "2")])
    });
    let created = shop
        .run(CREATE_ACCOUNT, json!({ "account": account }))
        .await;
    let id = created.text_at("/createAccount/id");
    for (change, reference, metadata) in [
        (
            json!({ "reference": "s" }),
            json!("s"),
            entries(&[("a", "1"), ("b", "2")]),
        ),
        (
            json!({ "metadata": [{ "key": "a", "value": null }, { "key": "c", "value": "3" }] }),
            json!("s"),
            entries(&[("b", "2"), ("c", "3")]),
        ),
        (
            json!({ "metadata": [], "reference": null }),
            json!(null),
            entries(&[("b", "2"), ("c", "3")]),
        ),
        (json!({ "metadata": null }), json!(null), json!([])),
    ] {
        let mut variables = change.clone();
        variables["id"] = json!(id);
        let changed = shop.annotate(variables).await.data("/annotateAccount");
        assert_eq!(changed["externalReference"], reference, "{change}");
        assert_eq!(changed["metadata"], metadata, "{change}");
    }
    let nothing = shop.annotate(json!({ "id": id })).await;
    let expected = ApiError::argument("externalReference", "NOTHING_TO_CHANGE");
    assert_eq!(nothing.api_error(), expected);
    let stale = shop
        .annotate(json!({ "id": id, "reference": "t", "version": 1 }))
        .await;
    assert_eq!(stale.code(), "VERSION_MISMATCH");
    let history = "query($id: String!) { history(id: $id) { type } }";
    let history = shop.run(history, json!({ "id": id })).await;
    assert_eq!(history.text_at("/history/4/type"), "account.annotated");
}

#[tokio::test(flavor = "multi_thread")]
async fn products_and_orders_are_annotated_too() {
    let shop = Shop::start().await;
    let api = &shop.0.api;
    let account = api.new_account("Ada").await;
    let product = api.new_product("Lamp", 1.5).await;
    let order = api.new_order(&account, &[(&product, 1)]).await;
    for change in ["confirmOrder", "completeOrder"] {
        let change = format!(r#"mutation {{ {change}(id: "{order}") {{ id }} }}"#);
        api.run(&change).await.data("");
    }
    for (mutation, id, kind) in [
        ("annotateProduct", &product, 1),
        ("annotateOrder", &order, 2),
    ] {
        let document = format!(
            r#"mutation {{ {mutation}(
                id: "{id}", externalReference: "r", metadata: [{{ key: "k", value: "v" }}]
            ) {{ externalReference metadata {{ key value }} }} }}"#
        );
        let annotated = api.run(&document).await.data(&format!("/{mutation}"));
        let expected = json!({ "externalReference": "r", "metadata": entries(&[("k", "v")]) });
        assert_eq!(annotated, expected);
        assert_eq!(shop.found("r").await[kind], *id);
    }
    let withdraw = format!(r#"mutation {{ withdrawProduct(id: "{product}") {{ id }} }}"#);
    api.run(&withdraw).await.data("");
    assert_eq!(shop.found("r").await[1], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_repeated_creation_is_not_taken_by_itself() {
    let shop = Shop::start().await;
    let input = |reference: Value, metadata: Value| {
        let account =
            json!({ "name": "Ada", "externalReference": reference, "metadata": metadata });
        json!({ "account": account, "key": "k" })
    };
    let first = input(json!("r"), entries(&[("a", "1"), ("b", "2")]));
    let created = shop.run(CREATE_ACCOUNT, first.clone()).await;
    let id = created.text_at("/createAccount/id");
    for _ in 0..2 {
        let again = shop.run(CREATE_ACCOUNT, first.clone()).await;
        assert_eq!(again.text, created.text);
    }
    for other in [
        input(json!("s"), entries(&[("a", "1"), ("b", "2")])),
        input(json!("r"), entries(&[("b", "2"), ("a", "1")])),
        input(json!("r"), json!(null)),
        input(json!(null), json!(null)),
        input(json!(" "), json!(null)),
    ] {
        let refused = shop.run(CREATE_ACCOUNT, other.clone()).await;
        assert_eq!(refused.code(), "IDEMPOTENCY_KEY_REUSED", "{other}");
    }
    let annotate = |reference: &str| json!({ "id": id, "reference": reference, "key": "a" });
    let annotated = shop.annotate(annotate("t")).await;
    assert_eq!(annotated.text_at("/annotateAccount/externalReference"), "t");
    shop.account("Bob", "r").await.data("");
    // As they were then, though another account has the reference by now.
    assert_eq!(shop.annotate(annotate("t")).await.text, annotated.text);
    assert_eq!(shop.run(CREATE_ACCOUNT, first).await.text, created.text);
    assert_eq!(
        shop.annotate(annotate("u")).await.code(),
        "IDEMPOTENCY_KEY_REUSED"
    );

    let absent = json!({ "account": { "name": "Cy" }, "key": "c" });
    let created = shop.run(CREATE_ACCOUNT, absent).await;
    let null = json!({
        "account": { "name": "Cy", "externalReference": null, "metadata": [] }, "key": "c"
    });
    assert_eq!(shop.run(CREATE_ACCOUNT, null).await.text, created.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_clients_gets_a_reference() {
    const CLIENTS: usize = 24;
    let shop = std::sync::Arc::new(Shop::start().await);
    let clients = (0..CLIENTS).map(|client| {
        let shop = shop.clone();
        tokio::spawn(async move {
            let mut won = 0;
            for round in 0..4 {
                let created = shop
                    .account(&format!("{client}"), &format!("r{round}"))
                    .await;
                match created.json().get("errors") {
                    None => won += 1,
                    Some(_) => {
                        assert_eq!(created.api_error(), taken("account.externalReference"));
                        let id = shop.found(&format!("r{round}")).await[0].clone();
                        assert_eq!(holder(&created), id);
                    }
                }
            }
            won
        })
    });
    let mut won = 0;
    for client in clients.collect::<Vec<_>>() {
        won += client.await.expect("no panic");
    }
    assert_eq!(won, 4);
}

/// A variable that was forgotten must not delete data.
#[tokio::test(flavor = "multi_thread")]
async fn metadata_change_without_a_value_is_rejected() {
    let shop = Shop::start().await;
    let account = json!({ "name": "Ada", "metadata": [{ "key": "tier", "value": "gold" }] });
    let created = shop
        .run(CREATE_ACCOUNT, json!({ "account": account }))
        .await;
    let id = created.text_at("/createAccount/id");
    let document = "mutation($id: ID!, $value: String) {
        annotateAccount(id: $id, metadata: [{ key: \"tier\", value: $value }]) { metadata { value } }
    }";
    let refused = shop.run(document, json!({ "id": id })).await;
    let expected = ApiError::argument("metadata[0].value", "NOTHING_TO_CHANGE");
    assert_eq!(refused.api_error(), expected);
    let removed = shop.run(document, json!({ "id": id, "value": null })).await;
    assert_eq!(removed.data("/annotateAccount/metadata"), json!([]));
}
