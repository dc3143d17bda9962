//! A replay from the file to the result.

use std::time::{Duration, Instant};

use super::create::create_all;
use super::difference::Differences;
use super::orders::OrderBook;
use super::outcome::{ReplayError, ReplayOptions, ReplayOutcome};
use super::progress::{Phase, ReplayProgress};
use super::read_back::read_back;
use super::reconcile::Reconciler;
use super::report::ReplayReport;
use super::session::Session;
use crate::GraphqlClient;

/// Creates everything in `book` on the node, reads it back and reconciles. `progress` must be new.
/// The orders of one account are created in no particular order. Dropping the future stops the
/// replay; because of the keys, another one can continue.
///
/// # Errors
/// [`ReplayError`] when a request fails permanently or for too long. Differences are not errors:
/// they are in the report.
pub async fn replay(
    book: &OrderBook,
    options: &ReplayOptions,
    progress: &ReplayProgress,
) -> Result<ReplayOutcome, ReplayError> {
    let began = Instant::now();
    let session = Session {
        client: GraphqlClient::new(&options.url)?,
        options,
        progress,
    };
    let mut differences = Differences::default();
    let ids = create_all(&session, book, &mut differences).await?;
    let mut reconciler = Reconciler::new(book, &ids, differences);
    read_back(&session, book, &ids, &mut reconciler).await?;
    let (read, differences) = reconciler.finish();
    let orders_took = progress
        .phase(Phase::Orders)
        .map_or(Duration::ZERO, |orders| orders.elapsed);
    let report = ReplayReport {
        read,
        expected: book.totals(),
        differences,
        retries: progress.retries(),
        took: began.elapsed(),
        orders_took,
    };
    Ok(ReplayOutcome { report, ids })
}
