//! One run of a schedule, from the start of its cluster to the verdict.

use std::any::Any;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use fritzy_domain::Generation;
use fritzy_testbed::{NODE_TIME_MAX, ServiceError};
use fritzy_testbed_faults::{Fault, FaultCluster};
use fritzy_testbed_shop::kafka::{partitions, read_all};
use fritzy_testbed_shop::{Api, Audit, audit_left};
use fritzy_types::ShardCount;
use futures_util::future::join_all;
use tokio::runtime::Runtime;

use crate::check::{Loss, Losses, Verdict, check_journal, check_kafka, check_linearizability};
use crate::client::{Client, PATIENCE, Shared};
use crate::ending::{final_reads, wait_published};
use crate::faults::{Executed, execute};
use crate::observation::{Attempt, Change, Outcome, Request};
use crate::report::RunReport;
use crate::schedule::Schedule;
use crate::shop::{self, Kind, PatientApi};

/// From the last heal until all shards are served: two fail-overs, and a start in a debug build on
/// a busy machine.
const SERVED_MAX: Duration = Duration::from_secs(45);
/// Between two starts of a node that exits.
const RESTART_INTERVAL: Duration = Duration::from_millis(500);
/// From the begin of a generation until no node serves from memory what was lost. Nodes look once a
/// second. One that cannot reach the database, or is too busy to look, may serve until its lease of
/// 3 s ends: the generation fences it. The rest is for the transaction, which is dated by its
/// start.
const NOTICED_MAX: Duration = Duration::from_secs(4);
/// For the checker, for each entity. It needs milliseconds where few operations are open.
const CHECK_MAX: Duration = Duration::from_secs(20);

/// Runs a schedule with its logs, and what was observed, in `dir`. The report says whether anything
/// is wrong.
///
/// # Errors When the cluster does not start, or the entities cannot be created: nothing was judged.
/// The cause is a [`ServiceError`] where a machine lacks something.
pub fn run(schedule: &Schedule, dir: &Path) -> Result<RunReport> {
    let began = Instant::now();
    fs::create_dir_all(dir)?;
    write_json(dir, "schedule.json", schedule)?;
    let mut config = schedule.cluster();
    config.logs = Some(dir.join("logs"));
    let shards = ShardCount::new(config.shards).context("shards are in range")?;
    let cluster = FaultCluster::start(&config)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut shared = Shared {
        apis: cluster.api_addresses().into_iter().map(Api::at).collect(),
        accounts: Vec::new(),
        products: Vec::new(),
        orders: Mutex::new(VecDeque::new()),
        start: Instant::now(),
        is_over: AtomicBool::new(false),
    };
    let mut attempts = runtime.block_on(create_entities(schedule, &mut shared))?;
    shared.start = Instant::now();
    // What was created before has ended at 0.
    for attempt in &mut attempts {
        (attempt.began_us, attempt.ended_us) = (0, 0);
    }
    let started_at = SystemTime::now();
    let executed = load(schedule, &cluster, &shared, &runtime, &mut attempts);

    let mut verdict = Verdict::default();
    for executed in &executed {
        if let Some(failure) = &executed.failure {
            verdict.not_checked(format!("{}: {failure}", executed.timed));
        }
    }
    let served = recover(&cluster);
    if let Err(failure) = &served {
        verdict.violation(format!("shards are not served again: {failure}"));
    }
    if served.is_ok() {
        let number = schedule.clients + 1;
        match runtime.block_on(final_reads(&shared, number)) {
            Ok(read) => attempts.extend(read),
            Err(failure) => verdict.violation(failure),
        }
        if schedule.kafka
            && let Err(failure) = runtime.block_on(wait_published(&shared.apis))
        {
            verdict.violation(failure);
        }
    }
    cluster.kill_nodes();
    attempts.sort_by_key(|attempt| (attempt.began_us, attempt.client));
    write_json(dir, "history.json", &attempts)?;
    let lost = judge(
        &Judged {
            schedule,
            cluster: &cluster,
            runtime: &runtime,
            shards,
            attempts: &attempts,
            executed: &executed,
            started_at,
        },
        &mut verdict,
    );
    let report = RunReport::new(
        schedule,
        &attempts,
        lost,
        verdict,
        began.elapsed(),
        served.ok(),
    );
    write_json(dir, "report.json", &report)?;
    Ok(report)
}

/// Starts nodes that have exited, as a supervisor does (one that cannot reach the database at its
/// start exits), until all shards are served. Returns how long that took.
fn recover(cluster: &FaultCluster) -> Result<Duration, ServiceError> {
    let began = Instant::now();
    loop {
        cluster.heal_nodes()?;
        if cluster.is_served() {
            return Ok(began.elapsed());
        }
        if began.elapsed() > SERVED_MAX {
            // It says what is missing.
            return cluster.wait_served(Duration::ZERO);
        }
        std::thread::sleep(RESTART_INTERVAL);
    }
}

fn write_json(dir: &Path, name: &str, value: &impl serde::Serialize) -> Result<()> {
    let path = dir.join(name);
    let text = serde_json::to_string_pretty(value)?;
    fs::write(&path, text).with_context(|| path.display().to_string())
}

/// Creates the entities that all clients share.
async fn create_entities(schedule: &Schedule, shared: &mut Shared) -> Result<Vec<Attempt>> {
    let mut attempts = Vec::new();
    let (api, patience) = (shared.apis[0].clone(), PATIENCE);
    let api = PatientApi { api, patience };
    let kinds = [
        (Kind::Account, schedule.accounts),
        (Kind::Product, schedule.products),
    ];
    for (kind, count) in kinds {
        for number in 1..=count as u64 {
            let (name, price) = match kind {
                Kind::Product => (format!("product {number}"), number),
                _ => (format!("account {number}"), 0),
            };
            let said = shop::create(&api, kind, &name, price).await;
            let created = matches!(said.outcome, Outcome::Seen(_));
            ensure!(created, "{name} is not created: {:?}", said.outcome);
            let id = said.id.context("a created entity has an id")?;
            match kind {
                Kind::Product => shared.products.push(id.clone()),
                _ => shared.accounts.push(id.clone()),
            }
            attempts.push(Attempt {
                client: schedule.clients,
                request: attempts.len() as u64,
                node: 0,
                entity: Some(id),
                wanted: Request::Change {
                    change: Change::Created { name, price },
                    key: None,
                    expected: None,
                },
                began_us: 0,
                ended_us: 0,
                outcome: said.outcome,
                quote: None,
            });
        }
    }
    Ok(attempts)
}

/// Runs the clients while the faults come and go.
fn load(
    schedule: &Schedule,
    cluster: &FaultCluster,
    shared: &Shared,
    runtime: &Runtime,
    attempts: &mut Vec<Attempt>,
) -> Vec<Executed> {
    std::thread::scope(|scope| {
        let faults = scope.spawn(|| {
            let executed = execute(schedule, cluster, shared.start);
            let end = shared.start + Duration::from_millis(schedule.duration_ms);
            std::thread::sleep(end.saturating_duration_since(Instant::now()));
            shared.is_over.store(true, Ordering::Relaxed);
            executed
        });
        let clients =
            (0..schedule.clients).map(|number| Client::new(number, schedule.seed, shared).run());
        let seen = runtime.block_on(join_all(clients));
        attempts.extend(seen.into_iter().flatten());
        faults.join().expect("no panic")
    })
}

/// Everything that a verdict is based on.
struct Judged<'a> {
    schedule: &'a Schedule,
    cluster: &'a FaultCluster,
    runtime: &'a Runtime,
    shards: ShardCount,
    attempts: &'a [Attempt],
    executed: &'a [Executed],
    started_at: SystemTime,
}

/// Judges a run. Returns how many events the system names as lost.
fn judge(judged: &Judged<'_>, verdict: &mut Verdict) -> u64 {
    let url = judged.cluster.database_url();
    let auditing = AssertUnwindSafe(|| judged.runtime.block_on(audit_left(&url, judged.shards)));
    let (audit, generations) = match std::panic::catch_unwind(auditing) {
        Ok(found) => found,
        Err(panic) => {
            verdict.violation(format!("the audit failed: {}", text_of(&*panic)));
            return 0;
        }
    };
    verify(judged, &url, verdict);
    let losses = match Losses::named(&generations, |generation| judged.loss(generation)) {
        Ok(losses) => losses,
        Err(failure) => {
            verdict.violation(failure);
            return 0;
        }
    };
    let kept = kept_versions(&audit, &losses);
    // An entity without events was lost as a whole.
    let kept_version = |entity: &str| Some(kept.get(entity).copied().unwrap_or(0));
    verdict.extend(check_journal(
        judged.attempts,
        &audit.events,
        &losses,
        judged.shards,
    ));
    let linearizable = check_linearizability(judged.attempts, &losses, kept_version, CHECK_MAX);
    verdict.extend(linearizable);
    if let Some(brokers) = judged.cluster.brokers().filter(|_| judged.schedule.kafka) {
        let reading = AssertUnwindSafe(|| (read_all(&brokers), partitions(&brokers)));
        match std::panic::catch_unwind(reading) {
            Ok((messages, partitions)) => {
                let partitions: BTreeSet<_> = partitions.into_iter().collect();
                verdict.extend(check_kafka(&messages, &audit.events, &losses, &partitions));
            }
            Err(panic) => verdict.violation(format!("the topics: {}", text_of(&*panic))),
        }
    }
    let starts = losses.0.iter().flat_map(|loss| loss.shards.values());
    starts.map(|start| start.lost_events()).sum()
}

impl Judged<'_> {
    /// The loss that a generation names, if a promotion explains it.
    fn loss(&self, generation: &Generation) -> Option<Loss> {
        let mut executed = self.executed.iter();
        let promotion = executed.find(|it| it.timed.fault == Fault::PromotionWithLoss)?;
        let began = UNIX_EPOCH + Duration::from_micros(generation.began.as_micros() as u64);
        let noticed = began + NOTICED_MAX;
        let until = noticed.duration_since(self.started_at).unwrap_or_default();
        Some(Loss {
            shards: generation.shards.clone(),
            possible_from_us: promotion.injected_us,
            seen_from_us: promotion.healing_us,
            seen_until_us: until.as_micros() as u64,
        })
    }
}

/// The version of each entity at which its lines part.
fn kept_versions(audit: &Audit, losses: &Losses) -> HashMap<String, u64> {
    let versions = audit.events.iter().filter_map(|(entity, events)| {
        let shard = events.first()?.shard;
        let kept = losses.kept_version(shard, events)?;
        Some((entity.as_uuid().to_string(), kept))
    });
    versions.collect()
}

/// Runs `fritzy journal verify`.
fn verify(judged: &Judged<'_>, url: &str, verdict: &mut Verdict) {
    let shards = judged.shards.get().to_string();
    let arguments = [
        "journal",
        "verify",
        "--database-url",
        url,
        "--shards",
        &shards,
    ];
    let verifying = judged.cluster.run(&arguments, NODE_TIME_MAX);
    match verifying {
        Ok(exited) if exited.code == Some(0) => {}
        Ok(exited) => verdict.violation(format!("journal verify: {exited:?}")),
        Err(failure) => verdict.not_checked(format!("journal verify: {failure}")),
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_else(|| "a panic".to_owned())
}
