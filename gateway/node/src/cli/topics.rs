//! `fritzy topics`: the topics on Kafka as they must be.

use std::process::ExitCode;

use clap::Subcommand;
use fritzy_kafka::{TopicDifference, TopicSettings, Topics};

use super::{fail, out};
use crate::settings::Settings;

/// Exit code when something is not as it should be.
const DIFFERS: u8 = 1;
/// Exit code when Kafka cannot be asked.
const CANNOT: u8 = 2;

#[derive(Subcommand)]
pub(super) enum TopicsAction {
    /// Make the topics that are missing, and set what differs; exit code 0: all is as it should be, 1: something remains
    /// that nobody can change in a topic that is used, 2: Kafka cannot be asked
    ///
    /// Three copies of each partition where there are three brokers, of which two must have what is acknowledged.
    Apply(Shape),
    /// Compare the topics with what they should be; exit code 0: they are, 1: they are not, 2: Kafka cannot be asked
    Check(Shape),
}

#[derive(clap::Args)]
pub(super) struct Shape {
    /// Partitions of each topic. Once there are events, there is no way to another number: those of one account, product or
    /// order would be spread over two partitions, and their order lost
    #[arg(long, default_value = "12", value_name = "PARTITIONS", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    partitions: u16,
    /// Days that messages are kept
    #[arg(long, default_value = "7", value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3_650))]
    retention_days: u16,
}

impl Shape {
    fn settings(&self) -> TopicSettings {
        TopicSettings {
            partitions: self.partitions.into(),
            retention_ms: i64::from(self.retention_days) * 24 * 3_600 * 1_000,
        }
    }
}

pub(super) fn run(action: &TopicsAction, settings: &Settings) -> ExitCode {
    let Some(config) = settings.kafka() else {
        return fail(
            "no Kafka is named: set KAFKA_BROKERS, or --kafka-brokers host:port",
            CANNOT,
        );
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(failure) => return fail(&format!("the runtime does not start: {failure}"), CANNOT),
    };
    let applies = matches!(action, TopicsAction::Apply(_));
    let (TopicsAction::Apply(shape) | TopicsAction::Check(shape)) = action;
    let done = runtime.block_on(async {
        // A task of the runtime, where waiting for the client library holds up nobody.
        let settings = shape.settings();
        let acting = tokio::spawn(async move {
            let topics = Topics::new(&config, settings)?;
            if applies {
                topics.apply().await
            } else {
                Ok((Vec::new(), topics.check().await?))
            }
        });
        acting.await.expect("looking at topics does not panic")
    });
    match done {
        Ok((done, remains)) => {
            out(&as_text(&done, &remains));
            ExitCode::from(if remains.is_empty() { 0 } else { DIFFERS })
        }
        Err(failure) => fail(&failure.to_string(), CANNOT),
    }
}

fn as_text(done: &[TopicDifference], remains: &[TopicDifference]) -> String {
    let done = done.iter().map(|difference| {
        let TopicDifference {
            topic,
            what,
            expected,
            ..
        } = difference;
        if what == "topic" {
            format!("{topic}: made\n")
        } else {
            format!("{topic}: {what} set to {expected}\n")
        }
    });
    let remaining = remains.iter().map(|difference| format!("{difference}\n"));
    let mut text: String = done.chain(remaining).collect();
    if remains.is_empty() {
        text.push_str("the topics are as they should be\n");
    }
    text
}
