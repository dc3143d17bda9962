//! Merged operations as clients would write them.

use std::fmt::Write as _;

use serde_json::json;

use async_graphql::parser::types::{Selection, SelectionSet};
use async_graphql::{Name, Value as ConstValue, Variables};

use super::documents::Documents;

const SCHEMA: &str = "
    schema { query: Query mutation: Mutation }
    interface Node { id: ID! }
    union Thing = Cat | Dog
    type Cat implements Node { id: ID! name: String! lives: Int! dog: Dog! node: Node! }
    type Dog implements Node { id: ID! name: String! cat(at: Int): Cat! }
    type Query { cat(id: Int): Cat! cats: [Cat!]! node: Node things: [Thing!]! }
    type Mutation { add: Cat }
";

/// The merged operation as text, with the variables given as JSON.
fn merged_with(text: &str, variables: serde_json::Value) -> String {
    let documents = Documents::new(SCHEMA);
    let document = documents.document(text).expect("valid");
    let operation = document.operation(None).expect("one");
    let mut variables = Variables::from_json(variables);
    documents
        .coerce(operation, &mut variables)
        .expect("values of their types");
    let merged = documents
        .merged(&document, operation, &variables)
        .expect("small");
    let (_, operation) = merged.operations.iter().next().expect("one");
    let mut printed = String::new();
    print(&operation.node.selection_set.node, &mut printed);
    printed
}

fn merged(text: &str) -> String {
    merged_with(text, json!({}))
}

fn print(set: &SelectionSet, out: &mut String) {
    for (index, item) in set.items.iter().enumerate() {
        assert!(item.node.directives().is_empty());
        let space = if index == 0 { "" } else { " " };
        let inside = match &item.node {
            Selection::Field(field) => {
                let key = &field.node.response_key().node;
                let name = &field.node.name.node;
                let alias = if key == name {
                    String::new()
                } else {
                    format!("{key}:")
                };
                let _ = write!(out, "{space}{alias}{name}");
                for (name, value) in &field.node.arguments {
                    let _ = write!(out, "({}:{})", name.node, value.node);
                }
                &field.node.selection_set.node
            }
            Selection::InlineFragment(fragment) => {
                let on = fragment.node.type_condition.as_ref().expect("a type");
                let _ = write!(out, "{space}...{}", on.node.on.node);
                &fragment.node.selection_set.node
            }
            Selection::FragmentSpread(_) => panic!("a fragment is left"),
        };
        if !inside.items.is_empty() {
            out.push('{');
            print(inside, out);
            out.push('}');
        }
    }
}

#[test]
fn field_selected_in_several_places_is_left_once() {
    for (text, expected) in [
        ("{ cats { id } cats { name } }", "cats{id name}"),
        (
            "{ cats { id } ...F } fragment F on Query { cats { id name } }",
            "cats{id name}",
        ),
        (
            "{ ...F ...G } fragment F on Query { cat { dog { id } } }
             fragment G on Query { cat { id dog { name } } }",
            "cat{dog{id name} id}",
        ),
        (
            "{ cat { ... { dog { cat(at: 1) { id } } } ... on Node { id } dog { cat(at: 1) { name } } } }",
            "cat{dog{cat(at:1){id name}} id}",
        ),
        (
            "{ a: cat { id } b: cat { id } a: cat { name } }",
            "a:cat{id name} b:cat{id}",
        ),
        (
            "{ ...F ...F } fragment F on Query { cats { id } }",
            "cats{id}",
        ),
        (
            "mutation { add { id } add { name } ... { add { id } } }",
            "add{id name}",
        ),
        (
            "{ __typename __schema { types { name } } ... { __schema { types { kind } } } }",
            "__typename __schema{types{name kind}}",
        ),
    ] {
        assert_eq!(merged(text), expected, "{text}");
    }
}

#[test]
fn response_keeps_the_order_of_first_selection() {
    let text = "{ node { id } ...F cats { name } } fragment F on Query { cats { id } cat { id } node { __typename } }";
    assert_eq!(
        merged(text),
        "node{...Cat{id __typename} ...Dog{id __typename}} cats{id name} cat{id}"
    );
}

#[test]
fn each_possible_type_has_its_own_selections() {
    let text = "{ things {
        ... on Cat { name lives } ... on Node { id } ... on Dog { n: name } __typename
        ... on Cat { name dog { id } } } }";
    assert_eq!(
        merged(text),
        "things{...Cat{name lives id __typename dog{id}} ...Dog{id n:name __typename}}"
    );
    // Merged across fields of an abstract type inside another.
    let text = "{ node { ... on Cat { node { id } } } node { ... on Cat { node { ... on Dog { name } } } } }";
    assert_eq!(
        merged(text),
        "node{...Cat{node{...Cat{id} ...Dog{id name}}} ...Dog}"
    );
}

#[test]
fn skipped_selections_are_left_out() {
    let text = "query($a: Boolean!, $b: Boolean = true) {
        cat @skip(if: $a) { id }
        ... @include(if: $b) { cat { name } }
        ...F @include(if: $a)
        cats { id @skip(if: true) name @include(if: false) }
    } fragment F on Query { cat { lives @skip(if: $b) dog { id } } }";
    assert_eq!(
        merged_with(text, json!({ "a": false })),
        "cat{id name} cats"
    );
    assert_eq!(
        merged_with(text, json!({ "a": true })),
        "cat{name dog{id}} cats"
    );
    assert_eq!(
        merged_with(text, json!({ "a": true, "b": false })),
        "cat{lives dog{id}} cats"
    );
    assert_eq!(merged("{ cat @skip(if: true) { id } }"), "");
}

#[test]
fn position_is_that_of_the_first_selection() {
    let documents = Documents::new(SCHEMA);
    let text =
        "{\n  ...F\n  cat { name }\n}\nfragment F on Query {\n  a: cats { id }\n  cat { id }\n}";
    let document = documents.document(text).expect("valid");
    let operation = document.operation(None).expect("one");
    let merged = documents
        .merged(&document, operation, &Variables::default())
        .expect("small");
    let (_, operation) = merged.operations.iter().next().expect("one");
    let items = &operation.node.selection_set.node.items;
    let positions: Vec<(usize, usize)> = items
        .iter()
        .map(|item| (item.pos.line, item.pos.column))
        .collect();
    assert_eq!(positions, [(6, 3), (7, 3)]);
}

#[test]
fn few_combinations_of_conditions_are_kept() {
    let documents = Documents::new(SCHEMA);
    let names: Vec<String> = (0..5).map(|n| format!("v{n}")).collect();
    let declared: String = names
        .iter()
        .map(|name| format!("${name}: Boolean! "))
        .collect();
    let used = names
        .iter()
        .map(|name| format!("{name}: cat @include(if: ${name}) {{ id }} "));
    let text = format!("query({declared}) {{ {} }}", used.collect::<String>());
    let document = documents.document(&text).expect("valid");
    let operation = document.operation(None).expect("one");
    for _ in 0..2 {
        for combination in 0..32 {
            let values = names.iter().enumerate().map(|(bit, name)| {
                (
                    Name::new(name),
                    ConstValue::Boolean(combination >> bit & 1 == 1),
                )
            });
            let mut variables = Variables::default();
            variables.extend(values);
            let merged = documents
                .merged(&document, operation, &variables)
                .expect("small");
            let (_, operation) = merged.operations.iter().next().expect("one");
            let left = operation.node.selection_set.node.items.len();
            assert_eq!(left, u32::count_ones(combination) as usize);
        }
    }
    assert!(operation.combinations() <= 8);
}
