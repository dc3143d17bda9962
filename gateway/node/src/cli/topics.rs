//! `fritzy topics`: creates and checks the Kafka topics.

use std::process::ExitCode;

use clap::Subcommand;
use fritzy_kafka::{TopicDifference, TopicSettings, Topics};

use super::output::{fail, out};
use crate::settings::Settings;

/// Exit code when differences remain.
const DIFFERS: u8 = 1;
/// Exit code when Kafka is unreachable.
const CANNOT: u8 = 2;

#[derive(Subcommand)]
pub(super) enum TopicsAction {
    /// Create missing topics and change differing settings; exit code 0: as required, 1:
    /// differences remain that cannot be changed in a topic with messages, 2: Kafka is unreachable
    ///
    /// With three or more brokers, a partition has three replicas, of which two must be in sync.
    Apply(Shape),
    /// Compare the topics with the required settings; exit code 0: as required, 1: they differ, 2:
    /// Kafka is unreachable
    Check(Shape),
}

#[derive(clap::Args)]
pub(super) struct Shape {
    /// Partitions of each topic. Fixed once there are events: otherwise events of one account,
    /// product or order would be in two partitions, out of order
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
            "no Kafka brokers: set KAFKA_BROKERS or --kafka-brokers host:port",
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
        // A task of its own, where the client library may block.
        let settings = shape.settings();
        let acting = tokio::spawn(async move {
            let topics = Topics::new(&config, settings)?;
            if applies {
                topics.apply().await
            } else {
                Ok((Vec::new(), topics.check().await?))
            }
        });
        acting.await.expect("comparing topics does not panic")
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
            format!("{topic}: created\n")
        } else {
            format!("{topic}: {what} set to {expected}\n")
        }
    });
    let remaining = remains.iter().map(|difference| {
        let remedy = difference.remedy();
        let remedy = remedy.map(|remedy| format!("  {remedy}\n"));
        format!("{difference}\n{}", remedy.unwrap_or_default())
    });
    let mut text: String = done.chain(remaining).collect();
    if remains.is_empty() {
        text.push_str("all topics are as required\n");
    }
    text
}
