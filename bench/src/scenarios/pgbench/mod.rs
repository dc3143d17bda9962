//! `pgbench`: one order a transaction by PostgreSQL's own load tester, into tables that fritzy's migrations made: what a
//! service without actors and without grouped commits can get out of the same server, with its client in C and nothing
//! to decide.

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
use super::{Conditions, Reach, Scenario, SetUp, SideSettings, Subject};
use crate::BenchError;
use crate::load::{Load, Measured, Plan, Recorder, Window};
use crate::process::{ProcessUsage, Program, Role, find_beside_postgres};
use log::Transactions;

/// Clients that are tried where none are asked for.
const CLIENTS_TRIED: [usize; 4] = [8, 16, 32, 64];
/// How long each is tried.
const TRIED_FOR: Duration = Duration::from_secs(2);
/// More than the connecting of all clients takes, and what is left when the time that counts is over: pgbench knows whole
/// seconds, and counts them from before it connects.
const BESIDE_THE_LOAD: Duration = Duration::from_secs(2);
/// Of one client, in any run: with other clients, numbers begin beyond it, so that no order is written twice.
const TRANSACTIONS_MAX: u64 = 1_000_000_000;
/// Its end, when its time is over.
const END_MAX: Duration = Duration::from_secs(30);

/// The scenario.
pub(super) struct Pgbench;

#[async_trait]
impl Scenario for Pgbench {
    fn name(&self) -> &'static str {
        "pgbench"
    }

    fn about(&self) -> &'static str {
        "PostgreSQL's own load tester: one order a transaction into the same tables (:single-statement is its best)"
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

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn Subject>, BenchError> {
        let settings = set_up.settings;
        let program = find_beside_postgres("pgbench").ok_or_else(|| BenchError::Preparing {
            what: "pgbench",
            reason: "neither PATH nor /usr/lib/postgresql/*/bin has it (Debian: `apt-get install postgresql`)".to_owned(),
        })?;
        let clients = match settings.in_flight_count {
            Some(clients) => clients,
            None => best_clients(&program, set_up).await?,
        };
        let subject = PgbenchSubject::open(program, clients, set_up).await?;
        Ok(Box::new(subject))
    }
}

/// The number of clients that it does most with, in a database that is dropped after it.
async fn best_clients(program: &Path, set_up: &SetUp<'_>) -> Result<usize, BenchError> {
    let mut best = (0.0, CLIENTS_TRIED[0]);
    let tried = PgbenchSubject::open(program.to_owned(), CLIENTS_TRIED[0], set_up).await?;
    for clients in CLIENTS_TRIED {
        let running = tried.start(clients, TRIED_FOR, set_up.seed, false)?;
        let said = running.end(TRIED_FOR + END_MAX).await?;
        let per_s = log::transactions_per_s(&said).ok_or_else(|| BenchError::Preparing {
            what: "pgbench",
            reason: format!("it does not say what it did: {said}"),
        })?;
        if per_s > best.0 {
            best = (per_s, clients);
        }
    }
    Box::new(tried).tear_down().await?;
    Ok(best.1)
}

struct PgbenchSubject {
    program: PathBuf,
    clients: usize,
    settings: SideSettings,
    conditions: Conditions,
    /// Script and logs.
    folder: TempDir,
    database: Database,
}

impl PgbenchSubject {
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
        let way = if settings.single_statement {
            PgbenchOrder::Statement
        } else {
            PgbenchOrder::Transaction
        };
        std::fs::write(folder.path().join("script"), way.script())
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
        lasts: Duration,
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
            format!("--time={}", lasts.as_secs_f64().ceil()),
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
impl Subject for PgbenchSubject {
    fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    async fn drive(&mut self, plan: &Plan) -> Result<Measured, BenchError> {
        let lasts = plan.warmup + plan.duration + BESIDE_THE_LOAD;
        let seed = plan.seed + plan.repetition as u64;
        let mut running = self.start(self.clients, lasts, seed, true)?;
        let log = Transactions::below(self.folder.path());
        running.until(|| log.have_begun()).await;
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
        Ok(Measured {
            recorder: recorder.clone(),
            unsent: 0,
            usage,
            load: Load::Closed {
                in_flight: self.clients,
            },
            more: [("clients_count", self.clients as f64)].into(),
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
