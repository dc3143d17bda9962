//! `fritzy-bench replay`: its flags, its output, and its exit codes.

use std::io::{self, Write, stderr, stdout};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use fritzy_bench::replay::{
    OrderBook, OrdersFileError, Phase, ReplayError, ReplayOptions, ReplayOutcome, ReplayProgress,
    ReplayReport, replay,
};
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use super::EXIT_INTERRUPTED;
use super::display::ProgressDisplay;

/// Often enough for smooth progress.
const DISPLAY_EVERY: Duration = Duration::from_millis(100);

/// Create the orders of a file on a node, read everything back, and reconcile to the cent
///
/// Creates the file's accounts, products and orders over GraphQL, with idempotency keys derived
/// from the file's refs. Then reads every account with all its orders and every product, and
/// compares counts, ids, lines, prices and totals with the file. Another run adds nothing, because
/// the keys are the same.
///
/// Exit code 0: the node's data is exactly that of the file. 1: it is not, or the replay could not
/// be finished. 2: wrong flags. 130: interrupted; another run continues where this one stopped.
#[derive(Args)]
pub(crate) struct Replay {
    /// CSV with the columns order_ref, account_ref, placed_on (YYYY-MM-DD), product_ref,
    /// product_name, quantity (units, at least 1) and unit_price (at most two digits after the
    /// point); lines with one order_ref are one order
    file: PathBuf,

    /// GraphQL endpoint of the node; http only, TLS is not supported
    #[arg(long, default_value = "http://localhost:8000/graphql")]
    url: String,

    /// Maximum of requests in flight, 1 to 4096
    #[arg(long, value_name = "REQUESTS", default_value = "32",
          value_parser = clap::value_parser!(u16).range(1..=4096))]
    concurrency: u16,

    /// Seconds for which one request may fail before the replay gives up; 0 never retries. Retried,
    /// after 50 ms to 2 s each: lost connections, no response within 10 s, HTTP 5xx, and the error
    /// codes UNAVAILABLE, OVERLOADED and DEADLINE_EXCEEDED
    #[arg(long, value_name = "SECONDS", default_value = "60",
          value_parser = clap::value_parser!(u32).range(0..=86_400))]
    retry_for_secs: u32,

    /// Prefix of every idempotency key, as in `replay:order:o000003`; another prefix creates
    /// everything once more
    #[arg(long, value_name = "PREFIX", default_value = "replay", value_parser = NonEmptyStringValueParser::new())]
    key_prefix: String,

    /// Make the last line of stdout one JSON object: reconciled, accounts, products, orders, units,
    /// total (a string), differences (a count), first_differences, retries, seconds (of the whole
    /// run), orders_seconds and orders_per_s (of the creation of orders). If the run did not
    /// finish: reconciled, error and retries
    #[arg(long)]
    json: bool,

    /// Replay only the first N orders of the file, with their accounts and products. On a node that
    /// already has more of the file under the same keys, the others are reported as differences
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit_orders: Option<u32>,
}

/// Why the replay has no result.
enum Stopped {
    Failed(String),
    Interrupted(String),
}

impl Replay {
    pub(crate) async fn run(self) -> ExitCode {
        let progress = ReplayProgress::new();
        let (printed, code) = match self.replay(&progress).await {
            Ok(outcome) => {
                let code = u8::from(!outcome.report.reconciled());
                (self.print_report(&outcome.report), code)
            }
            Err(Stopped::Failed(reason)) => (self.print_stop(&reason, &progress), 1),
            Err(Stopped::Interrupted(reason)) => {
                (self.print_stop(&reason, &progress), EXIT_INTERRUPTED)
            }
        };
        // A result that could not be printed is a failure.
        let code = if printed.is_err() { code.max(1) } else { code };
        ExitCode::from(code)
    }

    async fn replay(&self, progress: &ReplayProgress) -> Result<ReplayOutcome, Stopped> {
        let book = self
            .book()
            .map_err(|error| Stopped::Failed(format!("{}: {error}", self.file.display())))?;
        let options = self.options();
        let mut run = pin!(replay(&book, &options, progress));
        let mut interrupt = pin!(interrupt());
        let mut ticks = interval(DISPLAY_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut display = ProgressDisplay::new();
        let result = loop {
            tokio::select! {
                result = &mut run => break result.map_err(|error| Stopped::Failed(with_advice(&error))),
                _ = &mut interrupt => break Err(Stopped::Interrupted(interrupted(progress))),
                _ = ticks.tick() => display.update(progress),
            }
        };
        display.update(progress);
        display.close();
        result
    }

    fn book(&self) -> Result<OrderBook, OrdersFileError> {
        let book = OrderBook::open(&self.file)?;
        Ok(match self.limit_orders {
            Some(count) => book.first_orders(count as usize),
            None => book,
        })
    }

    fn options(&self) -> ReplayOptions {
        ReplayOptions {
            url: self.url.clone(),
            concurrency: NonZeroUsize::new(usize::from(self.concurrency))
                .expect("the range of the flag begins at 1"),
            retry_for: Duration::from_secs(u64::from(self.retry_for_secs)),
            key_prefix: self.key_prefix.clone(),
            ..ReplayOptions::default()
        }
    }

    /// Prints differences first, the result last. With --json, stdout contains only the object.
    fn print_report(&self, report: &ReplayReport) -> io::Result<()> {
        let mut differences: Box<dyn Write> = if self.json {
            Box::new(stderr().lock())
        } else {
            Box::new(stdout().lock())
        };
        let named = report.differences.named();
        for difference in named {
            writeln!(differences, "difference: {difference}")?;
        }
        let more = report.differences.count() - named.len();
        if more > 0 {
            writeln!(differences, "and {more} more differences")?;
        }
        drop(differences);
        if self.json {
            writeln!(stdout().lock(), "{}", report.to_json())
        } else {
            writeln!(stdout().lock(), "{report}")
        }
    }

    fn print_stop(&self, reason: &str, progress: &ReplayProgress) -> io::Result<()> {
        #[derive(Serialize)]
        struct Facts<'a> {
            reconciled: bool,
            error: &'a str,
            retries: usize,
        }
        writeln!(stderr().lock(), "{reason}")?;
        if !self.json {
            return Ok(());
        }
        let facts = serde_json::to_string(&Facts {
            reconciled: false,
            error: reason,
            retries: progress.retries(),
        })?;
        writeln!(stdout().lock(), "{facts}")
    }
}

/// Returns after SIGINT; never if the signal cannot be handled.
async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The error, with advice where there is some.
fn with_advice(error: &ReplayError) -> String {
    let advice = match (error, error.code()) {
        (_, Some("IDEMPOTENCY_KEY_REUSED")) => {
            "\nthe node has this key with another request: use another --key-prefix"
        }
        (ReplayError::GaveUp { .. }, _) => "\nrun it again to continue",
        _ => "",
    };
    format!("{error}{advice}")
}

fn interrupted(progress: &ReplayProgress) -> String {
    let reached = Phase::ALL
        .iter()
        .rev()
        .find_map(|&phase| progress.phase(phase));
    let reached = reached.map_or_else(
        || "nothing was sent".to_owned(),
        |at| format!("{} {} of {}", at.phase.label(), at.done, at.total),
    );
    format!("interrupted ({reached}); run it again to continue")
}
