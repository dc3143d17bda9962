//! Topics are created, compared with the required settings, and corrected where possible.

use fritzy_kafka::{KafkaBridge, TopicDifference};
use fritzy_testbed::{blocking, skip_unless};
use fritzy_testbed_shop::kafka::{client_config, start_brokers};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use crate::shop::KafkaShop;

async fn create(brokers: &str, topic: NewTopic<'_>) {
    let admin: AdminClient<DefaultClientContext> =
        client_config(brokers).create().expect("a client");
    for created in admin
        .create_topics([&topic], &AdminOptions::new())
        .await
        .expect("a response")
    {
        created.expect("created");
    }
}

fn lines(differences: &[TopicDifference]) -> Vec<String> {
    differences.iter().map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topic_differences_are_reported_and_corrected() {
    let cluster = skip_unless!(start_brokers(1));
    let brokers = cluster.bootstrap();
    let shop = KafkaShop::new(&brokers).await;
    let orders = NewTopic::new("order.events", 5, TopicReplication::Fixed(1))
        .set("retention.ms", "1000")
        .set("cleanup.policy", "compact")
        .set("segment.ms", "60000");
    create(&brokers, orders).await;
    // Longer retention and larger messages than required are an operator's choice.
    let accounts = NewTopic::new("account.events", 3, TopicReplication::Fixed(1))
        .set("retention.ms", "-1")
        .set("max.message.bytes", "2000000")
        .set("cleanup.policy", "delete")
        .set("retention.bytes", "5000000");
    create(&brokers, accounts).await;
    let found = lines(&shop.topics().check().await.expect("a response"));
    assert_eq!(found.len(), 9, "{found:?}");
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
    // A bridge without its topics names them, and the command that creates them.
    let mut config = shop.config.clone();
    config.brokers.clone_from(&brokers);
    let bridge = KafkaBridge::new(config, shop.stores.topic_bindings.clone());
    let generations = fritzy_domain::Generations::first();
    let error = fritzy_projections::ProjectionStart::start(&bridge, &generations)
        .await
        .err();
    let error = error.expect("topics are missing").to_string();
    assert!(
        error.contains("notifications") && error.contains("fritzy topics apply"),
        "{error}"
    );

    let (done, remains) = shop.topics().apply().await.expect("applied");
    assert_eq!(done.len(), 8, "{done:?}");
    // More partitions would spread the events of one order over two.
    assert_eq!(
        lines(&remains),
        ["order.events: partitions is 5, should be 3"]
    );
    // Other settings of the topic stay.
    let arguments = ["--describe", "--topic", "order.events"];
    let limit = std::time::Duration::from_secs(60);
    let described =
        blocking(|| cluster.tool("org.apache.kafka.tools.TopicCommand", &arguments, limit));
    assert!(
        described.contains("segment.ms=60000") && described.contains("retention.ms=86400000"),
        "{described}"
    );
    let (done, remains) = shop.topics().apply().await.expect("applied");
    assert_eq!(
        (done.len(), remains.len()),
        (0, 1),
        "applying twice changes nothing"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_brokers_hold_three_replicas_two_in_sync() {
    let mut cluster = skip_unless!(start_brokers(3));
    let brokers = cluster.bootstrap();
    let shop = KafkaShop::new(&brokers).await;
    // Created while there was one broker.
    create(
        &brokers,
        NewTopic::new("account.events", 3, TopicReplication::Fixed(1)),
    )
    .await;
    let (done, remains) = shop.topics().apply().await.expect("applied");
    assert_eq!(
        done.iter()
            .filter(|difference| difference.what == "topic")
            .count(),
        6
    );
    assert_eq!(
        lines(&remains),
        ["account.events: copies is 1, should be 3"]
    );
    let limit = std::time::Duration::from_secs(60);
    let describe = |topic: &str| {
        let arguments = ["--describe", "--topic", topic];
        blocking(|| cluster.tool("org.apache.kafka.tools.TopicCommand", &arguments, limit))
    };
    let of_orders = describe("order.events");
    assert!(of_orders.contains("ReplicationFactor: 3"), "{of_orders}");
    assert!(of_orders.contains("min.insync.replicas=2"), "{of_orders}");
    // With one replica, two would never be in sync: all writes would fail.
    let of_accounts = describe("account.events");
    assert!(
        !of_accounts.contains("min.insync.replicas=2"),
        "{of_accounts}"
    );
    // While one broker is down, no setting is reverted.
    blocking(|| cluster.kill(2));
    let (done, remains) = shop.topics().apply().await.expect("applied");
    assert!(done.is_empty(), "{done:?}");
    assert!(
        remains.iter().all(|difference| difference.what == "copies"),
        "{remains:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unreachable_brokers_are_reported_with_the_reason() {
    let shop = KafkaShop::new("127.0.0.1:1").await;
    let error = shop
        .topics()
        .check()
        .await
        .expect_err("no broker listens there");
    let text = error.to_string();
    assert!(
        text.contains("127.0.0.1:1") && text.contains("refused"),
        "{text}"
    );
}
