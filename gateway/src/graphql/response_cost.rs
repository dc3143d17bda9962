//! How large an answer can become, by what the document asks for: counted before anything is read.

use std::collections::HashMap;

use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Value, Variables};

use super::pagination::{TAKE_DEFAULT, TAKE_MAX};

/// Rows of a list with all the lists around it: 1 000 accounts with the 100 orders of a page each. They
/// are held in memory together, with their answer: some hundred megabytes at the very worst.
const ROWS_MAX: u64 = 100_000;
/// Fields of an answer: each of so many rows with twenty. Many lists, or many aliases, sum up to it.
const FIELDS_MAX: u64 = 2_000_000;

/// The lists that are read in pages, and whether only at the root: an order's products are its own.
const PAGED: [(&str, bool); 7] = [
    ("accounts", true),
    ("products", true),
    ("accountsConnection", true),
    ("productsConnection", true),
    ("history", true),
    ("orders", false),
    ("ordersConnection", false),
];

/// The lists of introspection, with more rows than any of them has in this schema. Types name their fields,
/// fields their types, and so on without an end.
const INTROSPECTED: [(&str, u64); 8] = [
    ("types", 64),
    ("fields", 16),
    ("args", 8),
    ("inputFields", 8),
    ("enumValues", 24),
    ("directives", 8),
    ("interfaces", 4),
    ("possibleTypes", 4),
];

/// Whether a field of this name is a list that is read in pages.
pub(super) fn is_paged(name: &str) -> bool {
    PAGED.iter().any(|(paged, _)| *paged == name)
}

/// What an operation may answer that is too much. Variables have been coerced.
pub(crate) fn answer_excess(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: &Variables,
) -> Option<String> {
    let mut scale = Scale {
        document,
        variables,
        fragments: HashMap::new(),
    };
    let weight = scale.of_set(&operation.selection_set.node, true);
    if weight.rows > ROWS_MAX {
        let Weight { rows, longest, .. } = weight;
        return Some(format!(
            "{longest} with the lists around it has up to {rows} rows, and {ROWS_MAX} are allowed: take less at a time"
        ));
    }
    (weight.fields > FIELDS_MAX).then(|| {
        let Weight { longest, .. } = weight;
        format!(
            "the answer has more than {FIELDS_MAX} fields, most of them in {longest}: take less at a time"
        )
    })
}

/// What a selection comes to, at most.
#[derive(Clone, Copy, Debug)]
struct Weight<'d> {
    fields: u64,
    /// Of its longest list.
    rows: u64,
    longest: &'d str,
}

const NOTHING: Weight<'static> = Weight {
    fields: 0,
    rows: 1,
    longest: "",
};

/// Weighs each fragment once, however often it is spread.
struct Scale<'d> {
    document: &'d ExecutableDocument,
    variables: &'d Variables,
    /// By name and whether at the root.
    fragments: HashMap<(&'d str, bool), Weight<'d>>,
}

impl<'d> Scale<'d> {
    fn of_set(&mut self, set: &'d SelectionSet, root: bool) -> Weight<'d> {
        set.items.iter().fold(NOTHING, |sum, item| {
            let weight = match &item.node {
                Selection::Field(field) => self.of_field(&field.node, root),
                Selection::InlineFragment(fragment) => {
                    self.of_set(&fragment.node.selection_set.node, root)
                }
                Selection::FragmentSpread(spread) => {
                    self.of_fragment(spread.node.fragment_name.node.as_str(), root)
                }
            };
            let longer = if weight.rows > sum.rows { weight } else { sum };
            Weight {
                fields: sum.fields.saturating_add(weight.fields),
                ..longer
            }
        })
    }

    fn of_field(&mut self, field: &'d Field, root: bool) -> Weight<'d> {
        let inner = self.of_set(&field.selection_set.node, false);
        let Some(take) = self.take(field, root) else {
            let fields = inner.fields.saturating_add(1);
            return Weight { fields, ..inner };
        };
        let longest = if inner.rows > 1 {
            inner.longest
        } else {
            field.name.node.as_str()
        };
        Weight {
            fields: inner.fields.saturating_mul(take).saturating_add(1),
            rows: inner.rows.saturating_mul(take),
            longest,
        }
    }

    fn of_fragment(&mut self, name: &'d str, root: bool) -> Weight<'d> {
        if let Some(known) = self.fragments.get(&(name, root)) {
            return *known;
        }
        // While it is being weighed: a cycle, which validation refuses.
        self.fragments.insert((name, root), NOTHING);
        let Some(fragment) = self.document.fragments.get(name) else {
            return NOTHING;
        };
        let weight = self.of_set(&fragment.node.selection_set.node, root);
        self.fragments.insert((name, root), weight);
        weight
    }

    /// The rows a field takes at most; `None` where it is no list that is read in pages. What is out of
    /// bounds is left to the field, which refuses it.
    fn take(&self, field: &Field, root: bool) -> Option<u64> {
        let name = field.name.node.as_str();
        if let Some((_, rows)) = INTROSPECTED.iter().find(|(list, _)| *list == name) {
            return Some(*rows);
        }
        PAGED
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
        // One thing by its id; but a history is a list of what has the id.
        if name != "history" && argument("id").is_some() {
            return Some(1);
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

    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::super::schema_text;
    use super::*;

    fn excess_with(text: &str, variables: serde_json::Value) -> Option<String> {
        let document = parse_query(text).expect("parses");
        let (_, operation) = document.operations.iter().next().expect("an operation");
        answer_excess(&document, &operation.node, &Variables::from_json(variables))
    }

    fn excess(text: &str) -> Option<String> {
        excess_with(text, json!({}))
    }

    #[test]
    fn every_paged_list_of_the_schema_is_known() {
        let schema = schema_text();
        let paged = schema
            .lines()
            .filter(|line| line.contains("pagination:") || line.contains("first:"))
            .filter_map(|line| line.trim().split_once('('));
        let paged: BTreeSet<&str> = paged.map(|(name, _)| name).collect();
        assert_eq!(paged, PAGED.iter().map(|(name, _)| *name).collect());
    }

    #[tokio::test]
    async fn the_lists_of_introspection_have_no_more_rows_than_is_counted() {
        let document = "{ __schema { directives { args { name } } types { name
            interfaces { name } possibleTypes { name } enumValues { name } inputFields { name }
            fields { args { name } } } } }";
        let answer = super::super::bare().finish().execute(document).await;
        let schema = answer.data.into_json().expect("JSON")["__schema"].take();
        let mut unseen = vec![schema];
        while let Some(value) = unseen.pop() {
            for (key, value) in value.as_object().into_iter().flatten() {
                let Some(rows) = value.as_array() else {
                    continue;
                };
                let counted = INTROSPECTED.iter().find(|(list, _)| list == key);
                let (_, most) = counted.unwrap_or_else(|| panic!("{key} is not known"));
                assert!(rows.len() as u64 <= *most, "{key} has {} rows", rows.len());
                unseen.extend(rows.iter().cloned());
            }
        }
    }

    #[test]
    fn introspection_without_an_end_is_refused() {
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
    fn a_full_page_of_accounts_has_a_page_of_orders_each() {
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
    fn takes_are_read_from_variables_and_through_fragments() {
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
    fn many_lists_and_many_aliases_sum_up() {
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
}
