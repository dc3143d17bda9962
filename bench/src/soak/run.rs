//! One soak, from the start of its cluster to the report.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};

use super::api::Api;
use super::client::{CLIENTS, Client, Product};
use super::cluster::{SoakCluster, version_of};
use super::faults::{FaultRecord, execute};
use super::ledger::Ledger;
use super::options::SoakOptions;
use super::plan::Plan;
use super::probe::{Probe, accounts_of_shards};
use super::read_back::{ReadBack, read_back};
use super::report::{FailOver, SoakReport};
use super::sample::Sample;
use super::sampler::{growth, sample_each_minute, take};
use super::shared::Shared;
use crate::BenchError;

/// Between two reports of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);
/// Until all shards are served after the load: two fail-overs, and a start on a busy machine.
const SERVED_MAX: Duration = Duration::from_secs(60);
/// Records of faults that wait to be shown: there is one every few seconds at most.
const FAULTS_WAITING: usize = 8;
/// The price of the first client's product; each client has another one.
const PRICE_MINOR: u64 = 199;

/// What happens in a soak.
#[derive(Clone, Debug)]
pub enum Progress {
    /// The database and the nodes start.
    Starting,
    /// The load begins.
    Began,
    /// A fault is over, and its effects are.
    Fault(Box<FaultRecord>),
    /// Every 10 s.
    Load {
        /// Since the start of the load.
        elapsed: Duration,
        /// Requests of clients so far.
        sent: u64,
        /// Of these, without a result.
        failed: u64,
        /// Wrong answers so far.
        wrong: u64,
        /// Resident memory of each node, in bytes; `None` for one that does not run.
        memory_bytes: Vec<Option<u64>>,
    },
    /// The load is over: everything is read back.
    ReadingBack,
    /// The journal is verified.
    Verifying,
}

/// Everything that runs during the load.
struct Running {
    cluster: Arc<SoakCluster>,
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<Ledger>>,
    samples: JoinHandle<Vec<Sample>>,
    first: Sample,
}

/// Runs a soak. `stop` ends the load early: what was measured until then is judged and reported.
///
/// # Errors
/// [`BenchError`] when the cluster does not start or its first entities cannot be created: nothing
/// was measured. What is found wrong later is in the report.
pub async fn soak(
    options: &SoakOptions,
    stop: impl Future<Output = ()>,
    show: &(dyn Fn(Progress) + Sync),
) -> Result<SoakReport, BenchError> {
    show(Progress::Starting);
    let starting = options.clone();
    let cluster = spawn_blocking(move || SoakCluster::start(&starting));
    let cluster = Arc::new(cluster.await.expect("no panic")?);
    let running = Running::start(options, cluster).await?;
    show(Progress::Began);
    let (faults, interrupted) = running.execute(options, stop, show).await;
    running.finish(options, faults, interrupted, show).await
}

impl Running {
    async fn start(options: &SoakOptions, cluster: Arc<SoakCluster>) -> Result<Self, BenchError> {
        let (probed, others) = accounts_of_shards(&cluster.apis, options.shards)
            .await
            .map_err(|reason| BenchError::Preparing {
                what: "the accounts of the probes",
                reason,
            })?;
        let products = products(&cluster.apis[0]).await?;
        let shared = Arc::new(Shared::new(options.shards));
        let mut clients: Vec<JoinHandle<Ledger>> = Vec::new();
        for (number, product) in products.iter().enumerate() {
            let apis = cluster.apis.clone();
            let load = (options.seed, options.rate_per_s);
            let client = Client::new(number, load, shared.clone(), apis, product);
            clients.push(tokio::spawn(client.run()));
        }
        for (shard, account) in (0..).zip(probed) {
            let probe = Probe::new(shard, account, cluster.apis.clone(), shared.clone());
            clients.push(tokio::spawn(probe.run()));
        }
        // Accounts that no probe uses are read back as well.
        clients.push(tokio::spawn(async { others }));
        let database_port = cluster.database_port();
        let first = take(&shared, &cluster.faults, database_port);
        let samples = tokio::spawn({
            let (shared, cluster) = (shared.clone(), cluster.clone());
            async move { sample_each_minute(&shared, &cluster.faults, database_port).await }
        });
        Ok(Self {
            cluster,
            shared,
            clients,
            samples,
            first,
        })
    }

    /// Executes the faults while there is load. Returns their records, and whether it was stopped.
    async fn execute(
        &self,
        options: &SoakOptions,
        stop: impl Future<Output = ()>,
        show: &(dyn Fn(Progress) + Sync),
    ) -> (Vec<FaultRecord>, bool) {
        let is_stopped = Arc::new(AtomicBool::new(false));
        let (sender, mut ended) = mpsc::channel(FAULTS_WAITING);
        let plan = Plan::new(
            options.seed,
            &options.faults,
            options.nodes,
            options.fault_every,
        );
        let executing = spawn_blocking({
            let (cluster, shared) = (self.cluster.clone(), self.shared.clone());
            let is_stopped = is_stopped.clone();
            let limits = (options.duration, options.faults_max);
            move || {
                let is_wanted = || !is_stopped.load(Ordering::Relaxed);
                // The receiver stays until this thread has ended.
                let report = |record| drop(sender.blocking_send(record));
                execute(plan, limits, &cluster.faults, &shared, &is_wanted, &report);
            }
        });
        let mut stop = std::pin::pin!(stop);
        let mut ticks = interval(PROGRESS_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        // The first tick is at once.
        ticks.tick().await;
        let mut records = Vec::new();
        loop {
            tokio::select! {
                record = ended.recv() => {
                    let Some(record) = record else { break };
                    show(Progress::Fault(Box::new(record.clone())));
                    records.push(record);
                }
                () = &mut stop, if !is_stopped.load(Ordering::Relaxed) => {
                    is_stopped.store(true, Ordering::Relaxed);
                }
                _ = ticks.tick() => show(self.progress()),
            }
        }
        executing.await.expect("no panic");
        (records, is_stopped.load(Ordering::Relaxed))
    }

    fn progress(&self) -> Progress {
        let counts = self.shared.counts();
        let sample = take(&self.shared, &self.cluster.faults, None);
        let memory = |node: &Option<super::NodeSample>| Some(node.as_ref()?.memory_bytes);
        Progress::Load {
            elapsed: self.shared.elapsed(),
            sent: counts.sent_count(),
            failed: counts.failed_count(),
            wrong: self.shared.wrong_count(),
            memory_bytes: sample.nodes.iter().map(memory).collect(),
        }
    }

    /// Ends the load, and judges everything.
    async fn finish(
        self,
        options: &SoakOptions,
        faults: Vec<FaultRecord>,
        interrupted: bool,
        show: &(dyn Fn(Progress) + Sync),
    ) -> Result<SoakReport, BenchError> {
        let last = take(
            &self.shared,
            &self.cluster.faults,
            self.cluster.database_port(),
        );
        let load_s = self.shared.elapsed().as_secs_f64();
        self.shared.end_load();
        let ledgers = join_all(self.clients).await.into_iter();
        let ledgers: Vec<Ledger> = ledgers.map(|ended| ended.expect("no panic")).collect();
        let samples = self.samples.await.expect("no panic");
        show(Progress::ReadingBack);
        let cluster = self.cluster.clone();
        let served = spawn_blocking(move || {
            let healed = cluster.faults.heal_nodes();
            healed.and_then(|()| cluster.faults.wait_served(SERVED_MAX))
        });
        let found = match served.await.expect("no panic") {
            Ok(_) => read_back(&self.cluster.apis, ledgers).await,
            Err(failure) => ReadBack {
                failure: Some(failure.to_string()),
                ..ReadBack::default()
            },
        };
        for wrong in found.wrong {
            self.shared.add_wrong(wrong);
        }
        show(Progress::Verifying);
        let cluster = self.cluster.clone();
        let journal_failure = spawn_blocking(move || cluster.verify())
            .await
            .expect("no panic");
        let recorded = self.shared.take_recorded();
        let samples: Vec<Sample> = [self.first]
            .into_iter()
            .chain(samples)
            .chain([last])
            .collect();
        Ok(SoakReport {
            load_s,
            interrupted,
            requests: recorded.counts,
            latency_between_faults: recorded.latencies.between_faults(),
            latency_during_faults: recorded.latencies.during_faults(),
            wrong_answers_count: recorded.wrong_count,
            wrong_answers: recorded.wrong,
            unknown_outcomes: recorded.unknown,
            fail_overs: FailOver::by_kind(&faults),
            faults,
            read_back_entities_count: found.entities_count,
            read_back_failure: found.failure,
            journal_failure,
            growth: growth(&samples),
            samples,
            ..SoakReport::new(options, version_of(&options.node))
        })
    }
}

/// Creates a product for each client.
async fn products(api: &Api) -> Result<Vec<Product>, BenchError> {
    let mut products = Vec::new();
    for number in 0..CLIENTS as u64 {
        let price_minor = PRICE_MINOR + number;
        let amount = format!("{}.{:02}", price_minor / 100, price_minor % 100);
        let created = api
            .create_product(&format!("product {number}"), &amount)
            .await;
        let id = created.map_err(|failure| BenchError::Preparing {
            what: "a product",
            reason: format!("{failure:?}"),
        })?;
        products.push(Product { id, price_minor });
    }
    Ok(products)
}
