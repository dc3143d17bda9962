//! The check: part by part, over the rows of one database.

use fritzy_domain::Kind;
use fritzy_types::ShardCount;

use super::findings::Findings;
use super::location::{Location, id_text};
use super::merge::check_entities;
use super::progress::VerifyProgress;
use super::report::{Checked, VerifyReport};
use super::shards::ShardCheck;
use super::source::{ListedTo, Source, SourceError};
use super::uniqueness::{SharedReferenceCheck, UniquenessCheck};
use super::violation::ViolationKind;

/// Findings of SQLite's own check that are listed; more would not change what to do, which is to
/// restore a backup.
const DAMAGES_MAX: u32 = 100;

/// Checks every invariant that rows can show. A damaged part is a violation, and the others are
/// still checked.
///
/// # Errors
/// The store's message when rows cannot be read: then nothing is known.
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
    /// Checks the schema and the file. Returns `false` when rows cannot be read at all.
    async fn structure(&mut self) -> Result<bool, String> {
        let part = "the schema";
        self.progress.begin(part);
        let differences = self.source.schema_differences().await;
        let differences = self.noted(part, differences)?;
        let readable = differences
            .as_ref()
            .is_some_and(|all| all.iter().all(|difference| difference.readable));
        for difference in differences.unwrap_or_default() {
            let rule = ViolationKind::SchemaDiffers;
            let location = Location::part(difference.object);
            let (found, expected) = (difference.found, difference.expected);
            self.findings.add(rule, location, found, expected);
        }
        let part = "the file's structure";
        self.progress.begin(part);
        let damages = self.source.damages(DAMAGES_MAX).await;
        for damage in self.noted(part, damages)?.unwrap_or_default() {
            let (rule, location) = (ViolationKind::FileDamaged, Location::part(part));
            self.findings.add(rule, location, damage, "a sound file");
        }
        Ok(readable)
    }

    async fn rows(&mut self) -> Result<(), String> {
        let shards = self.shards().await?;
        self.listed_to().await?;
        self.entities(shards).await?;
        self.uniqueness().await?;
        self.references().await?;
        self.accounts_of_orders().await
    }

    /// Returns the number of shards, if the database has one that can be read.
    async fn shards(&mut self) -> Result<Option<ShardCount>, String> {
        let progress = self.progress;
        let part = "the table of shards";
        progress.begin(part);
        let written = self.source.shard_count().await;
        let written = self.noted(part, written)?.flatten();
        let mut shards = ShardCheck::new(written.as_deref(), &mut self.findings);
        let (findings, checked) = (&mut self.findings, &mut self.checked);
        let each = &mut |row| {
            checked.shards += 1;
            shards.take_row(row, findings);
        };
        let read = self.source.shards(each).await;
        self.noted(part, read)?;
        shards.finish_rows(&mut self.findings);

        let part = "positions";
        progress.begin(part);
        let (findings, checked) = (&mut self.findings, &mut self.checked);
        let each = &mut |(shard, position)| {
            progress.add_rows(1);
            checked.events += 1;
            shards.take_position(shard, position, findings);
        };
        let read = self.source.positions(each).await;
        self.noted(part, read)?;
        Ok(shards.count())
    }

    /// Orders that take the place of lost rows of the journal would otherwise never be listed.
    async fn listed_to(&mut self) -> Result<(), String> {
        let part = "the place up to which orders are listed";
        let read = self.source.listed_to().await;
        let Some(ListedTo { listed_to, end }) = self.noted(part, read)?.flatten() else {
            return Ok(());
        };
        let expected = format_args!("a row of the journal, which has {end}");
        let (rule, location) = (ViolationKind::ListedToWrong, Location::part(part));
        match listed_to {
            None => self.findings.add(rule, location, "nothing", expected),
            Some(found) if !(0..=end).contains(&found) => {
                self.findings.add(rule, location, found, expected);
            }
            Some(_) => {}
        }
        Ok(())
    }

    async fn entities(&mut self, shards: Option<ShardCount>) -> Result<(), String> {
        let part = "entities";
        self.progress.begin(part);
        let checked = check_entities(
            self.source,
            shards,
            self.progress,
            &mut self.checked,
            &mut self.findings,
        );
        let checked = checked.await;
        self.noted(part, checked).map(drop)
    }

    async fn uniqueness(&mut self) -> Result<(), String> {
        let part = "event ids";
        self.progress.begin(part);
        let (findings, mut unique) = (&mut self.findings, UniquenessCheck::default());
        let each = &mut |row| unique.take_event(row, findings);
        let read = self.source.duplicate_event_ids(each).await;
        self.noted(part, read)?;

        let part = "commands";
        self.progress.begin(part);
        let (findings, mut unique) = (&mut self.findings, UniquenessCheck::default());
        let each = &mut |row| unique.take_command(row, findings);
        let read = self.source.repeated_commands(each).await;
        self.noted(part, read).map(drop)
    }

    async fn references(&mut self) -> Result<(), String> {
        let part = "external references";
        self.progress.begin(part);
        for kind in [Kind::Account, Kind::Product, Kind::Order] {
            let mut check = SharedReferenceCheck::new(kind);
            let findings = &mut self.findings;
            let each = &mut |row| check.take(row, findings);
            let read = self.source.shared_references(kind, each).await;
            self.noted(part, read)?;
        }
        Ok(())
    }

    async fn accounts_of_orders(&mut self) -> Result<(), String> {
        let part = "accounts of orders";
        self.progress.begin(part);
        let findings = &mut self.findings;
        let each = &mut |(order, account): (Vec<u8>, Vec<u8>)| {
            let location = Location::entity(Some(Kind::Order), &order);
            let account = id_text(&account);
            let found = format_args!("account {account}, which was never created");
            let rule = ViolationKind::AccountMissing;
            findings.add(rule, location, found, "an account of the journal");
        };
        let read = self.source.orders_without_account(each).await;
        self.noted(part, read).map(drop)
    }

    /// Reports damage as a violation, so that the check continues without that part.
    fn noted<T>(&mut self, part: &str, read: Result<T, SourceError>) -> Result<Option<T>, String> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(SourceError::Unavailable(reason)) => Err(reason),
            Err(SourceError::Damaged(reason)) => {
                let (rule, location) = (ViolationKind::FileDamaged, Location::part(part));
                let found = format_args!("{reason}; the rest of this part was not checked");
                self.findings.add(rule, location, found, "readable rows");
                Ok(None)
            }
        }
    }
}
