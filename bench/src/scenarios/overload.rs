//! `overload`: `place` at a rate far above a node's capacity, and the node's recovery.
//!
//! One run has four parts. A closed loop of bare HTTP measures the capacity of the generator and
//! this machine. A closed loop of `place` over the same connections finds the **knee**: the rate
//! that a busy node accepts without rejections. The measured part uses its own connections: an open
//! loop at three times the knee, but at most half of bare HTTP, so that the generator is not the
//! bottleneck. At its end the closed loop starts again. The report shows the rate at which the node
//! settles beside the knee, and the time until it is that fast.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use async_trait::async_trait;

use super::allowed_settings::Setting;
use super::create_order::CreateOrderScenario;
use super::hello::Hello;
use super::http_system::HttpSystem;
use super::{Conditions, Reach, Scenario, SetUp, SystemUnderTest, VariantSettings};
use crate::BenchError;
use crate::http::fetch;
use crate::load::{Load, Measurement, Plan, Recorder};

/// The offered rate, as a multiple of the knee.
const TIMES_THE_KNEE: f64 = 3.0;
/// The maximum of the offered rate, as a part of bare HTTP.
const OF_BARE_HTTP: f64 = 0.5;
/// The duration of the measurement of bare HTTP.
const HELLO_FOR: Duration = Duration::from_secs(3);
/// The duration of the search for the knee and of the observation of recovery: less with a short
/// overload, but several whole seconds.
const BUSY_FOR: RangeInclusive<Duration> = Duration::from_secs(4)..=Duration::from_secs(10);
/// The first seconds of the observation, in which a node may be slow: they do not count for the
/// settled rate.
const RECOVERING_S: usize = 2;
/// A node has recovered at this part of its settled rate: seconds of a closed loop differ by some
/// percent.
const RECOVERED: f64 = 0.9;

pub(super) struct Overload;

#[async_trait]
impl Scenario for Overload {
    fn name(&self) -> &'static str {
        "overload"
    }

    fn about(&self) -> &'static str {
        "place at three times the node's capacity (or at --rate), and its recovery"
    }

    fn reach(&self) -> Reach {
        Reach::Http
    }

    fn takes(&self) -> &'static [Setting] {
        &[
            Setting::Rate,
            Setting::Connections,
            Setting::KneeConnections,
            Setting::Accounts,
            Setting::Products,
            Setting::Keyed,
            Setting::Store,
            Setting::Postgres,
            Setting::Committers,
            Setting::Node,
            Setting::NodeArg,
        ]
    }

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn SystemUnderTest>, BenchError> {
        let settings = set_up.settings;
        let knee_connections = settings.knee_connections_count.unwrap_or(1);
        let few = VariantSettings {
            connections_count: Some(knee_connections),
            ..settings.clone()
        };
        let with_few = SetUp {
            settings: &few,
            ..*set_up
        };
        let mut hello = Hello.set_up(&with_few).await?;
        let plan = Plan {
            load: Load::Closed {
                in_flight: knee_connections,
            },
            warmup: Duration::from_secs(1),
            duration: HELLO_FOR,
            threads: std::num::NonZeroUsize::MIN,
            cores: set_up.cores,
            seed: set_up.seed,
            repetition: 0,
        };
        let measured = hello.drive(&plan).await;
        let torn_down = hello.tear_down().await;
        let hello_per_s = accepted_per_s(&measured?.recorder);
        torn_down?;
        let node = CreateOrderScenario::on_node(set_up).await?;
        Ok(Box::new(OverloadSystem {
            rate_per_s: settings.rate_per_s,
            hello_per_s,
            connections: node.connections,
            knee_connections,
            node,
        }))
    }
}

struct OverloadSystem {
    /// The rate of `--rate`; otherwise it depends on the knee.
    rate_per_s: Option<f64>,
    hello_per_s: f64,
    /// Connections of the overload.
    connections: usize,
    /// Connections of the closed loops.
    knee_connections: usize,
    node: HttpSystem,
}

#[async_trait]
impl SystemUnderTest for OverloadSystem {
    fn conditions(&self) -> &Conditions {
        self.node.conditions()
    }

    async fn drive(&mut self, plan: &Plan) -> Result<Measurement, BenchError> {
        let busy = Plan {
            load: Load::Closed {
                in_flight: self.knee_connections,
            },
            duration: plan.duration.clamp(*BUSY_FOR.start(), *BUSY_FOR.end()),
            ..*plan
        };
        self.node.connections = self.knee_connections;
        let knee = self.node.drive(&busy).await?;
        let knee_per_s = accepted_per_s(&knee.recorder);
        let before = RejectionTimes::of(self.node.address).await?;
        let most = (TIMES_THE_KNEE * knee_per_s).min(OF_BARE_HTTP * self.hello_per_s);
        let overload = Plan {
            load: Load::Open {
                rate_per_s: self.rate_per_s.unwrap_or(most),
                in_flight_max: self.connections,
            },
            ..*plan
        };
        self.node.connections = self.connections;
        let mut measured = self.node.drive(&overload).await?;
        let rejections = RejectionTimes::of(self.node.address).await?.since(&before);
        let after = Plan {
            warmup: Duration::ZERO,
            ..busy
        };
        self.node.connections = self.knee_connections;
        let after = self.node.drive(&after).await?;
        let pause = after.recorder.window().from - measured.recorder.window().measured_to;
        let seconds = &after.recorder.accepted_by_second;
        // The current capacity: the database has grown since the first closed loop.
        let again_per_s = settled_per_s(seconds);
        measured.extra_figures.extend([
            ("hello_per_s", self.hello_per_s),
            ("knee_per_s", knee_per_s),
            ("knee_again_per_s", again_per_s),
        ]);
        if let Some(p99_s) = rejections.quantile_s(0.99) {
            measured
                .extra_figures
                .insert("node_refusals_p99_us", p99_s * 1e6);
        }
        if let [first, _, ..] = seconds.as_slice() {
            measured
                .extra_figures
                .insert("first_second_again_per_s", *first as f64);
        }
        if let Some(second) = first_second_of(seconds, again_per_s * RECOVERED) {
            let after_s = pause.as_secs_f64() + second as f64;
            measured
                .extra_figures
                .insert("recovered_after_us", after_s * 1e6);
        }
        Ok(measured)
    }

    async fn tear_down(self: Box<Self>) -> Result<(), BenchError> {
        Box::new(self.node).tear_down().await
    }
}

fn accepted_per_s(recorder: &Recorder) -> f64 {
    recorder.accepted_in_window as f64 / recorder.window().seconds()
}

/// The median of the whole seconds after those of recovery; the last second may be incomplete. The
/// mean of the last two would follow the noise of the machine: by it, an undisturbed node seems to
/// recover for 2 s in one of eight observations.
fn settled_per_s(by_second: &[u64]) -> f64 {
    let whole = &by_second[..by_second.len().saturating_sub(1)];
    let mut settled = whole[RECOVERING_S.min(whole.len())..].to_vec();
    settled.sort_unstable();
    let middle = |index: usize| settled.get(index).map_or(0.0, |&accepted| accepted as f64);
    // An even number of seconds has two in the middle.
    (middle(settled.len() / 2) + middle(settled.len().saturating_sub(1) / 2)) / 2.0
}

/// The number of the first whole second at this rate. The last second may be incomplete.
fn first_second_of(by_second: &[u64], rate_per_s: f64) -> Option<usize> {
    let whole = by_second.len().saturating_sub(1);
    by_second[..whole]
        .iter()
        .position(|&accepted| accepted as f64 >= rate_per_s)
}

/// The node's own histogram of the time to reject a request: upper bounds of its buckets in
/// seconds, with cumulative counts.
#[derive(Debug, PartialEq)]
struct RejectionTimes(Vec<(f64, u64)>);

impl RejectionTimes {
    async fn of(node: SocketAddr) -> Result<Self, BenchError> {
        let text = fetch(node, "/metrics").await;
        let text = text.map_err(|reason| BenchError::Preparing {
            what: "reading the node's metrics",
            reason: reason.to_owned(),
        })?;
        Ok(Self::read(&text))
    }

    fn read(text: &str) -> Self {
        let bucket = |line: &str| {
            let rest = line.strip_prefix("fritzy_request_duration_seconds_bucket{le=\"")?;
            let (le, count) = rest.split_once("\",operation=\"refused\"} ")?;
            Some((le.replace("+Inf", "inf").parse().ok()?, count.parse().ok()?))
        };
        Self(text.lines().filter_map(bucket).collect())
    }

    fn since(self, before: &Self) -> Self {
        let earlier = |le: f64| {
            let same = before.0.iter().find(|(other, _)| *other == le);
            same.map_or(0, |(_, count)| *count)
        };
        let counts = self.0.into_iter();
        Self(
            counts
                .map(|(le, count)| (le, count - earlier(le)))
                .collect(),
        )
    }

    /// The upper bound of the quantile's bucket, in seconds. `None` if nothing was rejected.
    fn quantile_s(&self, quantile: f64) -> Option<f64> {
        let (_, all) = *self.0.last().filter(|(_, all)| *all > 0)?;
        let within = |&&(_, count): &&(f64, u64)| count as f64 >= all as f64 * quantile;
        self.0.iter().find(within).map(|(le, _)| *le)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejection_histogram_is_the_difference_of_two_scrapes() {
        let line = |le: &str, operation: &str, count: u64| {
            format!(
                "fritzy_request_duration_seconds_bucket{{le=\"{le}\",operation=\"{operation}\"}} {count}\n"
            )
        };
        let text = |fast: u64, slow: u64| {
            line("0.001", "refused", fast)
                + &line("0.001", "accounts", 7)
                + &line("0.01", "refused", fast + slow)
                + &line("+Inf", "refused", fast + slow)
        };
        let before = RejectionTimes::read(&text(100, 0));
        let later = RejectionTimes::read(&text(198, 1)).since(&before);
        assert_eq!(later.0, [(0.001, 98), (0.01, 99), (f64::INFINITY, 99)]);
        assert_eq!(later.quantile_s(0.98), Some(0.001));
        assert_eq!(later.quantile_s(0.999), Some(0.01));
        assert_eq!(RejectionTimes::read("").quantile_s(0.99), None);
    }

    #[test]
    fn recovery_is_the_first_whole_second_at_full_rate() {
        assert_eq!(first_second_of(&[10, 80, 95, 100, 100], 90.0), Some(2));
        assert_eq!(first_second_of(&[95, 3], 90.0), Some(0));
        assert_eq!(first_second_of(&[10, 80, 99], 90.0), None);
    }

    #[test]
    fn settled_rate_ignores_slow_start_and_outliers() {
        assert_eq!(settled_per_s(&[10, 20, 100, 98, 140, 99, 101, 7]), 100.0);
        assert_eq!(settled_per_s(&[10, 7]), 0.0);
    }
}
