//! The topics on the brokers: created where they are missing, and compared with the required
//! settings.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigResource, ConfigSource, NewTopic,
    OwnedResourceSpecifier, ResourceSpecifier, TopicReplication,
};
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer};
use tokio::time::sleep;

use crate::KafkaBridgeConfig;
use crate::client::{ClientErrors, client_config};
use crate::factory::KafkaSettingsError;
use crate::topic_names::{BINDING_TOPIC, TopicNames};
use crate::topic_settings::{ExistingTopic, TopicDifference, TopicSettings, replicas};

/// For any broker to respond.
const RESPONSE_MAX: Duration = Duration::from_secs(10);
/// For an operation: when a broker has just died, others take over after some ten seconds.
const OPERATION_MAX: Duration = Duration::from_secs(30);
/// For one attempt. A client sends it to the broker that it knows as the controller, and waits for
/// that one even if it has just died. A new client learns the new controller.
const ATTEMPT_MAX: Duration = Duration::from_secs(6);
/// For the client's error callback after a request has failed.
const ERROR_POLL_MAX: Duration = Duration::from_millis(50);
/// Interval at which changes are read back.
const READ_BACK_INTERVAL: Duration = Duration::from_millis(200);

/// Topics could not be read or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TopicsError(String);

fn failed(error: impl fmt::Display) -> TopicsError {
    TopicsError(error.to_string())
}

/// The topics of one Kafka cluster.
pub struct Topics {
    client: ClientConfig,
    /// Sends the requests that an admin client does not offer, and receives errors.
    producer: BaseProducer<ClientErrors>,
    errors: ClientErrors,
    names: TopicNames,
    settings: TopicSettings,
}

/// A topic as it exists.
struct Layout {
    topic: &'static str,
    /// Its name on the brokers.
    full: String,
    partitions: usize,
    /// Of each partition, at least.
    replicas: usize,
}

impl Topics {
    /// The topics of the cluster that the configuration names. Nothing is connected yet.
    ///
    /// # Errors
    /// When the client library rejects the configuration.
    pub fn new(config: &KafkaBridgeConfig, settings: TopicSettings) -> Result<Self, TopicsError> {
        let errors = ClientErrors::default();
        let rejected = |error| failed(KafkaSettingsError::from(error));
        let client = client_config(config);
        let producer = client.create_with_context(errors.clone());
        Ok(Self {
            producer: producer.map_err(rejected)?,
            client,
            errors,
            names: TopicNames::new(&config.topic_prefix),
            settings,
        })
    }

    /// Performs an idempotent operation, with a new client for each attempt. An attempt that has
    /// timed out may still take effect.
    async fn administer<T, F>(
        &self,
        perform: impl Fn(AdminClient<ClientErrors>, AdminOptions) -> F,
    ) -> Result<T, TopicsError>
    where
        F: Future<Output = Result<T, KafkaError>>,
    {
        let began = Instant::now();
        loop {
            let admin = self.client.create_with_context(self.errors.clone());
            let options = AdminOptions::new()
                .request_timeout(Some(ATTEMPT_MAX))
                .operation_timeout(Some(OPERATION_MAX));
            match perform(admin.map_err(failed)?, options).await {
                Err(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut))
                    if began.elapsed() < OPERATION_MAX => {}
                done => return done.map_err(failed),
            }
        }
    }

    /// The differences between the topics and their required settings.
    ///
    /// # Errors
    /// When no broker responds, or the brokers reject a request.
    pub async fn check(&self) -> Result<Vec<TopicDifference>, TopicsError> {
        let (brokers, existing) = self.describe().await?;
        Ok(self.settings.differences(brokers, &self.names, &existing))
    }

    /// Creates missing topics and corrects settings. Returns the differences that were corrected,
    /// and those that remain.
    ///
    /// # Errors
    /// When no broker responds, or the brokers reject a change. Other changes may have been made.
    pub async fn apply(&self) -> Result<(Vec<TopicDifference>, Vec<TopicDifference>), TopicsError> {
        let (brokers, existing) = self.describe().await?;
        let before = self.settings.differences(brokers, &self.names, &existing);
        self.create_missing(brokers, &existing).await?;
        for (topic, existing) in &existing {
            let differences = before
                .iter()
                .filter(|difference| difference.topic == *topic && difference.correctable);
            let differences: Vec<&TopicDifference> = differences.collect();
            if !differences.is_empty() {
                self.alter(topic, existing, &differences).await?;
            }
        }
        let corrected = before
            .into_iter()
            .filter(|difference| difference.correctable);
        let corrected = corrected.collect();
        Ok((corrected, self.remaining().await?))
    }

    /// Deletes all topics, for measurements that have made their own.
    ///
    /// # Errors
    /// When no broker responds, or the brokers reject the deletion of a topic that exists.
    pub async fn delete(&self) -> Result<(), TopicsError> {
        let names: Vec<&str> = self.names.all().map(|(_, full)| full).collect();
        let names = &names;
        let delete = |admin: AdminClient<_>, options| async move {
            admin.delete_topics(names, &options).await
        };
        for deleted in self.administer(delete).await? {
            match deleted {
                Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
                Err((topic, code)) => {
                    return Err(failed(format!("{topic} was not deleted: {code}")));
                }
            }
        }
        Ok(())
    }

    async fn create_missing(
        &self,
        brokers: usize,
        existing: &HashMap<String, ExistingTopic>,
    ) -> Result<(), TopicsError> {
        let copies = replicas(brokers);
        let missing = self
            .names
            .all()
            .filter(|(_, full)| !existing.contains_key(*full));
        let missing: Vec<_> = missing
            .map(|(topic, full)| (topic, full, self.settings.required(topic, copies)))
            .collect();
        let missing: Vec<NewTopic<'_>> = missing
            .iter()
            .map(|(topic, full, required)| {
                let replication = TopicReplication::Fixed(i32::try_from(copies).unwrap_or(1));
                let partitions = self.settings.partitions_of(topic);
                let new = NewTopic::new(full, partitions, replication);
                required
                    .iter()
                    .fold(new, |new, (name, value)| new.set(name, value))
            })
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let missing = &missing;
        let create = |admin: AdminClient<_>, options| async move {
            admin.create_topics(missing, &options).await
        };
        for created in self.administer(create).await? {
            match created {
                // By an attempt that has timed out, or by another node.
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => {
                    return Err(failed(format!("{topic} was not created: {code}")));
                }
            }
        }
        Ok(())
    }

    async fn alter(
        &self,
        topic: &str,
        existing: &ExistingTopic,
        differences: &[&TopicDifference],
    ) -> Result<(), TopicsError> {
        let mut config = AlterConfig::new(ResourceSpecifier::Topic(topic));
        for (name, value) in &existing.overrides {
            if !differences
                .iter()
                .any(|difference| difference.what == *name)
            {
                config = config.set(name, value);
            }
        }
        for difference in differences {
            config = config.set(&difference.what, &difference.expected);
        }
        let config = &config;
        let alter = |admin: AdminClient<_>, options| async move {
            admin.alter_configs([config], &options).await
        };
        for altered in self.administer(alter).await? {
            altered.map_err(|(_, code)| failed(format!("{topic} was not altered: {code}")))?;
        }
        Ok(())
    }

    /// The differences that remain. A broker reports a change only some milliseconds after it was
    /// made.
    async fn remaining(&self) -> Result<Vec<TopicDifference>, TopicsError> {
        let began = Instant::now();
        loop {
            let remaining = self.check().await?;
            let is_settled = !remaining.iter().any(|difference| difference.correctable);
            if is_settled || began.elapsed() >= RESPONSE_MAX {
                return Ok(remaining);
            }
            sleep(READ_BACK_INTERVAL).await;
        }
    }

    /// The number of messages ever written to each existing topic of events, by the brokers'
    /// offsets. Blocks the thread: not to be called on an asynchronous task.
    ///
    /// # Errors
    /// When no broker responds, or a partition has no leader.
    pub fn message_counts(&self) -> Result<Vec<(&'static str, u64)>, TopicsError> {
        let (_, layouts) = self.layouts()?;
        let mut counts = Vec::new();
        let of_events = layouts
            .iter()
            .filter(|layout| layout.topic != BINDING_TOPIC);
        for layout in of_events {
            let mut count = 0;
            for partition in 0..i32::try_from(layout.partitions).unwrap_or(i32::MAX) {
                let client = self.producer.client();
                let watermarks = client.fetch_watermarks(&layout.full, partition, RESPONSE_MAX);
                let (_, end) = watermarks.map_err(failed)?;
                count += u64::try_from(end).unwrap_or_default();
            }
            counts.push((layout.topic, count));
        }
        Ok(counts)
    }

    /// The number of brokers, and those of our topics that exist.
    async fn describe(&self) -> Result<(usize, HashMap<String, ExistingTopic>), TopicsError> {
        let (brokers, layouts) = tokio::task::block_in_place(|| self.layouts())?;
        let resources = layouts
            .iter()
            .map(|layout| ResourceSpecifier::Topic(&layout.full));
        let resources: Vec<ResourceSpecifier<'_>> = resources.collect();
        let mut configs = HashMap::new();
        if !resources.is_empty() {
            let resources = &resources;
            let describe = |admin: AdminClient<_>, options| async move {
                admin.describe_configs(resources, &options).await
            };
            for described in self.administer(describe).await? {
                let described = described.map_err(|code| {
                    failed(format!("the settings of a topic cannot be read: {code}"))
                })?;
                if let OwnedResourceSpecifier::Topic(name) = &described.specifier {
                    configs.insert(name.clone(), described);
                }
            }
        }
        let existing = layouts.into_iter().map(|layout| {
            let config = configs.get(&layout.full);
            let existing = ExistingTopic {
                partitions: layout.partitions,
                replicas: layout.replicas,
                config: config.map(all_settings).unwrap_or_default(),
                overrides: config.map(overridden_settings).unwrap_or_default(),
            };
            (layout.full, existing)
        });
        Ok((brokers, existing.collect()))
    }

    /// The number of brokers, and the layout of those of our topics that exist.
    fn layouts(&self) -> Result<(usize, Vec<Layout>), TopicsError> {
        let metadata = self.producer.client().fetch_metadata(None, RESPONSE_MAX);
        let metadata = metadata.map_err(|error| {
            // The library calls back only while it is polled.
            self.producer.poll(ERROR_POLL_MAX);
            failed(self.errors.no_response(&error))
        })?;
        let layouts = self.names.all().filter_map(|(topic, full)| {
            let found = metadata
                .topics()
                .iter()
                .find(|found| found.name() == full)?;
            let partitions = found.partitions();
            let replicas = partitions
                .iter()
                .map(|partition| partition.replicas().len());
            Some(Layout {
                topic,
                full: full.to_owned(),
                partitions: partitions.len(),
                replicas: replicas.min().unwrap_or_default(),
            })
        });
        Ok((metadata.brokers().len(), layouts.collect()))
    }
}

fn all_settings(described: &ConfigResource) -> HashMap<String, String> {
    let entries = described.entries.iter();
    let settings = entries.filter_map(|entry| Some((entry.name.clone(), entry.value.clone()?)));
    settings.collect()
}

/// The settings that were made for the topic itself.
fn overridden_settings(described: &ConfigResource) -> HashMap<String, String> {
    let entries = described.entries.iter();
    let own = entries.filter(|entry| matches!(entry.source, ConfigSource::DynamicTopic));
    let settings = own.filter_map(|entry| Some((entry.name.clone(), entry.value.clone()?)));
    settings.collect()
}
