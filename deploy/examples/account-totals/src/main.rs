//! An example of a consumer of `order.events`: what each account has ordered and not cancelled, each order counted
//! exactly once.
//!
//! Kafka tells everything at least once, and each order's events in the order of their versions, repeats aside. That is
//! enough, with two rules: how far it has read and what came of it are stored in one transaction of its own database, so
//! it goes on exactly there after any end; and a version of an order that it has passed is left out, however often it
//! comes again.

mod message;
mod reader;
mod totals;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use reader::{Next, Reader};
use totals::Totals;

/// Counts what each account has ordered and not cancelled, from `order.events` on Kafka
#[derive(Parser)]
struct Arguments {
    /// Addresses of brokers, host:port, separated by commas
    #[arg(long, env = "KAFKA_BROKERS")]
    brokers: String,
    /// The database with the totals, made if missing. One consumer each
    #[arg(long, default_value = "account-totals.db")]
    state: PathBuf,
    /// End at what is the end of the topic now; otherwise at Ctrl-C
    #[arg(long)]
    until_end: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        #[expect(clippy::print_stderr, reason = "for whoever started it")]
        Err(failure) => {
            eprintln!("account-totals: {failure:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    let mut totals = Totals::open(&arguments.state).await?;
    let from = totals.read_up_to().await?;
    let mut reader = Reader::new(&arguments.brokers, &from, arguments.until_end)?;
    loop {
        let next = tokio::select! {
            next = reader.next() => next?,
            _ = tokio::signal::ctrl_c() => break,
        };
        match next {
            Next::Messages(messages) => totals.apply(&messages).await?,
            Next::End => break,
        }
    }
    #[expect(clippy::print_stdout, reason = "this is what it is for")]
    for line in totals.lines().await? {
        println!("{line}");
    }
    Ok(())
}
