//! Checking a database against the invariants, row by row, whatever store it is in.
//!
//! The rows come from a [`source::Source`], in order and in pages, so memory stays bounded however long
//! the journal is. What they mean is decided here and in the domain; no SQL.

mod entity;
mod findings;
mod shards;
mod shared;
mod source;
mod states;
mod violation;
mod walk;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use findings::Findings;
use shards::ShardCheck;
use shared::SharedCheck;

pub(crate) use source::{
    Each, EventKey, EventRow, SchemaDifference, ShardRow, SharedRow, Source, SourceError, StateRow,
    Value,
};
pub(crate) use states::columns;
pub use violation::{Place, Violation, ViolationKind};

/// What SQLite's own check lists at most; more says no more about what to do, which is to restore.
const DAMAGES_MAX: u32 = 100;

/// What a check found.
#[derive(Debug)]
pub struct VerifyReport {
    /// What was looked at.
    pub checked: Checked,
    /// The first violations, in the order in which they were found.
    pub violations: Vec<Violation>,
    /// All of them, by kind.
    pub counts: BTreeMap<ViolationKind, u64>,
}

impl VerifyReport {
    /// All violations, those that are only counted included.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

/// How many rows were looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Rows of the table of shards.
    pub shards: u64,
    /// Rows of the journal.
    pub events: u64,
    /// Entities with events.
    pub entities: u64,
    /// State rows of accounts.
    pub accounts: u64,
    /// State rows of products.
    pub products: u64,
    /// State rows of orders.
    pub orders: u64,
}

/// How far a check has come, for whoever shows it.
#[derive(Debug, Default)]
pub struct VerifyProgress {
    part: Mutex<&'static str>,
    rows: AtomicU64,
}

impl VerifyProgress {
    /// What is being checked now, and how many rows of it were.
    pub fn now(&self) -> (&'static str, u64) {
        let part = *self.part.lock().expect("no holder panics");
        (part, self.rows.load(Ordering::Relaxed))
    }

    fn begin(&self, part: &'static str) {
        *self.part.lock().expect("no holder panics") = part;
        self.rows.store(0, Ordering::Relaxed);
    }

    fn rows(&self, count: usize) {
        self.rows.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// Checks every invariant that rows can show. A damaged part is a violation, and the others are checked
/// all the same.
///
/// # Errors
/// What the store said, when rows cannot be had: then nothing is known.
pub(crate) async fn check(
    source: &mut dyn Source,
    violations_max: usize,
    progress: &VerifyProgress,
) -> Result<VerifyReport, String> {
    let mut check = Check {
        source,
        progress,
        findings: Findings::new(violations_max),
        checked: Checked::default(),
    };
    let readable = check.structure().await?;
    if readable {
        check.rows().await?;
    }
    let checked = check.checked;
    let (violations, counts) = check.findings.finish();
    Ok(VerifyReport {
        checked,
        violations,
        counts,
    })
}

struct Check<'a> {
    source: &'a mut dyn Source,
    progress: &'a VerifyProgress,
    findings: Findings,
    checked: Checked,
}

impl Check<'_> {
    /// The schema and the file; `false` when rows cannot be read at all.
    async fn structure(&mut self) -> Result<bool, String> {
        let part = "the schema";
        self.progress.begin(part);
        let differences = self.source.schema_differences().await;
        let differences = self.settle(part, differences)?;
        let readable = differences
            .as_ref()
            .is_some_and(|all| all.iter().all(|difference| difference.readable));
        for difference in differences.unwrap_or_default() {
            let rule = ViolationKind::SchemaDiffers;
            let place = Place::part(difference.object);
            let (found, expected) = (difference.found, difference.expected);
            self.findings.add(rule, place, found, expected);
        }
        let part = "the file's structure";
        self.progress.begin(part);
        let damages = self.source.damages(DAMAGES_MAX).await;
        for damage in self.settle(part, damages)?.unwrap_or_default() {
            let (rule, place) = (ViolationKind::FileDamaged, Place::part(part));
            self.findings.add(rule, place, damage, "a sound file");
        }
        Ok(readable)
    }

    async fn rows(&mut self) -> Result<(), String> {
        let progress = self.progress;
        let part = "the table of shards";
        progress.begin(part);
        let written = self.source.shard_count().await;
        let written = self.settle(part, written)?.flatten();
        let mut shards = ShardCheck::new(written.as_deref(), &mut self.findings);
        let (findings, checked) = (&mut self.findings, &mut self.checked);
        let each = &mut |row| {
            checked.shards += 1;
            shards.take_row(row, findings);
        };
        let read = self.source.shards(each).await;
        self.settle(part, read)?;
        shards.finish_rows(&mut self.findings);

        let part = "positions";
        progress.begin(part);
        let (findings, checked) = (&mut self.findings, &mut self.checked);
        let each = &mut |(shard, position)| {
            progress.rows(1);
            checked.events += 1;
            shards.take_position(shard, position, findings);
        };
        let read = self.source.positions(each).await;
        self.settle(part, read)?;

        let part = "entities";
        progress.begin(part);
        let walked = walk::entities(
            self.source,
            shards.count(),
            progress,
            &mut self.checked,
            &mut self.findings,
        );
        let walked = walked.await;
        self.settle(part, walked)?;

        let part = "event ids";
        progress.begin(part);
        let (findings, mut shared) = (&mut self.findings, SharedCheck::default());
        let each = &mut |row| shared.take_event(row, findings);
        let read = self.source.shared_event_ids(each).await;
        self.settle(part, read)?;

        let part = "commands";
        progress.begin(part);
        let (findings, mut shared) = (&mut self.findings, SharedCheck::default());
        let each = &mut |row| shared.take_command(row, findings);
        let read = self.source.shared_commands(each).await;
        self.settle(part, read)?;

        let part = "accounts of orders";
        progress.begin(part);
        let findings = &mut self.findings;
        let each = &mut |(order, account): (Vec<u8>, Vec<u8>)| {
            let place = Place::entity(Some(fritzy_domain::Kind::Order), &order);
            let account = violation::id_text(&account);
            let found = format_args!("account {account}, which was never created");
            let rule = ViolationKind::AccountMissing;
            findings.add(rule, place, found, "an account of the journal");
        };
        let read = self.source.orphans(each).await;
        self.settle(part, read)?;
        Ok(())
    }

    /// Damage is noted, and the check goes on without that part.
    fn settle<T>(&mut self, part: &str, read: Result<T, SourceError>) -> Result<Option<T>, String> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(SourceError::Unavailable(reason)) => Err(reason),
            Err(SourceError::Damaged(reason)) => {
                let (rule, place) = (ViolationKind::FileDamaged, Place::part(part));
                let found = format_args!("{reason}; the rest of this part was not checked");
                self.findings.add(rule, place, found, "readable rows");
                Ok(None)
            }
        }
    }
}
