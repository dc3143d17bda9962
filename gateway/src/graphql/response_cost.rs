//! Estimates the cost of a query before anything is read.

use async_graphql::parser::types::{ExecutableDocument, Field, Selection, SelectionSet};
use async_graphql::{Value, Variables};

use super::cost::{Cost, Longest, NOTHING};
use super::pagination::{TAKE_DEFAULT, TAKE_MAX};
use super::selection::COUNT_FIELDS;

/// Fields that reading up to 10 000 rows of an index counts as: 200 such reads take some seconds.
const ROWS_READ_FIELDS: u64 = 10_000;
/// The same for a count inside a list: all counts of the list read 100 000 rows together, or 100
/// each.
const NESTED_COUNT_FIELDS: u64 = 100;

/// The lists read in pages, and whether only at the root: `products` of an order are its lines.
const PAGED_LISTS: [(&str, bool); 9] = [
    ("accounts", true),
    ("products", true),
    ("accountsConnection", true),
    ("productsConnection", true),
    ("history", true),
    ("nodes", true),
    ("_entities", true),
    ("orders", false),
    ("ordersConnection", false),
];

/// The lists of introspection, with upper bounds of their rows in this schema. They nest without
/// end: types list their fields, fields their types.
const INTROSPECTION_LISTS: [(&str, u64); 8] = [
    ("types", 64),
    ("fields", 16),
    ("args", 8),
    ("inputFields", 8),
    ("enumValues", 24),
    ("directives", 8),
    ("interfaces", 4),
    ("possibleTypes", 4),
];

/// Whether a field of this name is a connection, and not the plain list of the same rows.
fn is_connection(name: &str, root: bool) -> bool {
    name.ends_with("Connection") || (root && name == "orders")
}

/// Whether a field of this name is a list read in pages.
pub(super) fn is_paged(name: &str) -> bool {
    PAGED_LISTS.iter().any(|(paged, _)| *paged == name)
}

/// The fields of a connection with something for each row. Its other fields are there once.
const ROWS_OF_CONNECTIONS: [&str; 2] = ["edges", "nodes"];

/// The cost of a merged operation. Variables have been coerced.
pub(crate) fn cost<'d>(document: &'d ExecutableDocument, variables: &'d Variables) -> Cost<'d> {
    let estimator = CostEstimator { variables };
    let operation = document.operations.iter().next();
    operation.map_or(NOTHING, |(_, operation)| {
        estimator.of_set(&operation.node.selection_set.node, true)
    })
}

/// The cost of rows that a list reads but does not return: those that a filter passes over, and
/// those that are counted.
fn rows_read(list: &Field, root: bool) -> u64 {
    let is_filtered = root && list.name.node == "orders";
    let is_counted = selects_count(&list.selection_set.node);
    let counting = if root {
        ROWS_READ_FIELDS
    } else {
        NESTED_COUNT_FIELDS
    };
    u64::from(is_filtered) * ROWS_READ_FIELDS + u64::from(is_counted) * counting
}

/// Whether a selection has a field that needs the count of the list; merged selections have it
/// themselves, without fragments.
fn selects_count(selections: &SelectionSet) -> bool {
    selections.items.iter().any(|item| match &item.node {
        Selection::Field(field) => COUNT_FIELDS.contains(&field.node.name.node.as_str()),
        Selection::InlineFragment(fragment) => selects_count(&fragment.node.selection_set.node),
        Selection::FragmentSpread(_) => false,
    })
}

struct CostEstimator<'d> {
    variables: &'d Variables,
}

impl<'d> CostEstimator<'d> {
    fn of_set(&self, set: &'d SelectionSet, root: bool) -> Cost<'d> {
        let mut sum = NOTHING;
        // Of the fragments for each possible type, one applies.
        let mut dearest = NOTHING;
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => sum = sum.and(self.of_field(&field.node, root)),
                Selection::InlineFragment(fragment) => {
                    let cost = self.of_set(&fragment.node.selection_set.node, root);
                    dearest = dearest.or(cost);
                }
                // Merging leaves none.
                Selection::FragmentSpread(_) => {}
            }
        }
        sum.and(dearest)
    }

    fn of_field(&self, field: &'d Field, root: bool) -> Cost<'d> {
        let set = &field.selection_set.node;
        let Some(take) = self.take(field, root) else {
            let inner = self.of_set(set, false);
            let fields = inner.fields.saturating_add(1);
            return Cost { fields, ..inner };
        };
        let (once, each) = if is_connection(&field.name.node, root) {
            self.of_connection(set)
        } else {
            (NOTHING, self.of_set(set, false))
        };
        let list = field.name.node.as_str();
        let longest = match each.longest {
            Some(inner) if inner.rows > 1 && take > 0 => Longest {
                rows: inner.rows.saturating_mul(take),
                ..inner
            },
            _ => Longest { rows: take, list },
        };
        let fields = each.fields.saturating_mul(take).saturating_add(1);
        Cost {
            fields: fields
                .saturating_add(once.fields)
                .saturating_add(rows_read(field, root)),
            longest: Some(longest),
        }
    }

    /// The fields of a connection that are there once, and those for each of its rows.
    fn of_connection(&self, set: &'d SelectionSet) -> (Cost<'d>, Cost<'d>) {
        let (mut once, mut each) = (NOTHING, NOTHING);
        for item in &set.items {
            // Connections are objects, so merging leaves no fragments in them.
            if let Selection::Field(field) = &item.node {
                let inside = &field.node.selection_set.node;
                if ROWS_OF_CONNECTIONS.contains(&field.node.name.node.as_str()) {
                    each = each.and(self.of_set(inside, false));
                    once.fields = once.fields.saturating_add(1);
                } else {
                    once = once.and(self.of_field(&field.node, false));
                }
            }
        }
        (once, each)
    }

    /// The greatest number of rows of a field; `None` where it is not a list read in pages.
    /// Arguments out of range are left to the field, which rejects them.
    fn take(&self, field: &Field, root: bool) -> Option<u64> {
        let name = field.name.node.as_str();
        if let Some((_, rows)) = INTROSPECTION_LISTS.iter().find(|(list, _)| *list == name) {
            return Some(*rows);
        }
        PAGED_LISTS
            .iter()
            .find(|(paged, at_root)| *paged == name && (root || !at_root))?;
        let argument = |name: &str| {
            let value = field.get_argument(name)?.node.clone();
            let value = value.into_const_with(|variable| {
                let value = self.variables.get(&variable).cloned();
                value.ok_or(())
            });
            value.ok().filter(|value| *value != Value::Null)
        };
        // One entity by its id; but `history` lists the events of the entity with this id.
        if name != "history" && argument("id").is_some() {
            return Some(1);
        }
        let listed = argument("ids").or_else(|| argument("representations"));
        if let Some(Value::List(listed)) = listed {
            return Some(listed.len() as u64);
        }
        let take = match argument("pagination") {
            Some(Value::Object(page)) => page.get("take").cloned(),
            _ => argument("first").or_else(|| argument("last")),
        };
        let take = match take {
            Some(Value::Number(take)) => take.as_u64().unwrap_or(0),
            _ => u64::from(TAKE_DEFAULT),
        };
        Some(take.min(u64::from(TAKE_MAX)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::LazyLock;

    use serde_json::json;

    use super::super::schema::{builder, schema_text};
    use super::*;
    use crate::document::Documents;

    fn excess_with(text: &str, variables: serde_json::Value) -> Option<String> {
        static DOCUMENTS: LazyLock<Documents> = LazyLock::new(|| Documents::new(&schema_text()));
        let document = DOCUMENTS.document(text).expect("valid");
        let operation = document.operation(None).expect("an operation");
        let mut variables = Variables::from_json(variables);
        DOCUMENTS
            .coerce(operation, &mut variables)
            .expect("values of their types");
        let merged = DOCUMENTS.merged(&document, operation, &variables);
        cost(&merged.expect("small"), &variables).excess()
    }

    fn excess(text: &str) -> Option<String> {
        excess_with(text, json!({}))
    }

    #[tokio::test]
    async fn every_paged_list_of_the_schema_is_listed() {
        let document = "{ __schema { types { fields { name args { name } } } } }";
        let response = builder().finish().execute(document).await;
        let data = response.data.into_json().expect("JSON");
        let lists =
            |of: &serde_json::Value, key: &str| of[key].as_array().cloned().unwrap_or_default();
        let mut paged = BTreeSet::new();
        for ty in lists(&data["__schema"], "types") {
            for field in lists(&ty, "fields") {
                let arguments = lists(&field, "args");
                if arguments.iter().any(|it| {
                    ["pagination", "first", "ids", "representations"]
                        .contains(&it["name"].as_str().unwrap_or(""))
                }) {
                    paged.insert(field["name"].as_str().unwrap_or_default().to_owned());
                }
            }
        }
        let listed = PAGED_LISTS.iter().map(|(name, _)| (*name).to_owned());
        assert_eq!(paged, listed.collect());
    }

    #[tokio::test]
    async fn introspection_lists_have_no_more_rows_than_counted() {
        let document = "{ __schema { directives { args { name } } types { name
            interfaces { name } possibleTypes { name } enumValues { name } inputFields { name }
            fields { args { name } } } } }";
        let response = builder().finish().execute(document).await;
        let schema = response.data.into_json().expect("JSON")["__schema"].take();
        let mut unseen = vec![schema];
        while let Some(value) = unseen.pop() {
            for (key, value) in value.as_object().into_iter().flatten() {
                let Some(rows) = value.as_array() else {
                    continue;
                };
                let counted = INTROSPECTION_LISTS.iter().find(|(list, _)| list == key);
                let (_, most) = counted.unwrap_or_else(|| panic!("{key} is not listed"));
                assert!(rows.len() as u64 <= *most, "{key} has {} rows", rows.len());
                unseen.extend(rows.iter().cloned());
            }
        }
    }

    #[test]
    fn deep_introspection_is_refused() {
        let types = "kind name ".to_owned() + &"ofType { kind name ".repeat(9) + &"}".repeat(9);
        let usual = format!(
            "{{ __schema {{ queryType {{ name }} types {{ kind name description
                fields(includeDeprecated: true) {{ name description isDeprecated deprecationReason
                    args {{ name description type {{ {types} }} defaultValue }} type {{ {types} }} }}
                inputFields {{ name description type {{ {types} }} defaultValue }}
                interfaces {{ {types} }} enumValues {{ name description }} possibleTypes {{ {types} }} }}
                directives {{ name args {{ name type {{ {types} }} }} }} }} }}"
        );
        assert_eq!(excess(&usual), None);
        let circle = "fields { type { ".repeat(12) + "name" + &" } }".repeat(12);
        let circle = format!(r#"{{ __type(name: "__Type") {{ {circle} }} }}"#);
        assert!(excess(&circle).is_some_and(|message| message.starts_with("fields ")));
        let many: String = (0..3_900).map(|n| format!("a{n}: name ")).collect();
        let wide = format!("{{ __schema {{ types {{ fields {{ {many} }} }} }} }}");
        assert!(excess(&wide).is_some());
    }

    #[test]
    fn full_page_of_accounts_may_have_a_page_of_orders_each() {
        let nested = |accounts: u32, orders: &str| {
            excess(&format!(
                "{{ accounts(pagination: {{ take: {accounts} }}) {{ id name orders{orders} {{
                    id totalPrice status createdAt products {{ id name price quantity }} }} }} }}"
            ))
        };
        assert_eq!(nested(1_000, ""), None);
        assert_eq!(nested(100, "(pagination: { take: 1000 })"), None);
        let message = nested(1_000, "(pagination: { take: 101 })").expect("refused");
        assert!(message.starts_with("orders "), "{message}");
        assert!(message.contains("101000 rows"), "{message}");
        assert!(nested(1_000, "(pagination: { take: 1000 })").is_some());
        assert_eq!(nested(1_000, "(pagination: { take: 0 })"), None);
    }

    #[test]
    fn takes_in_variables_and_fragments_are_counted() {
        let text = "query($p: PaginationInput, $n: Int) {
            accounts(pagination: $p) { ...F }
        } fragment F on Account { orders(pagination: { take: $n }) { id } }";
        let with = |p: u32, n: u32| excess_with(text, json!({ "p": { "take": p }, "n": n }));
        assert_eq!(with(1_000, 100), None);
        assert!(with(1_000, 101).is_some());
        assert_eq!(excess_with(text, json!({ "n": 1_000 })), None);
        let connections = "{ accountsConnection(first: 1000) { edges { node {
            ordersConnection(last: 101) { nodes { id } } } } } }";
        assert!(
            excess(connections).is_some_and(|message| message.starts_with("ordersConnection "))
        );
        let by_id = r#"{ accounts(id: "x", pagination: { take: 1000 }) {
            orders(pagination: { take: 1000 }) { id } } }"#;
        assert_eq!(excess(by_id), None);
    }

    #[test]
    fn lists_and_aliases_add_up() {
        let lists = |count: usize| {
            let lists: String = (0..count)
                .map(|n| format!("a{n}: accounts {{ orders {{ id }} }} "))
                .collect();
            excess(&format!("{{ {lists} }}"))
        };
        assert_eq!(lists(190), None);
        assert!(lists(200).is_some_and(|message| message.contains("2000000 fields")));
        let aliases: String = (0..100).map(|n| format!("a{n}: id ")).collect();
        let wide =
            format!("{{ accounts(pagination: {{ take: 1000 }}) {{ orders {{ {aliases} }} }} }}");
        assert!(excess(&wide).is_some());
    }

    #[test]
    fn filtered_lists_and_counts_add_up() {
        let many = |count: usize, list: &str| {
            let lists: String = (0..count).map(|n| format!("a{n}: {list} ")).collect();
            excess(&format!("{{ {lists} }}"))
        };
        let filtered = r#"orders(first: 0, filter: { currency: "USD" }) { nodes { id } }"#;
        assert_eq!(many(190, filtered), None);
        assert!(many(200, filtered).is_some());
        let counted = "accountsConnection(first: 0) { totalCount }";
        assert_eq!(many(190, counted), None);
        assert!(many(200, counted).is_some());
        let both = "orders(first: 0) { ... on OrderConnection { totalCountIsLowerBound } }";
        assert_eq!(many(95, both), None);
        assert!(many(101, both).is_some());
        let nested = "{ accountsConnection(first: 1000) { nodes {
            id ordersConnection(first: 10) { totalCount nodes { id } } } } }";
        assert_eq!(excess(nested), None);
        let page =
            "{ orders(first: 1000) { totalCount nodes { id products { id name quantity } } } }";
        assert_eq!(excess(page), None);
    }
}
