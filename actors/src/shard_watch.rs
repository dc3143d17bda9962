//! Watches the shards of this node: one that does not answer is named, refused at once and counted,
//! and costs the others nothing.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use fritzy_types::{Failure, ShardId};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

use crate::messages::ShardMessage;
use crate::pulse::Pulse;
use crate::shell::root::RunningShards;

/// Between two rounds of questions.
const ASK_INTERVAL: Duration = Duration::from_secs(2);
/// Rounds in which the same question waits: then the shard does not respond. Its actor only decides
/// and passes on, which takes microseconds, and a full mailbox some milliseconds. Rounds and not
/// time: while the process is stopped, nothing can answer.
const ROUNDS_MAX: u32 = 5;

/// The counts of shards that do not respond. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShardWatch {
    unresponsive: Gauge,
    refused: Counter,
}

impl ShardWatch {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Shards of this node whose actor does not respond";
        registry.register("shards_unresponsive", help, self.unresponsive.clone());
        let help = "Requests refused because their shard does not respond";
        registry.register("unresponsive_refusals", help, self.refused.clone());
    }

    /// Refuses a request to a shard that does not respond.
    pub(crate) fn check(&self, shard: ShardId, pulse: &Pulse) -> Result<(), Failure> {
        if !pulse.is_unresponsive() {
            return Ok(());
        }
        self.refused.inc();
        Err(Failure::Unavailable(format!(
            "shard {shard} does not respond on its node"
        )))
    }

    /// Asks every running shard at intervals, for ever.
    pub(crate) async fn watch(self, running: RunningShards) {
        let mut interval = interval(ASK_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut waiting: HashMap<ShardId, u32> = HashMap::new();
        let mut reported = HashSet::new();
        loop {
            interval.tick().await;
            let mut unresponsive = HashSet::new();
            for (shard, running) in running.read().expect("no writer panics").iter() {
                if running.pulse.ask() {
                    waiting.remove(shard);
                    // A shard that is being restarted gets another pulse.
                    drop(running.actor.send_message(ShardMessage::Ping));
                    continue;
                }
                let rounds = waiting.entry(*shard).or_default();
                *rounds += 1;
                if *rounds >= ROUNDS_MAX {
                    running.pulse.give_up();
                    unresponsive.insert(*shard);
                }
            }
            for shard in unresponsive.difference(&reported) {
                error!(%shard, "a shard does not respond; its requests are refused, other shards continue");
            }
            for shard in reported.difference(&unresponsive) {
                info!(%shard, "a shard responds again, or was released");
            }
            let count = i64::try_from(unresponsive.len()).unwrap_or(i64::MAX);
            self.unresponsive.set(count);
            reported = unresponsive;
        }
    }
}
