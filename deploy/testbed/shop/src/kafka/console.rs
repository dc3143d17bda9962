//! The same by a consumer in another language: Kafka's own, in Java, which shares no line with librdkafka.

use std::thread;
use std::time::Duration;

use fritzy_testbed::KafkaCluster;

use crate::consumed::{Consumed, Found, counts};

const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
/// For thousands of messages, beside others.
const CONSUMER_MAX: Duration = Duration::from_secs(180);

/// Reads every topic to its end.
pub(crate) fn consume_in_java(cluster: &KafkaCluster) -> Consumed {
    let counts = counts(&cluster.bootstrap());
    let found: Vec<Found> = tokio::task::block_in_place(|| {
        thread::scope(|scope| {
            let topics = counts.iter().filter(|(_, count)| *count > 0);
            let reading = topics.map(|(topic, count)| scope.spawn(|| read(cluster, topic, *count)));
            let reading: Vec<_> = reading.collect();
            let read = reading
                .into_iter()
                .map(|thread| thread.join().expect("reads"));
            read.flatten().collect()
        })
    });
    Consumed::new(found)
}

fn read(cluster: &KafkaCluster, topic: &str, count: i64) -> Vec<Found> {
    let count = count.to_string();
    let arguments = [
        "--topic",
        topic,
        "--from-beginning",
        "--max-messages",
        &count,
        "--timeout-ms",
        "60000",
        "--formatter-property",
        "print.headers=true",
        "--formatter-property",
        "print.key=true",
    ];
    let printed = cluster.tool(CONSUMER, &arguments, CONSUMER_MAX);
    let printed = printed.expect("it reads");
    let found: Vec<Found> = printed.lines().map(|line| parse(topic, line)).collect();
    assert_eq!(found.len().to_string(), count, "{topic}");
    found
}

/// `name:value,name:value`, the key, the value, with tabs between.
fn parse(topic: &str, line: &str) -> Found {
    let mut parts = line.splitn(3, '\t');
    let mut part = || {
        parts
            .next()
            .unwrap_or_else(|| panic!("three parts in {line}"))
    };
    let headers = part().split(',').map(|header| {
        let (name, value) = header.split_once(':').expect("a header");
        (name.to_owned(), value.to_owned())
    });
    Found {
        topic: topic.to_owned(),
        headers: headers.collect(),
        key: part().to_owned(),
        payload: serde_json::from_str(part()).expect("JSON"),
    }
}
