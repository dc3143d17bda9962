//! The Kafka bridge of a shop in this process, and the publish lag of each event: the time from its
//! decision to the acknowledgement of its last topic, commit included.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use fritzy_actors::Shop;
use fritzy_domain::{Generations, Position};
use fritzy_kafka::KafkaBridge;
use fritzy_persistence::Stores;
use fritzy_projections::{
    Ack, Begin, ProjectedEvent, Projection, ProjectionError, ProjectionStart, ProjectionStatus,
    Projections,
};
use fritzy_types::ShardId;
use hdrhistogram::Histogram;
use prometheus_client::registry::Registry;

use super::bench_topics::{BenchTopics, kafka};
use crate::BenchError;
use crate::load::{Outcome, SharedRecorder, Turn, Window};

/// The time limit for events in flight after the load.
const DRAIN_MAX: Duration = Duration::from_secs(30);
/// Lags are recorded in microseconds, up to an hour.
const LAG_US_MAX: u64 = 3_600 * 1_000_000;

pub(super) struct KafkaPublisher {
    projections: Projections,
    lags: Arc<Mutex<Lags>>,
    topics: BenchTopics,
}

impl KafkaPublisher {
    /// Creates topics and starts a bridge.
    pub(super) async fn start(
        brokers: &str,
        shop: &Shop,
        stores: &Stores,
        begin: Begin,
    ) -> Result<Self, BenchError> {
        let topics = BenchTopics::create(brokers).await?;
        let lags = Arc::default();
        let timed = TimedProjectionStart {
            bridges: KafkaBridge::new(topics.config(begin), stores.topic_bindings.clone()),
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
            topics,
        })
    }

    pub(super) fn status(&self) -> ProjectionStatus {
        let (_, status) = self
            .projections
            .status()
            .next()
            .expect("one projection is started");
        status
    }

    /// Counts the events that are decided within this window.
    pub(super) fn measure(&self, window: &Window) {
        let from = SystemTime::now() + (window.measured_from - Instant::now());
        let mut lags = self.lags.lock().unwrap_or_else(PoisonError::into_inner);
        lags.counts = Some((from, from + (window.measured_to - window.measured_from)));
    }

    /// Records each event in this recorder.
    pub(super) fn record(&self, recorder: SharedRecorder) {
        let mut lags = self.lags.lock().unwrap_or_else(PoisonError::into_inner);
        lags.recorder = Some(recorder);
    }

    /// Waits for events in flight, and returns the lags.
    pub(super) async fn figures(&self) -> Result<BTreeMap<&'static str, f64>, BenchError> {
        let began = Instant::now();
        while self.status().lag_events > 0 && began.elapsed() < DRAIN_MAX {
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

    /// Messages ever written to the topics, by the brokers' count.
    pub(super) fn messages(&self) -> Result<u64, BenchError> {
        self.topics.messages()
    }

    /// Stops the bridge, and deletes its topics.
    pub(super) async fn stop(self) -> Result<(), BenchError> {
        self.projections.stop().await;
        self.topics.delete().await
    }
}

struct Lags {
    us: Histogram<u64>,
    /// Only events decided between these times count.
    counts: Option<(SystemTime, SystemTime)>,
    /// Records each event as a request, from its delivery to the projection until its
    /// acknowledgement.
    recorder: Option<SharedRecorder>,
}

impl Default for Lags {
    fn default() -> Self {
        Self {
            us: Histogram::new_with_bounds(1, LAG_US_MAX, 3).expect("the bounds are valid"),
            counts: None,
            recorder: None,
        }
    }
}

/// Starts bridges that are timed from outside.
struct TimedProjectionStart {
    bridges: KafkaBridge,
    lags: Arc<Mutex<Lags>>,
}

struct TimedProjection {
    bridge: Box<dyn Projection>,
    /// The events in flight of each shard.
    in_flight: HashMap<ShardId, VecDeque<InFlight>>,
    lags: Arc<Mutex<Lags>>,
}

struct InFlight {
    position: Position,
    decided: SystemTime,
    taken: Instant,
}

#[async_trait]
impl ProjectionStart for TimedProjectionStart {
    fn name(&self) -> &'static str {
        self.bridges.name()
    }

    fn begin(&self) -> Begin {
        self.bridges.begin()
    }

    async fn start(
        &self,
        generations: &Generations,
    ) -> Result<Box<dyn Projection>, ProjectionError> {
        Ok(Box::new(TimedProjection {
            bridge: self.bridges.start(generations).await?,
            in_flight: HashMap::new(),
            lags: self.lags.clone(),
        }))
    }
}

#[async_trait]
impl Projection for TimedProjection {
    async fn take(&mut self, event: ProjectedEvent<'_>) -> Result<(), ProjectionError> {
        let micros = u64::try_from(event.event.at().as_micros()).unwrap_or_default();
        let decided = SystemTime::UNIX_EPOCH + Duration::from_micros(micros);
        let in_flight = self.in_flight.entry(event.shard).or_default();
        in_flight.push_back(InFlight {
            position: event.position,
            decided,
            taken: Instant::now(),
        });
        self.bridge.take(event).await
    }

    async fn next_ack(&mut self) -> Result<Ack, ProjectionError> {
        let done = self.bridge.next_ack().await?;
        if let Ack::UpTo(shard, position) = done
            && let Some(in_flight) = self.in_flight.get_mut(&shard)
        {
            let (now, ended) = (SystemTime::now(), Instant::now());
            let mut lags = self.lags.lock().unwrap_or_else(PoisonError::into_inner);
            while let Some(event) = in_flight.pop_front_if(|event| event.position <= position) {
                let InFlight { decided, taken, .. } = event;
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
        self.in_flight.remove(&shard);
        self.bridge.forget(shard);
    }
}
