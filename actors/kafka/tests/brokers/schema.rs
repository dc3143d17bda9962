//! Every event type as it is published, against the JSON Schema for consumers.

use std::collections::{BTreeMap, BTreeSet};

use fritzy_domain::{AccountCommand, AnnotationsChange, Argument, OrderCommand, ProductCommand};
use fritzy_testbed::skip_unless;
use fritzy_testbed_shop::kafka::{read_all, start_brokers};
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::shop::KafkaShop;

const SCHEMA: &str = include_str!("../../../../docs/events.schema.json");

pub(crate) fn schema() -> (Value, Validator) {
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    (schema, validator)
}

/// The schema's definition of an event type.
fn definition<'s>(schema: &'s Value, event_type: &str) -> &'s Value {
    let definition = &schema["$defs"][event_type];
    assert!(definition.is_object(), "no definition of {event_type}");
    definition
}

/// Asserts that the schema describes every field of the event, and its presence and its type.
pub(crate) fn require_described(schema: &Value, validator: &Validator, event: &Value) {
    let errors: Vec<String> = validator
        .iter_errors(event)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "{event}: {errors:?}");
    let definition = definition(schema, event["event_type"].as_str().expect("a type"));
    let required: BTreeSet<&str> = definition["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (name, value) in event.as_object().expect("an object") {
        assert!(
            definition["properties"][name].is_object(),
            "{name} is not described"
        );
        let mut changed = event.clone();
        changed[name] = match value {
            Value::String(_) => json!(17),
            _ => json!("text"),
        };
        assert!(
            !validator.is_valid(&changed),
            "{name} of another type: {changed}"
        );
        let mut without = event.clone();
        without.as_object_mut().expect("an object").remove(name);
        let is_required = required.contains(name.as_str());
        assert_eq!(validator.is_valid(&without), !is_required, "without {name}");
    }
    // New fields may be added.
    let mut more = event.clone();
    more["more"] = json!([1]);
    assert!(validator.is_valid(&more));
}

fn annotations() -> AnnotationsChange {
    let reference = Argument::Value("erp-\u{e4} 1".into());
    let entries = Argument::Value(vec![("tier".into(), Argument::Value("\"gold\"\n".into()))]);
    AnnotationsChange::parse(&reference, &entries).expect("valid")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_type_matches_its_schema() {
    let cluster = skip_unless!(start_brokers(1));
    let shop = KafkaShop::with_topics(&cluster.bootstrap()).await;
    let running = shop.bridge().await;
    shop.orders(2).await;
    for reason in [None, Some("zu spät: \"\u{1f69a}\"\n".to_owned())] {
        let order = shop.long_order(&shop.accounts[1], 3).await;
        shop.move_order(&order, OrderCommand::Cancel { reason })
            .await;
    }
    let product = shop.product("0.05").await;
    let (name, description) = (Some("L\u{e4}mpchen".to_owned()), Some(String::new()));
    let update = ProductCommand::Update { name, description };
    shop.command_product(&product, update).await;
    shop.reprice(&product, "123456789.01").await;
    shop.command_product(&product, ProductCommand::Annotate(annotations()))
        .await;
    shop.command_product(&product, ProductCommand::Withdraw)
        .await;
    let name = "Ada \u{1f469}".to_owned();
    shop.command_account(2, AccountCommand::Rename { name })
        .await;
    shop.command_account(2, AccountCommand::Annotate(annotations()))
        .await;
    shop.command_account(2, AccountCommand::Close).await;
    let order = shop.long_order(&shop.accounts[1], 1).await;
    shop.move_order(&order, OrderCommand::Annotate(annotations()))
        .await;
    shop.annotated_creations().await;
    shop.until_published(&running).await;
    running.stop().await;

    let (schema, validator) = schema();
    let mut types: BTreeMap<String, usize> = BTreeMap::new();
    for message in read_all(&cluster.bootstrap()) {
        require_described(&schema, &validator, &message.payload);
        *types.entry(message.headers["ce_type"].clone()).or_default() += 1;
    }
    let of_schema = schema["oneOf"].as_array().expect("a list").iter();
    let of_schema = of_schema.map(|one| {
        let reference = one["$ref"].as_str().expect("a reference");
        reference.trim_start_matches("#/$defs/").to_owned()
    });
    // A marker is no event; it is compared where a generation begins.
    let of_schema: BTreeSet<String> = of_schema
        .filter(|one| one != "database.generation")
        .collect();
    assert_eq!(types.into_keys().collect::<BTreeSet<_>>(), of_schema);
    assert_eq!(of_schema.len(), 14);
    for foreign in [json!({"event_type": "order.lost"}), json!({}), json!([])] {
        assert!(!validator.is_valid(&foreign), "{foreign}");
    }
}
