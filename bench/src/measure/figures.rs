//! The figures of a run: each with its name, its unit, and which direction is better.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::load::{Load, Measurement};
use crate::process::{ProcessUsage, Role};

/// One kind of figure.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// The name in reports, with the unit at its end.
    pub name: &'static str,
    /// The name in tables.
    pub label: &'static str,
    /// The unit of its values.
    pub unit: Unit,
    /// Which direction is better.
    pub better: Better,
}

/// The unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A rate per second, such as accepted requests.
    PerSecond,
    /// A duration in microseconds.
    Micros,
    /// An amount of memory in bytes.
    Bytes,
    /// Percent of the machine's CPU time.
    Percent,
    /// A number without unit.
    Count,
}

/// Which direction of a figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Higher values are better.
    Higher,
    /// Lower values are better.
    Lower,
    /// The figure describes a condition.
    Neither,
}

/// Every figure, in the order of tables.
pub const FIGURES: [Figure; 36] = [
    figure("hello_per_s", "bare HTTP", Unit::PerSecond, Better::Neither),
    figure(
        "knee_per_s",
        "knee (accepted when busy)",
        Unit::PerSecond,
        Better::Higher,
    ),
    figure("offered_per_s", "offered", Unit::PerSecond, Better::Neither),
    figure(
        "accepted_per_s",
        "accepted",
        Unit::PerSecond,
        Better::Higher,
    ),
    figure(
        "accepted_p50_us",
        "  latency p50",
        Unit::Micros,
        Better::Lower,
    ),
    figure(
        "accepted_p90_us",
        "  latency p90",
        Unit::Micros,
        Better::Lower,
    ),
    figure(
        "accepted_p99_us",
        "  latency p99",
        Unit::Micros,
        Better::Lower,
    ),
    figure(
        "accepted_p999_us",
        "  latency p99.9",
        Unit::Micros,
        Better::Lower,
    ),
    figure(
        "accepted_max_us",
        "  latency max",
        Unit::Micros,
        Better::Lower,
    ),
    figure(
        "refused_per_s",
        "rejected",
        Unit::PerSecond,
        Better::Neither,
    ),
    figure(
        "refused_p50_us",
        "  latency p50",
        Unit::Micros,
        Better::Lower,
    ),
    figure(
        "refused_p99_us",
        "  latency p99",
        Unit::Micros,
        Better::Lower,
    ),
    figure(
        "refused_max_us",
        "  latency max",
        Unit::Micros,
        Better::Lower,
    ),
    figure(
        "node_refusals_p99_us",
        "  in the node, p99 at most",
        Unit::Micros,
        Better::Lower,
    ),
    figure(
        "knee_again_per_s",
        "knee afterwards",
        Unit::PerSecond,
        Better::Higher,
    ),
    figure(
        "first_second_again_per_s",
        "  its first second",
        Unit::PerSecond,
        Better::Higher,
    ),
    figure(
        "recovered_after_us",
        "recovered after",
        Unit::Micros,
        Better::Lower,
    ),
    figure("lost_count", "lost", Unit::Count, Better::Lower),
    figure(
        "messages_per_s",
        "messages on the brokers",
        Unit::PerSecond,
        Better::Higher,
    ),
    figure(
        "published_count",
        "events published",
        Unit::Count,
        Better::Neither,
    ),
    figure(
        "publish_lag_p50_us",
        "  decision to acknowledgement p50",
        Unit::Micros,
        Better::Lower,
    ),
    figure(
        "publish_lag_p99_us",
        "  decision to acknowledgement p99",
        Unit::Micros,
        Better::Lower,
    ),
    figure(
        "publish_lag_max_us",
        "  decision to acknowledgement max",
        Unit::Micros,
        Better::Lower,
    ),
    figure("clients_count", "clients", Unit::Count, Better::Neither),
    figure(
        "send_lag_p99_us",
        "sent late p99",
        Unit::Micros,
        Better::Lower,
    ),
    figure(
        "send_lag_max_us",
        "sent late max",
        Unit::Micros,
        Better::Lower,
    ),
    figure(
        "unsent_count",
        "due, never sent",
        Unit::Count,
        Better::Lower,
    ),
    figure(
        "generator_cpu_us_per_request",
        "generator CPU per request",
        Unit::Micros,
        Better::Neither,
    ),
    figure(
        "server_cpu_us_per_request",
        "server CPU per request",
        Unit::Micros,
        Better::Lower,
    ),
    figure(
        "shop_and_generator_cpu_us_per_request",
        "shop and generator CPU per request",
        Unit::Micros,
        Better::Lower,
    ),
    figure(
        "database_cpu_us_per_request",
        "database CPU per request",
        Unit::Micros,
        Better::Lower,
    ),
    figure(
        "others_cpu_percent",
        "CPU of all others",
        Unit::Percent,
        Better::Neither,
    ),
    figure(
        "server_resident_begin_bytes",
        "server memory at start",
        Unit::Bytes,
        Better::Lower,
    ),
    figure(
        "server_resident_end_bytes",
        "server memory at end",
        Unit::Bytes,
        Better::Lower,
    ),
    figure(
        "shop_and_generator_resident_begin_bytes",
        "shop and generator memory at start",
        Unit::Bytes,
        Better::Lower,
    ),
    figure(
        "shop_and_generator_resident_end_bytes",
        "shop and generator memory at end",
        Unit::Bytes,
        Better::Lower,
    ),
];

const fn figure(name: &'static str, label: &'static str, unit: Unit, better: Better) -> Figure {
    Figure {
        name,
        label,
        unit,
        better,
    }
}

/// The figures of one run, without those that do not apply to it.
pub(super) fn figures_of(measured: &Measurement) -> BTreeMap<&'static str, f64> {
    let recorder = &measured.recorder;
    let seconds = recorder.window().seconds();
    let responses = recorder.accepted_in_window + recorder.rejected_in_window;
    let mut figures = BTreeMap::from([
        (
            "accepted_per_s",
            recorder.accepted_in_window as f64 / seconds,
        ),
        (
            "refused_per_s",
            recorder.rejected_in_window as f64 / seconds,
        ),
        ("lost_count", recorder.lost.values().sum::<u64>() as f64),
    ]);
    let accepted = [
        ("accepted_p50_us", 0.5),
        ("accepted_p90_us", 0.9),
        ("accepted_p99_us", 0.99),
        ("accepted_p999_us", 0.999),
        ("accepted_max_us", 1.0),
    ];
    let rejected = [
        ("refused_p50_us", 0.5),
        ("refused_p99_us", 0.99),
        ("refused_max_us", 1.0),
    ];
    let lag = [("send_lag_p99_us", 0.99), ("send_lag_max_us", 1.0)];
    figures.extend(quantiles_us(&recorder.accepted_ns, &accepted));
    figures.extend(quantiles_us(&recorder.rejected_ns, &rejected));
    if let Load::Open { rate_per_s, .. } = measured.load {
        figures.insert("offered_per_s", rate_per_s);
        figures.insert("unsent_count", measured.unsent as f64);
        figures.extend(quantiles_us(&recorder.send_lag_ns, &lag));
    }
    if let Some(percent) = measured.usage.others_percent {
        figures.insert("others_cpu_percent", percent);
    }
    for usage in &measured.usage.processes {
        figures.extend(usage_figures(usage, responses));
    }
    figures.extend(&measured.extra_figures);
    figures
        .into_iter()
        .map(|(name, value)| (name, rounded(value)))
        .collect()
}

/// Rounds to three decimals: a nanosecond of a microsecond.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

fn quantiles_us<'a>(
    latencies_ns: &'a Histogram<u64>,
    quantiles: &'a [(&'static str, f64)],
) -> impl Iterator<Item = (&'static str, f64)> + 'a {
    let some = quantiles.iter().filter(|_| !latencies_ns.is_empty());
    some.map(|&(name, quantile)| {
        (
            name,
            latencies_ns.value_at_quantile(quantile) as f64 / 1_000.0,
        )
    })
}

fn usage_figures(usage: &ProcessUsage, responses: u64) -> Vec<(&'static str, f64)> {
    let (cpu, resident) = match usage.role {
        Role::Generator => ("generator_cpu_us_per_request", None),
        Role::Database => ("database_cpu_us_per_request", None),
        Role::Server => (
            "server_cpu_us_per_request",
            Some(("server_resident_begin_bytes", "server_resident_end_bytes")),
        ),
        Role::ShopAndGenerator => (
            "shop_and_generator_cpu_us_per_request",
            Some((
                "shop_and_generator_resident_begin_bytes",
                "shop_and_generator_resident_end_bytes",
            )),
        ),
    };
    let mut figures = Vec::new();
    if responses > 0 {
        figures.push((cpu, usage.cpu().as_secs_f64() * 1e6 / responses as f64));
    }
    if let Some((begin, end)) = resident {
        figures.push((begin, usage.begin.resident_bytes as f64));
        figures.push((end, usage.end.resident_bytes as f64));
    }
    figures
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::{Outcome, Recorder, Rejection, Turn, Window};
    use crate::process::{Usage, WindowUsage};

    fn measured(load: Load) -> Measurement {
        let window = Window::beginning_now(Duration::ZERO, Duration::from_secs(2));
        let mut recorder = Recorder::new(window);
        for ms in 1..=1_000 {
            let turn = Turn {
                intended: window.from,
                sent: window.from,
            };
            let ended = window.from + Duration::from_millis(ms);
            recorder.record(turn, Outcome::Accepted, ended);
            if ms % 4 == 0 {
                let rejection = Rejection::HttpStatus(503);
                recorder.record(turn, Outcome::Rejected(rejection), ended);
            }
        }
        let usage = |seconds, resident_bytes| Usage {
            cpu: Duration::from_secs(seconds),
            resident_bytes,
        };
        Measurement {
            recorder,
            unsent: 3,
            usage: WindowUsage {
                processes: vec![ProcessUsage {
                    role: Role::Server,
                    begin: usage(10, 100),
                    end: usage(11, 200),
                }],
                others_percent: Some(2.5),
            },
            load,
            extra_figures: BTreeMap::from([("knee_per_s", 7.0)]),
        }
    }

    #[test]
    fn figures_are_normalised_to_their_units() {
        let figures = figures_of(&measured(Load::Closed { in_flight: 1 }));
        assert_eq!(figures["accepted_per_s"], 500.0);
        assert_eq!(figures["refused_per_s"], 125.0);
        assert_eq!(figures["server_cpu_us_per_request"], 800.0);
        assert_eq!(figures["server_resident_end_bytes"], 200.0);
        let p50 = figures["accepted_p50_us"];
        assert!((p50 / 500_000.0 - 1.0).abs() < 0.001, "{p50}");
        assert!(!figures.contains_key("unsent_count"));
    }

    #[test]
    fn open_loop_figures_are_all_declared() {
        let load = Load::Open {
            rate_per_s: 10.0,
            in_flight_max: 1,
        };
        let figures = figures_of(&measured(load));
        assert_eq!(figures["unsent_count"], 3.0);
        for name in figures.keys() {
            assert!(FIGURES.iter().any(|figure| figure.name == *name), "{name}");
        }
    }
}
