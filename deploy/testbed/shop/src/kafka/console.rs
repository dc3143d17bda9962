//! A consumer in another language: Kafka's own console consumer in Java, which shares no code with
//! librdkafka.

use std::thread;
use std::time::Duration;

use fritzy_testbed::KafkaCluster;

use super::consumed::{Consumed, ConsumedMessage, message_counts};

const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
/// Enough for thousands of messages on a busy machine.
const CONSUMER_MAX: Duration = Duration::from_secs(180);

/// Reads every topic of the shop to its end.
///
/// # Panics
/// When a message is missing or malformed.
#[must_use]
pub fn consume_in_java(cluster: &KafkaCluster) -> Consumed {
    let counts = message_counts(&cluster.bootstrap());
    let found: Vec<ConsumedMessage> = tokio::task::block_in_place(|| {
        thread::scope(|scope| {
            let topics = counts.iter().filter(|(_, count)| *count > 0);
            let reading = topics.map(|(topic, count)| scope.spawn(|| read(cluster, topic, *count)));
            let reading: Vec<_> = reading.collect();
            let read = reading
                .into_iter()
                .map(|thread| thread.join().expect("no panic"));
            read.flatten().collect()
        })
    });
    Consumed::new(found)
}

fn read(cluster: &KafkaCluster, topic: &str, count: i64) -> Vec<ConsumedMessage> {
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
    let printed = printed.expect("the tool succeeds");
    let found: Vec<ConsumedMessage> = printed.lines().map(|line| parse(topic, line)).collect();
    assert_eq!(found.len().to_string(), count, "{topic}");
    found
}

/// Parses `name:value,name:value`, the key and the value, separated by tabs.
fn parse(topic: &str, line: &str) -> ConsumedMessage {
    let mut parts = line.splitn(3, '\t');
    let mut part = || {
        parts
            .next()
            .unwrap_or_else(|| panic!("three parts in {line}"))
    };
    let headers = part().split(',').map(|header| {
        let header = header.split_once(':');
        let (name, value) = header.unwrap_or_else(|| panic!("no header in {line}"));
        (name.to_owned(), value.to_owned())
    });
    ConsumedMessage {
        topic: topic.to_owned(),
        partition: None,
        headers: headers.collect(),
        key: part().to_owned(),
        payload: serde_json::from_str(part()).expect("JSON"),
    }
}
