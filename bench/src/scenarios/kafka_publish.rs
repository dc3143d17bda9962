//! The bridge to Kafka beside a shop in this process, and how long each event takes until the brokers have it: from its
//! decision to the acknowledgement of its last topic, the commit included.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use fritzy_actors::Shop;
use fritzy_domain::Position;
use fritzy_kafka::{KafkaBridge, KafkaBridgeConfig, TopicSettings, Topics};
use fritzy_persistence::Stores;
use fritzy_projections::{
    Ack, Begin, ProjectedEvent, Projection, ProjectionError, ProjectionStart, ProjectionStatus,
    Projections,
};
use fritzy_types::ShardId;
use hdrhistogram::Histogram;
use prometheus_client::registry::Registry;

use crate::BenchError;
use crate::load::{Outcome, SharedRecorder, Turn, Window};

/// As `fritzy topics apply` makes them.
const TOPIC_SETTINGS: TopicSettings = TopicSettings {
    partitions: 12,
    retention_ms: 7 * 24 * 3_600 * 1_000,
};
/// After the load, for what is under way to arrive.
const ARRIVE_MAX: Duration = Duration::from_secs(30);
/// Lags are kept in microseconds, up to an hour.
const LAG_US_MAX: u64 = 3_600 * 1_000_000;

/// A running bridge.
pub(super) struct Bridged {
    projections: Projections,
    lags: Arc<Mutex<Lags>>,
    brokers: String,
}

impl Bridged {
    /// Makes the topics that are missing, and starts a bridge.
    pub(super) async fn start(
        brokers: &str,
        shop: &Shop,
        stores: &Stores,
        begin: Begin,
    ) -> Result<Self, BenchError> {
        let config = config(brokers, begin);
        make_topics(brokers).await?;
        let lags = Arc::default();
        let timed = Timed {
            bridges: KafkaBridge::new(config).map_err(|refused| kafka(&refused))?,
            lags: Arc::clone(&lags),
        };
        let mut registry = Registry::default();
        let started = Projections::start(
            vec![Arc::new(timed)],
            shop.leases(),
            &stores.journal,
            &stores.cursors,
            &mut registry,
        );
        Ok(Self {
            projections: started.await.map_err(|failure| kafka(&failure))?,
            lags,
            brokers: brokers.to_owned(),
        })
    }

    pub(super) fn status(&self) -> ProjectionStatus {
        let (_, status) = self.projections.status().next().expect("there is one");
        status
    }

    /// Has the events count that are decided within this time.
    pub(super) fn measure(&self, window: &Window) {
        let from = SystemTime::now() + (window.measured_from - Instant::now());
        let mut lags = self.lags.lock().unwrap_or_else(PoisonError::into_inner);
        lags.counts = Some((from, from + (window.measured_to - window.measured_from)));
    }

    /// Takes down each event in this recorder.
    pub(super) fn record(&self, recorder: SharedRecorder) {
        let mut lags = self.lags.lock().unwrap_or_else(PoisonError::into_inner);
        lags.recorder = Some(recorder);
    }

    /// Waits for what is under way, and tells the lags.
    pub(super) async fn figures(&self) -> Result<BTreeMap<&'static str, f64>, BenchError> {
        let began = Instant::now();
        while self.status().lag_events > 0 && began.elapsed() < ARRIVE_MAX {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let lags = self.lags.lock().unwrap_or_else(PoisonError::into_inner);
        let quantile = |quantile: f64| lags.us.value_at_quantile(quantile) as f64;
        Ok(BTreeMap::from([
            ("published_count", lags.us.len() as f64),
            ("publish_lag_p50_us", quantile(0.5)),
            ("publish_lag_p99_us", quantile(0.99)),
            ("publish_lag_max_us", quantile(1.0)),
        ]))
    }

    /// Messages that ever came to the topics, by the brokers' own count.
    pub(super) fn messages(&self) -> Result<u64, BenchError> {
        let topics = Topics::new(&config(&self.brokers, Begin::Now), TOPIC_SETTINGS);
        let counts = topics.and_then(|topics| topics.message_counts());
        let counts = counts.map_err(|refused| kafka(&refused))?;
        Ok(counts.into_iter().map(|(_, count)| count).sum())
    }

    pub(super) async fn stop(self) {
        self.projections.stop().await;
    }
}

fn config(brokers: &str, begin: Begin) -> KafkaBridgeConfig {
    KafkaBridgeConfig {
        brokers: brokers.to_owned(),
        properties: BTreeMap::new(),
        begin,
    }
}

/// Makes the topics that are missing.
pub(super) async fn make_topics(brokers: &str) -> Result<(), BenchError> {
    let config = config(brokers, Begin::Start);
    let topics = Topics::new(&config, TOPIC_SETTINGS).map_err(|refused| kafka(&refused))?;
    topics.apply().await.map_err(|refused| kafka(&refused))?;
    Ok(())
}

pub(super) fn kafka(failure: &dyn std::error::Error) -> BenchError {
    BenchError::Preparing {
        what: "publishing to --kafka",
        reason: failure.to_string(),
    }
}

/// How long events took.
struct Lags {
    us: Histogram<u64>,
    /// Events decided between these count.
    counts: Option<(SystemTime, SystemTime)>,
    /// Takes down each event as a request, from when it was handed over to when it was acknowledged.
    recorder: Option<SharedRecorder>,
}

impl Default for Lags {
    fn default() -> Self {
        Self {
            us: Histogram::new_with_bounds(1, LAG_US_MAX, 3).expect("within what one can have"),
            counts: None,
            recorder: None,
        }
    }
}

/// Bridges that are timed from outside.
struct Timed {
    bridges: KafkaBridge,
    lags: Arc<Mutex<Lags>>,
}

struct TimedBridge {
    bridge: Box<dyn Projection>,
    /// Of each shard, what is under way and when it was decided.
    under_way: HashMap<ShardId, VecDeque<UnderWay>>,
    lags: Arc<Mutex<Lags>>,
}

struct UnderWay {
    position: Position,
    decided: SystemTime,
    taken: Instant,
}

#[async_trait]
impl ProjectionStart for Timed {
    fn name(&self) -> &'static str {
        self.bridges.name()
    }

    fn begin(&self) -> Begin {
        self.bridges.begin()
    }

    async fn start(&self) -> Result<Box<dyn Projection>, ProjectionError> {
        Ok(Box::new(TimedBridge {
            bridge: self.bridges.start().await?,
            under_way: HashMap::new(),
            lags: self.lags.clone(),
        }))
    }
}

#[async_trait]
impl Projection for TimedBridge {
    async fn take(&mut self, event: ProjectedEvent<'_>) -> Result<(), ProjectionError> {
        let micros = u64::try_from(event.event.at().as_micros()).unwrap_or_default();
        let decided = SystemTime::UNIX_EPOCH + Duration::from_micros(micros);
        let under_way = self.under_way.entry(event.shard).or_default();
        under_way.push_back(UnderWay {
            position: event.position,
            decided,
            taken: Instant::now(),
        });
        self.bridge.take(event).await
    }

    async fn done(&mut self) -> Result<Ack, ProjectionError> {
        let done = self.bridge.done().await?;
        if let Ack::UpTo(shard, position) = done
            && let Some(under_way) = self.under_way.get_mut(&shard)
        {
            let (now, ended) = (SystemTime::now(), Instant::now());
            let mut lags = self.lags.lock().unwrap_or_else(PoisonError::into_inner);
            while let Some(event) = under_way.pop_front_if(|event| event.position <= position) {
                let UnderWay { decided, taken, .. } = event;
                if let Some(recorder) = &lags.recorder {
                    let turn = Turn {
                        intended: taken,
                        sent: taken,
                    };
                    let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
                    recorder.record(turn, Outcome::Accepted, ended);
                }
                let counts = lags.counts;
                if counts.is_some_and(|(from, to)| (from..to).contains(&decided)) {
                    let lag = now.duration_since(decided).unwrap_or_default();
                    let lag_us = u64::try_from(lag.as_micros()).unwrap_or(u64::MAX);
                    lags.us.saturating_record(lag_us.max(1));
                }
            }
        }
        Ok(done)
    }

    fn forget(&mut self, shard: ShardId) {
        self.under_way.remove(&shard);
        self.bridge.forget(shard);
    }
}
