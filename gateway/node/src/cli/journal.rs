//! `fritzy journal verify`: checks a database against the invariants; the exit code is the result.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Subcommand;
use fritzy_persistence::{
    Location, VerifyConfig, VerifyProgress, VerifyReport, Violation, verify_postgres, verify_sqlite,
};
use serde_json::{Map, Value, json};

use super::output::{fail, out};
use super::runtime::current_thread_runtime;
use crate::settings::Settings;

/// Exit code for a database that violates an invariant.
const VIOLATIONS: u8 = 1;
/// Exit code for a database that cannot be checked.
const CANNOT_CHECK: u8 = 2;
/// Version of the JSON object: raised by incompatible changes.
const SCHEMA_VERSION: u32 = 1;
/// Between two lines of progress in a file, which accumulates them.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);
/// Between two updates of the line of progress on a terminal.
const PROGRESS_ON_TERMINAL_EVERY: Duration = Duration::from_millis(500);

#[derive(Subcommand)]
pub(super) enum JournalAction {
    /// Check the database against the invariants; exit code 0: all hold, 1: some are violated, 2:
    /// it cannot be checked
    ///
    /// Needs no node, and may run next to one: it reads everything in one transaction, as of its
    /// start, and writes nothing. While it runs, the write-ahead log (fritzy.db-wal) cannot be
    /// truncated and grows with every write; a node that stops meanwhile leaves it for the next
    /// start. It sorts the ids of all events in the temporary folder (SQLITE_TMPDIR), some 30 bytes
    /// each. With --database-url, the server sorts them in its own temporary files.
    /// docs/reference/verify.md explains the output.
    Verify {
        /// Print one JSON object instead of lines
        #[arg(long)]
        json: bool,

        /// Violations to list, 0 to 1000000; all are counted. The first thousand suffice for a
        /// diagnosis, and each takes up to 1 KB of memory
        #[arg(
            long, default_value = "1000", value_name = "NUMBER",
            value_parser = clap::value_parser!(u32).range(0..=1_000_000)
        )]
        violations_max: u32,
    },
}

pub(super) fn run(action: JournalAction, settings: &Settings) -> ExitCode {
    let JournalAction::Verify {
        json,
        violations_max,
    } = action;
    let runtime = match current_thread_runtime() {
        Ok(runtime) => runtime,
        Err(line) => return fail(&line, CANNOT_CHECK),
    };
    let violations_max = usize::try_from(violations_max).unwrap_or(usize::MAX);
    let progress = VerifyProgress::default();
    let report = runtime.block_on(async {
        tokio::select! {
            report = verify(settings, violations_max, &progress) => report,
            never = show_progress(&progress) => match never {},
        }
    });
    if std::io::stderr().is_terminal() {
        print_progress("\r\x1b[K");
    }
    let report = match report {
        Ok(report) => report,
        Err(line) => return fail(&line, CANNOT_CHECK),
    };
    let database = match &settings.database_url {
        Some(url) => format!("{url:?}"),
        None => settings.database().display().to_string(),
    };
    out(&if json {
        format!("{}\n", as_json(&database, &report))
    } else {
        as_text(&database, &report)
    });
    if report.total() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(VIOLATIONS)
    }
}

async fn verify(
    settings: &Settings,
    violations_max: usize,
    progress: &VerifyProgress,
) -> Result<VerifyReport, String> {
    match &settings.database_url {
        Some(url) => verify_postgres(url.secret(), violations_max, progress)
            .await
            .map_err(|failure| failure.to_string()),
        None => {
            let file = settings.database();
            let config = VerifyConfig {
                file,
                violations_max,
            };
            let report = verify_sqlite(&config, progress).await;
            report.map_err(|failure| failure.to_string())
        }
    }
}

/// Prints progress periodically, until it is dropped.
async fn show_progress(progress: &VerifyProgress) -> std::convert::Infallible {
    let terminal = std::io::stderr().is_terminal();
    let (every, before, after) = if terminal {
        (PROGRESS_ON_TERMINAL_EVERY, "\r\x1b[K", "")
    } else {
        (PROGRESS_EVERY, "", "\n")
    };
    let began = Instant::now();
    loop {
        tokio::time::sleep(every).await;
        let (part, rows) = progress.now();
        let seconds = began.elapsed().as_secs();
        let rows = match rows {
            0 => String::new(),
            rows => format!(", {rows} events"),
        };
        print_progress(&format!(
            "{before}fritzy: checking {part}{rows} ({seconds} s){after}"
        ));
    }
}

fn print_progress(text: &str) {
    let mut stderr = std::io::stderr();
    // Failing to print progress does not stop the check.
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

fn as_text(database: &str, report: &VerifyReport) -> String {
    let lines = report.violations.iter().map(|line| format!("{line}\n"));
    let mut text: String = lines.collect();
    let (total, shown) = (report.total(), report.violations.len());
    let checked = report.checked;
    let checked_rows = format!(
        "{} events of {} entities in {} shards; state rows of {} accounts, {} products, {} orders",
        checked.events,
        checked.entities,
        checked.shards,
        checked.accounts,
        checked.products,
        checked.orders
    );
    if total == 0 {
        return format!("{database} is clean: {checked_rows}\n");
    }
    let kinds: Vec<String> = report
        .counts
        .iter()
        .map(|(kind, count)| format!("{count} {}", kind.name()))
        .collect();
    let word = if total == 1 {
        "violation"
    } else {
        "violations"
    };
    text.push_str(&format!("{database} has {total} {word}"));
    if shown as u64 != total {
        text.push_str(&format!(", of which {shown} are shown (--violations-max)"));
    }
    text.push_str(&format!(
        ": {}; checked: {checked_rows}\n",
        kinds.join(", ")
    ));
    text
}

fn as_json(database: &str, report: &VerifyReport) -> Value {
    let checked = report.checked;
    let counts: Map<String, Value> = report
        .counts
        .iter()
        .map(|(kind, count)| (kind.name().to_owned(), (*count).into()))
        .collect();
    let violations: Vec<Value> = report.violations.iter().map(violation).collect();
    json!({
        "schema_version": SCHEMA_VERSION,
        "database": database,
        "clean": report.total() == 0,
        "checked": {
            "shards": checked.shards,
            "events": checked.events,
            "entities": checked.entities,
            "accounts": checked.accounts,
            "products": checked.products,
            "orders": checked.orders,
        },
        "violations_total": report.total(),
        "violations_by_kind": counts,
        "truncated": report.total() - violations.len() as u64,
        "violations": violations,
    })
}

fn violation(violation: &Violation) -> Value {
    json!({
        "kind": violation.kind.name(),
        "invariant": violation.kind.invariant(),
        "where": place(&violation.location),
        "found": violation.found,
        "expected": violation.expected,
    })
}

/// The known parts of a location.
fn place(place: &Location) -> Value {
    let parts = [
        ("part", json!(place.part)),
        ("shard", json!(place.shard)),
        ("position", json!(place.position)),
        ("entity", json!(place.kind.map(|kind| kind.to_string()))),
        ("id", json!(place.id)),
        ("version", json!(place.version)),
        ("field", json!(place.field)),
    ];
    let known = parts.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(
        known
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}
