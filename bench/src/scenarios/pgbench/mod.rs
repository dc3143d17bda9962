//! `pgbench`: PostgreSQL's own load tester writes one order per transaction into the tables of
//! fritzy's migrations. It is the baseline of a service without actors and without group commit on
//! the same server, with a client in C and no decisions.

mod log;
mod order;

use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use fritzy_bench_support::PgbenchOrder;
use fritzy_persistence::{PostgresConfig, migrate_postgres};
use tempfile::TempDir;

use super::allowed_settings::Setting;
use super::database::Database;
use super::{Conditions, Reach, Scenario, SetUp, SystemUnderTest, VariantSettings};
use crate::BenchError;
use crate::load::{Load, Measurement, Plan, Recorder, Window};
use crate::process::{ProcessUsage, Program, Role, find_beside_postgres};
use log::Transactions;

/// Numbers of clients to try without `--in-flight`.
const CLIENTS_TO_TRY: [usize; 4] = [8, 16, 32, 64];
/// The duration of each trial.
const TRIAL_TIME: Duration = Duration::from_secs(2);
/// Longer than it takes to connect all clients, so that the load outlasts the measured window:
/// pgbench counts whole seconds, from before it connects.
const EXTRA_TIME: Duration = Duration::from_secs(2);
/// Maximum of transactions of one client in any run: runs with other numbers of clients number
/// their orders from beyond it, so that no order is written twice.
const TRANSACTIONS_MAX: u64 = 1_000_000_000;
/// The time limit to end after the run.
const END_MAX: Duration = Duration::from_secs(30);

pub(super) struct Pgbench;

#[async_trait]
impl Scenario for Pgbench {
    fn name(&self) -> &'static str {
        "pgbench"
    }

    fn about(&self) -> &'static str {
        "PostgreSQL's own load tester: one order per transaction into the same tables (fastest with :single-statement)"
    }

    fn reach(&self) -> Reach {
        Reach::Program
    }

    fn takes(&self) -> &'static [Setting] {
        &[
            Setting::InFlight,
            Setting::Accounts,
            Setting::Postgres,
            Setting::SingleStatement,
        ]
    }

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn SystemUnderTest>, BenchError> {
        let settings = set_up.settings;
        let program = find_beside_postgres("pgbench").ok_or_else(|| BenchError::Preparing {
            what: "pgbench",
            reason: "not found in PATH or /usr/lib/postgresql/*/bin (Debian: `apt-get install postgresql`)".to_owned(),
        })?;
        let clients = match settings.in_flight_count {
            Some(clients) => clients,
            None => best_clients(&program, set_up).await?,
        };
        let subject = PgbenchSystem::open(program, clients, set_up).await?;
        Ok(Box::new(subject))
    }
}

/// The number of clients with the highest throughput, tried in a database of its own.
async fn best_clients(program: &Path, set_up: &SetUp<'_>) -> Result<usize, BenchError> {
    let mut best = (0.0, CLIENTS_TO_TRY[0]);
    let tried = PgbenchSystem::open(program.to_owned(), CLIENTS_TO_TRY[0], set_up).await?;
    for clients in CLIENTS_TO_TRY {
        let running = tried.start(clients, TRIAL_TIME, set_up.seed, false)?;
        let output = running.end(TRIAL_TIME + END_MAX).await?;
        let per_s = log::transactions_per_s(&output).ok_or_else(|| BenchError::Preparing {
            what: "pgbench",
            reason: format!("its output has no throughput: {output}"),
        })?;
        if per_s > best.0 {
            best = (per_s, clients);
        }
    }
    Box::new(tried).tear_down().await?;
    Ok(best.1)
}

struct PgbenchSystem {
    program: PathBuf,
    clients: usize,
    settings: VariantSettings,
    conditions: Conditions,
    folder: TempDir,
    database: Database,
}

impl PgbenchSystem {
    async fn open(
        program: PathBuf,
        clients: usize,
        set_up: &SetUp<'_>,
    ) -> Result<Self, BenchError> {
        let settings = set_up.settings;
        let folder = tempfile::Builder::new()
            .prefix("fritzy-bench-")
            .tempdir_in(set_up.within)
            .map_err(|failure| preparing(&failure))?;
        let order = if settings.single_statement {
            PgbenchOrder::Statement
        } else {
            PgbenchOrder::Transaction
        };
        std::fs::write(folder.path().join("script"), order.script())
            .map_err(|failure| preparing(&failure))?;
        let database = Database::open(set_up).await?;
        let migrated = migrate_postgres(&PostgresConfig::new(database.url())).await;
        migrated.map_err(|failure| preparing(&failure))?;
        Ok(Self {
            program,
            clients,
            settings: settings.clone(),
            conditions: Conditions {
                durability: database.durability(),
                node_settings: None,
            },
            folder,
            database,
        })
    }

    fn start(
        &self,
        clients: usize,
        duration: Duration,
        seed: u64,
        logged: bool,
    ) -> Result<Program, BenchError> {
        let folder = self.folder.path();
        let order = order::Order::typical();
        let mut arguments = vec![
            "--no-vacuum".to_owned(),
            "--protocol=prepared".to_owned(),
            format!("--file={}", folder.join("script").display()),
            format!("--client={clients}"),
            format!("--time={}", duration.as_secs_f64().ceil()),
            format!("--random-seed={seed}"),
            format!("--define=number={}", clients as u64 * TRANSACTIONS_MAX),
            format!("--define=accounts={}", self.settings.accounts_count),
            format!("--define=payload={}", order.payload),
            format!("--define=lines={}", order.lines),
        ];
        if logged {
            arguments.push("--log".to_owned());
            arguments.push(format!("--log-prefix={}", folder.join("log").display()));
        }
        arguments.push(self.database.url().to_owned());
        Ok(Program::start(&self.program, arguments, folder)?)
    }
}

#[async_trait]
impl SystemUnderTest for PgbenchSystem {
    fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    async fn drive(&mut self, plan: &Plan) -> Result<Measurement, BenchError> {
        let duration = plan.warmup + plan.duration + EXTRA_TIME;
        let seed = plan.seed + plan.repetition as u64;
        let mut running = self.start(self.clients, duration, seed, true)?;
        let log = Transactions::below(self.folder.path());
        running.until(|| log.have_started()).await;
        let window = Window::beginning_now(plan.warmup, plan.duration);
        let mut processes = vec![(Role::Generator, running.pid())];
        processes.extend(self.database.process());
        let (began, begun_at) = (Instant::now(), SystemTime::now());
        let usage =
            ProcessUsage::between(window.measured_from, window.measured_to, &processes).await;
        running.end(END_MAX).await?;
        let recorder = Recorder::shared(window);
        let read = tokio::task::block_in_place(|| {
            let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
            log.each(began, begun_at, |turn, outcome, ended| {
                recorder.record(turn, outcome, ended);
            })
        });
        read.map_err(|failure| preparing(&failure))?;
        let recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Measurement {
            recorder: recorder.clone(),
            unsent: 0,
            usage,
            load: Load::Closed {
                in_flight: self.clients,
            },
            extra_figures: [("clients_count", self.clients as f64)].into(),
        })
    }

    async fn tear_down(self: Box<Self>) -> Result<(), BenchError> {
        self.database.remove().await
    }
}

fn preparing(failure: &dyn std::error::Error) -> BenchError {
    BenchError::Preparing {
        what: "pgbench",
        reason: failure.to_string(),
    }
}
