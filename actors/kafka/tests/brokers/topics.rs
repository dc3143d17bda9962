//! Topics as they must be: made, compared, mended where that can be done.

use fritzy_kafka::{KafkaBridge, TopicDifference};
use fritzy_testbed::{blocking, skip_unless};
use fritzy_testbed_shop::kafka::{client_config, start_brokers};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use crate::shop::KafkaShop;

async fn make(brokers: &str, topic: NewTopic<'_>) {
    let admin: AdminClient<DefaultClientContext> =
        client_config(brokers).create().expect("a client");
    for made in admin
        .create_topics([&topic], &AdminOptions::new())
        .await
        .expect("asked")
    {
        made.expect("made");
    }
}

fn lines(differences: &[TopicDifference]) -> Vec<String> {
    differences.iter().map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_differs_is_told_and_what_can_be_mended_is() {
    let cluster = skip_unless!(start_brokers(1));
    let brokers = cluster.bootstrap();
    let shop = KafkaShop::new(&brokers).await;
    let orders = NewTopic::new("order.events", 5, TopicReplication::Fixed(1))
        .set("retention.ms", "1000")
        .set("cleanup.policy", "compact")
        .set("segment.ms", "60000");
    make(&brokers, orders).await;
    // Whoever keeps more, or takes more, means it.
    let accounts = NewTopic::new("account.events", 3, TopicReplication::Fixed(1))
        .set("retention.ms", "-1")
        .set("max.message.bytes", "2000000")
        .set("cleanup.policy", "delete")
        .set("retention.bytes", "5000000");
    make(&brokers, accounts).await;
    let found = lines(&shop.topics().check().await.expect("asked"));
    assert_eq!(found.len(), 8, "{found:?}");
    for expected in [
        "order.events: partitions is 5, should be 3",
        "order.events: cleanup.policy is compact, should be delete",
        "order.events: retention.ms is 1000, should be 86400000",
        "order.created: topic is missing, should be there",
        "account.events: retention.bytes is 5000000, should be -1",
    ] {
        assert!(
            found.iter().any(|line| line == expected),
            "{expected}: {found:?}"
        );
    }
    // A bridge that finds topics missing says which, and what to do.
    let mut config = shop.config.clone();
    config.brokers.clone_from(&brokers);
    let refused = KafkaBridge::new(config).expect("a client");
    let refused = fritzy_projections::ProjectionStart::start(&refused)
        .await
        .err();
    let refused = refused.expect("topics are missing").to_string();
    assert!(
        refused.contains("notifications") && refused.contains("fritzy topics apply"),
        "{refused}"
    );

    let (done, remains) = shop.topics().apply().await.expect("applied");
    assert_eq!(done.len(), 7, "{done:?}");
    // More partitions would spread the events of one order over two.
    assert_eq!(
        lines(&remains),
        ["order.events: partitions is 5, should be 3"]
    );
    // What somebody has set besides stays.
    let arguments = ["--describe", "--topic", "order.events"];
    let limit = std::time::Duration::from_secs(60);
    let told = blocking(|| cluster.tool("org.apache.kafka.tools.TopicCommand", &arguments, limit));
    assert!(
        told.contains("segment.ms=60000") && told.contains("retention.ms=86400000"),
        "{told}"
    );
    let (done, remains) = shop.topics().apply().await.expect("applied");
    assert_eq!(
        (done.len(), remains.len()),
        (0, 1),
        "twice is the same as once"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_brokers_keep_three_copies_of_which_two_must_have_it() {
    let mut cluster = skip_unless!(start_brokers(3));
    let brokers = cluster.bootstrap();
    let shop = KafkaShop::new(&brokers).await;
    // As long as there was one broker.
    make(
        &brokers,
        NewTopic::new("account.events", 3, TopicReplication::Fixed(1)),
    )
    .await;
    let (done, remains) = shop.topics().apply().await.expect("applied");
    assert_eq!(
        done.iter()
            .filter(|difference| difference.what == "topic")
            .count(),
        5
    );
    assert_eq!(
        lines(&remains),
        ["account.events: copies is 1, should be 3"]
    );
    let limit = std::time::Duration::from_secs(60);
    let told = |topic: &str| {
        let arguments = ["--describe", "--topic", topic];
        blocking(|| cluster.tool("org.apache.kafka.tools.TopicCommand", &arguments, limit))
    };
    let of_orders = told("order.events");
    assert!(of_orders.contains("ReplicationFactor: 3"), "{of_orders}");
    assert!(of_orders.contains("min.insync.replicas=2"), "{of_orders}");
    // One copy would never be two: nothing could be written any more.
    let of_accounts = told("account.events");
    assert!(
        !of_accounts.contains("min.insync.replicas=2"),
        "{of_accounts}"
    );
    // While one is away nothing is taken back.
    blocking(|| cluster.kill(2));
    let (done, remains) = shop.topics().apply().await.expect("applied");
    assert!(done.is_empty(), "{done:?}");
    assert!(
        remains.iter().all(|difference| difference.what == "copies"),
        "{remains:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_answers_the_reason_is_told() {
    let shop = KafkaShop::new("127.0.0.1:1").await;
    let refused = shop.topics().check().await.expect_err("nobody is there");
    let text = refused.to_string();
    assert!(
        text.contains("127.0.0.1:1") && text.contains("refused"),
        "{text}"
    );
}
