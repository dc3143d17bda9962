//! Takes samples of all processes at the start, each minute, and at the end.

use std::time::Duration;

use fritzy_testbed_faults::FaultCluster;
use tokio::time::{sleep_until, timeout};

use super::growth::{Growth, GrowthLimit, Point};
use super::sample::{NodeSample, Sample};
use super::shared::Shared;

/// Between two samples.
const INTERVAL: Duration = Duration::from_secs(60);
/// A sample waits so long for the end of a fault: a node that starts just now tells little.
const FAULT_MAX: Duration = Duration::from_secs(30);

/// What may grow during a run. Each limit is the larger of a part of the median and an amount,
/// which is above the noise between two processes of the same age.
const MEMORY: GrowthLimit = GrowthLimit {
    part: 0.1,
    amount: 8.0 * 1024.0 * 1024.0,
};
/// Connections of clients and peers come and go with faults.
const HANDLES: GrowthLimit = GrowthLimit {
    part: 0.1,
    amount: 16.0,
};
/// Threads of blocking calls come and go.
const THREADS: GrowthLimit = GrowthLimit {
    part: 0.1,
    amount: 4.0,
};
/// Nodes close idle connections, and open more under load.
const CONNECTIONS: GrowthLimit = GrowthLimit {
    part: 0.1,
    amount: 8.0,
};

/// Takes a sample now.
pub(crate) fn take(shared: &Shared, cluster: &FaultCluster, database_port: Option<u16>) -> Sample {
    Sample::now(
        shared.elapsed().as_secs_f64(),
        &cluster.pids(),
        database_port,
    )
}

/// Takes a sample each minute, between faults where possible, until the load is over.
pub(crate) async fn sample_each_minute(
    shared: &Shared,
    cluster: &FaultCluster,
    database_port: Option<u16>,
) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut phases = shared.phases();
    let mut due = tokio::time::Instant::now();
    loop {
        due += INTERVAL;
        tokio::select! {
            () = sleep_until(due) => {}
            _ = phases.wait_for(|phase| phase.is_over) => return samples,
        }
        let calm = phases.wait_for(|phase| phase.is_over || !phase.has_fault);
        // If there is none in time, the sample is taken during a fault.
        let _ = timeout(FAULT_MAX, calm).await;
        samples.push(take(shared, cluster, database_port));
    }
}

/// Judges everything that may grow.
pub(crate) fn growth(samples: &[Sample]) -> Vec<Growth> {
    let of_nodes = |of: &str, limit, value: fn(&NodeSample) -> u64| {
        let points: Vec<Point> = samples
            .iter()
            .flat_map(|sample| {
                sample
                    .nodes
                    .iter()
                    .enumerate()
                    .map(move |it| (sample.at_s, it))
            })
            .filter_map(|(at_s, (node, sample))| {
                let sample = sample.as_ref()?;
                Some(Point {
                    node,
                    process: sample.pid,
                    age_s: sample.age_s,
                    at_s,
                    value: value(sample) as f64,
                })
            })
            .collect();
        Growth::of(of, &points, limit)
    };
    let connections = samples.iter().filter_map(|sample| {
        Some(Point {
            node: 0,
            // The database is one process for this: its age is that of the run.
            process: 0,
            age_s: sample.at_s,
            at_s: sample.at_s,
            value: sample.database_connections_count? as f64,
        })
    });
    let connections: Vec<Point> = connections.collect();
    vec![
        of_nodes("memory_bytes", MEMORY, |node| node.memory_bytes),
        of_nodes("handles_count", HANDLES, |node| node.handles_count),
        of_nodes("threads_count", THREADS, |node| node.threads_count),
        Growth::of("database_connections_count", &connections, CONNECTIONS),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::growth::Verdict;
    use super::*;

    #[test]
    fn leak_of_handles_is_told_from_steady_memory() {
        let samples = (0..60_u32).map(|minute| Sample {
            at_s: f64::from(minute) * 60.0,
            nodes: vec![
                None,
                Some(NodeSample {
                    pid: 7,
                    age_s: f64::from(minute) * 60.0,
                    memory_bytes: 60 << 20,
                    handles_count: 50 + u64::from(minute),
                    threads_count: 9,
                }),
            ],
            database_connections_count: Some(20),
            machine_memory_bytes: None,
            own_memory_bytes: None,
        });
        let samples: Vec<Sample> = samples.collect();
        let verdicts: Vec<_> = growth(&samples).iter().map(|it| it.verdict).collect();
        let (steady, growing) = (Verdict::Steady, Verdict::Growing);
        assert_eq!(verdicts, [steady, growing, steady, steady]);
    }
}
