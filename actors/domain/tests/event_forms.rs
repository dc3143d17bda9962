//! The JSON of events is published: each form in `docs/events.md` is decoded, and encoded again
//! unchanged.

use std::collections::BTreeSet;
use std::path::Path;

use fritzy_domain::Event;

/// The event types and forms in the table.
#[expect(clippy::disallowed_methods, reason = "a test may read the document")]
fn documented() -> Vec<(String, String)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/events.md");
    let text = std::fs::read_to_string(file).expect("docs/events.md");
    let rows = text.lines().filter_map(|line| {
        let (event_type, form) = line.strip_prefix("| `")?.split_once("` | `{")?;
        let (form, _) = form.rsplit_once("}` |")?;
        Some((event_type.to_owned(), format!("{{{form}}}")))
    });
    rows.collect()
}

#[test]
fn every_documented_form_round_trips() {
    for (event_type, form) in documented() {
        let event = Event::decode(&event_type, &form);
        let event = event.unwrap_or_else(|failure| panic!("{event_type}: {failure}"));
        assert_eq!(event.event_type(), event_type);
        assert_eq!(event.payload(), form, "{event_type}");
    }
}

#[test]
fn every_event_type_is_documented() {
    let expected = [
        "account.created",
        "account.renamed",
        "account.closed",
        "account.annotated",
        "product.created",
        "product.updated",
        "product.repriced",
        "product.withdrawn",
        "product.annotated",
        "order.created",
        "order.confirmed",
        "order.completed",
        "order.cancelled",
        "order.annotated",
    ];
    let documented = documented();
    let types: BTreeSet<&str> = documented.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(types, BTreeSet::from(expected));
}
