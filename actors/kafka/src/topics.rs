//! The topics as they must be: made where they are missing, compared where they are there.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigResource, NewTopic, OwnedResourceSpecifier,
    ResourceSpecifier, TopicReplication,
};

use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer};
use tokio::time::sleep;

use crate::KafkaBridgeConfig;
use crate::client::{Complaints, client_config};
use crate::factory::KafkaSettingsError;
use crate::messages::TOPICS;

/// Until some broker answers at all.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Until something is done: when a broker has just died, others take over after some ten seconds.
const ACT_MAX: Duration = Duration::from_secs(30);
/// For one try. A client asks the broker that it is told is in charge, which may be the one that has just died; it waits for
/// that one, and a new client is told another.
const TRY_MAX: Duration = Duration::from_secs(6);
/// For hearing what a client has complained about.
const HEAR_MAX: Duration = Duration::from_millis(50);
/// Between two looks at what was changed.
const SETTLE_EVERY: Duration = Duration::from_millis(200);
/// Copies of each partition where there are enough brokers: one can be lost while another is away.
const COPIES: usize = 3;

/// How topics shall be.
#[derive(Clone, Copy, Debug)]
pub struct TopicSettings {
    /// Partitions of each topic: as many consumers of a group can share the work. Cannot be raised later: the events of
    /// one entity would then be spread over two.
    pub partitions: i32,
    /// How long messages are kept, in milliseconds.
    pub retention_ms: i64,
}

/// Something about a topic that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDifference {
    /// Which topic.
    pub topic: &'static str,
    /// What of it: `topic` itself, `partitions`, `copies`, or the name of a setting.
    pub what: String,
    /// What was found.
    pub found: String,
    /// What should be there.
    pub expected: String,
    /// Whether `apply` mends it.
    pub mendable: bool,
}

impl fmt::Display for TopicDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            topic,
            what,
            found,
            expected,
            ..
        } = self;
        write!(f, "{topic}: {what} is {found}, should be {expected}")
    }
}

/// Why topics could not be looked at or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TopicsError(String);

fn refused(failure: impl fmt::Display) -> TopicsError {
    TopicsError(failure.to_string())
}

/// The topics of one Kafka.
pub struct Topics {
    client: ClientConfig,
    /// Asks what administrators' clients cannot, and hears why nobody answers.
    asker: BaseProducer<Complaints>,
    complaints: Complaints,
    settings: TopicSettings,
}

/// A topic's name, partitions, and copies of each.
type Layout = (&'static str, usize, usize);

/// A topic as it is.
struct Found {
    partitions: usize,
    copies: usize,
    config: HashMap<String, String>,
    /// What somebody has set, which changing one setting would take back otherwise.
    set: HashMap<String, String>,
}

impl Topics {
    /// Those of the Kafka that the configuration names.
    ///
    /// # Errors
    /// [`TopicsError`]
    pub fn new(config: &KafkaBridgeConfig, settings: TopicSettings) -> Result<Self, TopicsError> {
        let complaints = Complaints::default();
        let bad = |failure| refused(KafkaSettingsError::from(failure));
        let client = client_config(config);
        let asker = client.create_with_context(complaints.clone());
        Ok(Self {
            asker: asker.map_err(bad)?,
            client,
            complaints,
            settings,
        })
    }

    /// Does what can be done twice: what a try has asked for goes on when nobody waits for it any more.
    async fn administer<T, F>(
        &self,
        act: impl Fn(AdminClient<Complaints>, AdminOptions) -> F,
    ) -> Result<T, TopicsError>
    where
        F: Future<Output = Result<T, KafkaError>>,
    {
        let began = Instant::now();
        loop {
            let admin = self.client.create_with_context(self.complaints.clone());
            let options = AdminOptions::new()
                .request_timeout(Some(TRY_MAX))
                .operation_timeout(Some(ACT_MAX));
            match act(admin.map_err(refused)?, options).await {
                Err(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut))
                    if began.elapsed() < ACT_MAX => {}
                done => return done.map_err(refused),
            }
        }
    }

    /// What is not as it should be.
    ///
    /// # Errors
    /// [`TopicsError`]
    pub async fn check(&self) -> Result<Vec<TopicDifference>, TopicsError> {
        let (brokers, found) = self.look().await?;
        Ok(self.differences(brokers, &found))
    }

    /// Makes what is missing and sets what differs; answers what was done, and what remains.
    ///
    /// # Errors
    /// [`TopicsError`]; some of it may have been done then.
    pub async fn apply(&self) -> Result<(Vec<TopicDifference>, Vec<TopicDifference>), TopicsError> {
        let (brokers, found) = self.look().await?;
        let before = self.differences(brokers, &found);
        let wanted = self.wanted(copies(brokers));
        let copies = i32::try_from(copies(brokers)).unwrap_or(1);
        let new = TOPICS.iter().filter(|topic| !found.contains_key(**topic));
        let new: Vec<NewTopic<'_>> = new
            .map(|topic| {
                let new = NewTopic::new(
                    topic,
                    self.settings.partitions,
                    TopicReplication::Fixed(copies),
                );
                wanted
                    .iter()
                    .fold(new, |new, (name, value)| new.set(name, value))
            })
            .collect();
        if !new.is_empty() {
            let new = &new;
            let make = |admin: AdminClient<_>, options| async move {
                admin.create_topics(new, &options).await
            };
            for made in self.administer(make).await? {
                match made {
                    // By a try that was not answered, or by another node.
                    Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                    Err((topic, code)) => {
                        return Err(refused(format!("{topic} was not made: {code}")));
                    }
                }
            }
        }
        for (topic, found) in &found {
            let of_it = before
                .iter()
                .filter(|difference| difference.topic == *topic && difference.mendable);
            let of_it: Vec<&TopicDifference> = of_it.collect();
            if of_it.is_empty() {
                continue;
            }
            let mut config = AlterConfig::new(ResourceSpecifier::Topic(topic));
            for (name, value) in &found.set {
                if !of_it.iter().any(|difference| difference.what == *name) {
                    config = config.set(name, value);
                }
            }
            for difference in of_it {
                config = config.set(&difference.what, &difference.expected);
            }
            let config = &config;
            let set = |admin: AdminClient<_>, options| async move {
                admin.alter_configs([config], &options).await
            };
            for set in self.administer(set).await? {
                set.map_err(|(_, code)| refused(format!("{topic} was not set: {code}")))?;
            }
        }
        let done = before.into_iter().filter(|difference| difference.mendable);
        let done = done.collect();
        Ok((done, self.settled().await?))
    }

    /// What remains. A broker tells what it was told just now only after a moment.
    async fn settled(&self) -> Result<Vec<TopicDifference>, TopicsError> {
        let began = Instant::now();
        loop {
            let remains = self.check().await?;
            let is_settled = !remains.iter().any(|difference| difference.mendable);
            if is_settled || began.elapsed() >= ANSWER_MAX {
                return Ok(remains);
            }
            sleep(SETTLE_EVERY).await;
        }
    }

    /// How many messages ever came to each topic that is there, by the brokers' own count. Waits for them: not for a task.
    ///
    /// # Errors
    /// [`TopicsError`]
    pub fn message_counts(&self) -> Result<Vec<(&'static str, u64)>, TopicsError> {
        let (_, there) = self.layout()?;
        let mut counts = Vec::new();
        for (name, partitions, _) in there {
            let mut count = 0;
            for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
                let client = self.asker.client();
                let ends = client.fetch_watermarks(name, partition, ANSWER_MAX);
                let (_, end) = ends.map_err(refused)?;
                count += u64::try_from(end).unwrap_or_default();
            }
            counts.push((name, count));
        }
        Ok(counts)
    }

    /// How many brokers there are, and each of our topics that is there.
    async fn look(&self) -> Result<(usize, HashMap<&'static str, Found>), TopicsError> {
        let (brokers, there) = tokio::task::block_in_place(|| self.layout())?;
        let asked = there
            .iter()
            .map(|(name, ..)| ResourceSpecifier::Topic(name));
        let asked: Vec<ResourceSpecifier<'_>> = asked.collect();
        let mut configs = HashMap::new();
        if !asked.is_empty() {
            let asked = &asked;
            let describe = |admin: AdminClient<_>, options| async move {
                admin.describe_configs(asked, &options).await
            };
            for told in self.administer(describe).await? {
                let told = told.map_err(|code| {
                    refused(format!("a topic does not tell its settings: {code}"))
                })?;
                if let OwnedResourceSpecifier::Topic(name) = &told.specifier {
                    configs.insert(name.clone(), told);
                }
            }
        }
        let found = there.into_iter().map(|(name, partitions, copies)| {
            let config = configs.get(name);
            let found = Found {
                partitions,
                copies,
                config: config.map(|told| values(told, false)).unwrap_or_default(),
                set: config.map(|told| values(told, true)).unwrap_or_default(),
            };
            (name, found)
        });
        Ok((brokers, found.collect()))
    }

    /// How many brokers there are, and of each of our topics that is there, its partitions and copies.
    fn layout(&self) -> Result<(usize, Vec<Layout>), TopicsError> {
        let metadata = self.asker.client().fetch_metadata(None, ANSWER_MAX);
        let metadata = metadata.map_err(|failure| {
            // Complaints are heard when they are asked for.
            self.asker.poll(HEAR_MAX);
            refused(self.complaints.no_answer(&failure))
        })?;
        let there = TOPICS.into_iter().filter_map(|name| {
            let topic = metadata
                .topics()
                .iter()
                .find(|topic| topic.name() == name)?;
            let partitions = topic.partitions();
            let copies = partitions
                .iter()
                .map(|partition| partition.replicas().len());
            Some((name, partitions.len(), copies.min().unwrap_or_default()))
        });
        Ok((metadata.brokers().len(), there.collect()))
    }

    /// The settings of a topic of so many copies.
    fn wanted(&self, copies: usize) -> [(&'static str, String); 6] {
        // Of fewer, one that is away would keep anything from being written.
        let in_sync = if copies >= COPIES { 2 } else { 1 };
        [
            // Compaction would take events away that nobody has read.
            ("cleanup.policy", "delete".to_owned()),
            ("min.insync.replicas", in_sync.to_string()),
            ("retention.ms", self.settings.retention_ms.to_string()),
            ("max.message.bytes", "1048588".to_owned()),
            // Neither takes events away before their time.
            ("retention.bytes", "-1".to_owned()),
            ("unclean.leader.election.enable", "false".to_owned()),
        ]
    }

    fn differences(
        &self,
        brokers: usize,
        found: &HashMap<&'static str, Found>,
    ) -> Vec<TopicDifference> {
        let mut differences = Vec::new();
        for topic in TOPICS {
            let mut differs = |what: &str, found: String, expected: String, mendable| {
                differences.push(TopicDifference {
                    topic,
                    what: what.to_owned(),
                    found,
                    expected,
                    mendable,
                });
            };
            let Some(found) = found.get(topic) else {
                differs("topic", "missing".into(), "there".into(), true);
                continue;
            };
            let partitions = usize::try_from(self.settings.partitions).unwrap_or_default();
            if found.partitions != partitions {
                differs(
                    "partitions",
                    found.partitions.to_string(),
                    partitions.to_string(),
                    false,
                );
            }
            if found.copies < copies(brokers) {
                differs(
                    "copies",
                    found.copies.to_string(),
                    copies(brokers).to_string(),
                    false,
                );
            }
            for (name, expected) in self.wanted(found.copies) {
                let value = found.config.get(name).cloned().unwrap_or_default();
                if value != expected && !is_more(name, &value, &expected) {
                    differs(name, value, expected, true);
                }
            }
        }
        differences
    }
}

/// Whether a setting is beyond what it must be at least; whoever has chosen that means it.
fn is_more(name: &str, value: &str, expected: &str) -> bool {
    let at_least = ["min.insync.replicas", "retention.ms", "max.message.bytes"];
    let number = |text: &str| match text.parse::<i64>() {
        // For ever.
        Ok(-1) => Some(i64::MAX),
        other => other.ok(),
    };
    at_least.contains(&name) && number(value) > number(expected)
}

fn copies(brokers: usize) -> usize {
    brokers.clamp(1, COPIES)
}

/// The settings of a topic; only those that were set for it, if that is asked for.
fn values(told: &ConfigResource, only_set: bool) -> HashMap<String, String> {
    let entries = told.entries.iter();
    let entries = entries.filter(|entry| {
        let own = matches!(entry.source, rdkafka::admin::ConfigSource::DynamicTopic);
        !only_set || own
    });
    entries
        .filter_map(|entry| Some((entry.name.clone(), entry.value.clone()?)))
        .collect()
}
