//! The bindings of topics: compare-and-set of their tokens, and which topics were bound last.

use uuid::Uuid;

use crate::fixture::Fixture;

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn ids<const N: usize>(numbers: [u128; N]) -> Vec<Uuid> {
    numbers.into_iter().map(id).collect()
}

pub(crate) async fn i6_topic_tokens_are_replaced_by_one_node_only(fixture: Fixture) {
    let bindings = &fixture.stores.topic_bindings;
    let found = async |topics| {
        let found = bindings.topic_binding(id(topics)).await.expect("reads");
        found.map(|binding| (binding.tokens, binding.is_latest))
    };
    let bind = async |topics, seen: &[Uuid], tokens: &[Uuid]| {
        let bound = bindings.bind_topics(id(topics), seen, tokens).await;
        bound.expect("writes")
    };
    assert_eq!(found(1).await, None);
    assert!(
        !bind(1, &ids([9]), &ids([8, 9])).await,
        "there is none to replace"
    );
    assert!(bind(1, &[], &ids([10])).await);
    assert!(!bind(1, &[], &ids([11])).await, "it is bound already");
    assert!(bind(1, &ids([10]), &ids([12, 10])).await);
    assert!(
        !bind(1, &ids([10]), &ids([13, 10])).await,
        "another node was first"
    );
    assert_eq!(found(1).await, Some((ids([12, 10]), true)));

    // Other topics come later, and stay the latest, whatever is renewed.
    assert!(bind(2, &[], &ids([20])).await);
    assert!(bind(1, &ids([12, 10]), &ids([14, 12])).await);
    assert_eq!(found(1).await, Some((ids([14, 12]), false)));
    assert_eq!(found(2).await, Some((ids([20]), true)));
}

pub(crate) async fn topic_location_stays_and_belongs_to_one_store(fixture: Fixture) {
    let location = async || {
        let location = fixture.stores.topic_bindings.location().await;
        location.expect("reads")
    };
    let first = location().await;
    assert_eq!(location().await, first);
    assert!(first.contains('/'), "{first}");
}
