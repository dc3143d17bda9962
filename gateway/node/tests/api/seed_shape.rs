//! What clients of the Go original have in generated code, compared by introspection of a running
//! node: each type, field, argument and nullability. This table never changes; additions must not
//! be required of clients that do not know them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::node::TestNode;

/// Fields of the original object types.
const FIELDS: [(&str, &str, &str); 21] = [
    ("Account", "id", "String!"),
    ("Account", "name", "String!"),
    ("Account", "orders", "[Order!]!"),
    ("Product", "id", "String!"),
    ("Product", "name", "String!"),
    ("Product", "description", "String!"),
    ("Product", "price", "Float!"),
    ("Order", "id", "String!"),
    ("Order", "createdAt", "Time!"),
    ("Order", "totalPrice", "Float!"),
    ("Order", "products", "[OrderedProduct!]!"),
    ("OrderedProduct", "id", "String!"),
    ("OrderedProduct", "name", "String!"),
    ("OrderedProduct", "description", "String!"),
    ("OrderedProduct", "price", "Float!"),
    ("OrderedProduct", "quantity", "Int!"),
    ("Mutation", "createAccount", "Account"),
    ("Mutation", "createProduct", "Product"),
    ("Mutation", "createOrder", "Order"),
    ("Query", "accounts", "[Account!]!"),
    ("Query", "products", "[Product!]!"),
];

/// Arguments of the original fields.
const ARGUMENTS: [(&str, &str, &str); 8] = [
    ("Mutation.createAccount", "account", "AccountInput!"),
    ("Mutation.createProduct", "product", "ProductInput!"),
    ("Mutation.createOrder", "order", "OrderInput!"),
    ("Query.accounts", "pagination", "PaginationInput"),
    ("Query.accounts", "id", "String"),
    ("Query.products", "pagination", "PaginationInput"),
    ("Query.products", "query", "String"),
    ("Query.products", "id", "String"),
];

/// Fields of the original input types.
const INPUT_FIELDS: [(&str, &str, &str); 10] = [
    ("PaginationInput", "skip", "Int"),
    ("PaginationInput", "take", "Int"),
    ("AccountInput", "name", "String!"),
    ("ProductInput", "name", "String!"),
    ("ProductInput", "description", "String!"),
    ("ProductInput", "price", "Float!"),
    ("OrderProductInput", "productId", "String!"),
    ("OrderProductInput", "quantity", "Int!"),
    ("OrderInput", "accountId", "String!"),
    ("OrderInput", "products", "[OrderProductInput!]!"),
];

/// Output ids whose type is `ID` instead of `String`, for the interface `Node`. Their JSON, and all
/// documents that select them, are the same.
const NODES: [&str; 3] = ["Account", "Product", "Order"];

/// Original fields that mislead clients of today.
const DEPRECATED: [(&str, &str); 1] = [("OrderedProduct", "id")];

/// Kinds of the original types.
const KINDS: [(&str, &str); 15] = [
    ("Account", "OBJECT"),
    ("Product", "OBJECT"),
    ("Order", "OBJECT"),
    ("OrderedProduct", "OBJECT"),
    ("Mutation", "OBJECT"),
    ("Query", "OBJECT"),
    ("PaginationInput", "INPUT_OBJECT"),
    ("AccountInput", "INPUT_OBJECT"),
    ("ProductInput", "INPUT_OBJECT"),
    ("OrderProductInput", "INPUT_OBJECT"),
    ("OrderInput", "INPUT_OBJECT"),
    ("Time", "SCALAR"),
    ("Float", "SCALAR"),
    ("Int", "SCALAR"),
    ("String", "SCALAR"),
];

const INTROSPECTION: &str = "
    query IntrospectionQuery {
      __schema {
        queryType { name }
        mutationType { name }
        types {
          kind name
          fields(includeDeprecated: true) {
            name isDeprecated type { ...Type }
            args(includeDeprecated: true) { name defaultValue type { ...Type } }
          }
          inputFields(includeDeprecated: true) { name defaultValue type { ...Type } }
        }
      }
    }
    fragment Type on __Type {
      kind name ofType { kind name ofType { kind name ofType { kind name } } }
    }";

/// The schema of a running node.
struct Schema {
    root: Value,
    types: BTreeMap<String, Value>,
}

impl Schema {
    async fn ask() -> Self {
        let node = TestNode::start().await;
        let root = node.api.run(INTROSPECTION).await.data("/__schema");
        let types = list(&root["types"]);
        let by_name = types.iter().map(|one| (text(&one["name"]), one.clone()));
        let by_name: BTreeMap<_, _> = by_name.collect();
        assert_eq!(by_name.len(), types.len(), "each type has one definition");
        Self {
            root,
            types: by_name,
        }
    }

    fn type_named(&self, name: &str) -> &Value {
        let found = self.types.get(name);
        found.unwrap_or_else(|| panic!("the seed's type {name} is gone"))
    }

    fn field(&self, of: &str, name: &str) -> Value {
        let fields = list(&self.type_named(of)["fields"]);
        let found = fields.into_iter().find(|field| field["name"] == name);
        found.unwrap_or_else(|| panic!("the seed's field {of}.{name} is gone"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn original_types_keep_their_kind() {
    let schema = Schema::ask().await;
    for (name, kind) in KINDS {
        assert_eq!(schema.type_named(name)["kind"], kind, "{name}");
    }
    assert_eq!(schema.root["queryType"]["name"], "Query");
    assert_eq!(schema.root["mutationType"]["name"], "Mutation");
}

#[tokio::test(flavor = "multi_thread")]
async fn original_fields_keep_their_type() {
    let schema = Schema::ask().await;
    for (of, name, expected) in FIELDS {
        let field = schema.field(of, name);
        let is_node_id = name == "id" && NODES.contains(&of);
        let expected = if is_node_id { "ID!" } else { expected };
        assert_eq!(written(&field["type"]), expected, "{of}.{name}");
        let deprecated = DEPRECATED.contains(&(of, name));
        assert_eq!(field["isDeprecated"], deprecated, "{of}.{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn original_objects_return_their_typename() {
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    let product = node.api.new_product("Engine", 1.5).await;
    node.api.new_order(&account, &[(&product, 1)]).await;
    let document = "{
        __typename
        accounts { __typename orders { __typename products { __typename } } }
        products { __typename }
    }";
    let response = node.api.run(document).await;
    for (pointer, name) in [
        ("/__typename", "Query"),
        ("/accounts/0/__typename", "Account"),
        ("/accounts/0/orders/0/__typename", "Order"),
        (
            "/accounts/0/orders/0/products/0/__typename",
            "OrderedProduct",
        ),
        ("/products/0/__typename", "Product"),
    ] {
        assert_eq!(response.text_at(pointer), name);
    }
    let mutation = node.api.run("mutation { __typename }").await;
    assert_eq!(mutation.text_at("/__typename"), "Mutation");
}

#[tokio::test(flavor = "multi_thread")]
async fn original_arguments_keep_their_type() {
    let schema = Schema::ask().await;
    for (field, name, expected) in ARGUMENTS {
        let (of, field) = field.split_once('.').expect("a type and a field");
        let arguments = list(&schema.field(of, field)["args"]);
        let argument = arguments.iter().find(|argument| argument["name"] == name);
        let argument = argument.unwrap_or_else(|| panic!("{of}.{field}({name}:) is gone"));
        assert_eq!(
            written(&argument["type"]),
            expected,
            "{of}.{field}({name}:)"
        );
        assert!(argument["defaultValue"].is_null(), "{of}.{field}({name}:)");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn original_input_fields_keep_their_type() {
    let schema = Schema::ask().await;
    for (of, name, expected) in INPUT_FIELDS {
        let fields = list(&schema.type_named(of)["inputFields"]);
        let field = fields.iter().find(|field| field["name"] == name);
        let field = field.unwrap_or_else(|| panic!("{of}.{name} is gone"));
        assert_eq!(written(&field["type"]), expected, "{of}.{name}");
        assert!(field["defaultValue"].is_null(), "{of}.{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn added_arguments_are_optional() {
    let schema = Schema::ask().await;
    for (of, name, _) in FIELDS {
        let path = format!("{of}.{name}");
        let known = ARGUMENTS.iter().filter(|(field, _, _)| *field == path);
        let known: BTreeSet<&str> = known.map(|(_, argument, _)| *argument).collect();
        require_optional(&path, &schema.field(of, name)["args"], &known);
    }
    for (of, kind) in KINDS {
        if kind == "INPUT_OBJECT" {
            let known = INPUT_FIELDS.iter().filter(|(input, _, _)| *input == of);
            let known: BTreeSet<&str> = known.map(|(_, field, _)| *field).collect();
            require_optional(of, &schema.type_named(of)["inputFields"], &known);
        }
    }
}

fn require_optional(place: &str, inputs: &Value, known: &BTreeSet<&str>) {
    for input in list(inputs) {
        let name = text(&input["name"]);
        let optional = input["type"]["kind"] != "NON_NULL" || !input["defaultValue"].is_null();
        assert!(
            known.contains(name.as_str()) || optional,
            "{place}: old clients do not send {name}"
        );
    }
}

/// A type in the notation of documents.
fn written(of: &Value) -> String {
    match of["kind"].as_str() {
        Some("NON_NULL") => format!("{}!", written(&of["ofType"])),
        Some("LIST") => format!("[{}]", written(&of["ofType"])),
        _ => text(&of["name"]),
    }
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().expect("a list").clone()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
