//! The replay: the file of orders, a mock node that fails on purpose, and real nodes that are
//! killed. Temporary faults must reconcile, permanent ones must be reported.

mod command;
mod differences;
mod mock_node;
mod node_kill;
mod orders_file;
mod passing;

use std::fmt::Write;
use std::num::NonZeroUsize;
use std::time::Duration;

use fritzy_bench::replay::{
    OrderBook, ReplayError, ReplayOptions, ReplayOutcome, ReplayProgress, replay,
};
use mock_node::MockNode;

/// Account c0 has 205 orders (three pages), c1 exactly one page, c2 three orders of two lines.
fn book_text() -> String {
    let mut text = String::from(
        "order_ref,account_ref,placed_on,product_ref,product_name,quantity,unit_price\n",
    );
    let price = |product: usize| format!("{}.{:02}", product * 10, product * 7);
    for (account, orders) in [(0, 205), (1, 100), (2, 3)] {
        for order in 0..orders {
            for line in 0..if account == 2 { 2 } else { 1 } {
                let product = (order + line) % 5;
                let (quantity, price) = (order % 3 + 1, price(product));
                writeln!(
                    text,
                    "o{account}-{order},c{account},2000-01-01,p{product},CD {product},{quantity},{price}"
                )
                .expect("writing to a String cannot fail");
            }
        }
    }
    text
}

fn book() -> OrderBook {
    OrderBook::read(book_text().as_bytes()).expect("valid")
}

fn options(node: &MockNode) -> ReplayOptions {
    ReplayOptions {
        url: node.url.clone(),
        concurrency: NonZeroUsize::new(8).expect("8"),
        retry_for: Duration::from_secs(30),
        ..ReplayOptions::default()
    }
}

async fn run(node: &MockNode) -> Result<ReplayOutcome, ReplayError> {
    replay(&book(), &options(node), &ReplayProgress::new()).await
}
