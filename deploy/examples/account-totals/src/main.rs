//! An example consumer of `order.events`: the total that each account has ordered and not
//! cancelled, with each order counted exactly once.
//!
//! Kafka delivers every event at least once, and the events of an order in the order of their
//! versions, repeats aside. Two rules make that exactly once. Offsets and totals are stored in one
//! transaction of the consumer's own database, so it continues exactly there after a crash. A
//! version of an order that it has processed is skipped whenever it is delivered again.
//!
//! A third rule is for a shop whose database went backwards. A marker on each partition then names,
//! for each shard, the last position that is still valid. Events of earlier generations behind it
//! never happened: those that were applied are dropped, and those that still arrive are skipped.

mod message;
mod reader;
mod totals;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use reader::{Next, Reader};
use totals::Totals;

/// Totals what each account has ordered and not cancelled, from `order.events` on Kafka
#[derive(Parser)]
struct Arguments {
    /// Addresses of brokers, host:port, separated by commas
    #[arg(long, env = "KAFKA_BROKERS")]
    brokers: String,
    /// The database of the totals, created if missing. For one consumer at a time
    #[arg(long, default_value = "account-totals.db")]
    state: PathBuf,
    /// Stop at the current end of the topic instead of at Ctrl-C
    #[arg(long)]
    until_end: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        #[expect(
            clippy::print_stderr,
            reason = "the error is the output of the program"
        )]
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
    #[expect(
        clippy::print_stdout,
        reason = "the totals are the output of the program"
    )]
    for line in totals.lines().await? {
        println!("{line}");
    }
    Ok(())
}
