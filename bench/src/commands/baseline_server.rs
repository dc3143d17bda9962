//! `fritzy-bench ceiling-server`: the server of the scenarios `ceiling` and `hello`. `run` starts it as a process of
//! its own, so that both sides of a comparison have the same layout.

use std::fs;
use std::io::{self, Write, stderr};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use fritzy_bench::ceiling_accounts;
use fritzy_bench_support::BaselineServer;
use tokio::signal::unix::{SignalKind, signal};

use super::log_as_a_node;

/// Serve accounts from a hash map until SIGTERM; `run` starts it
#[derive(Args)]
pub(crate) struct CeilingServer {
    /// Address and port; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// File to write the port into once it listens
    #[arg(long, value_name = "FILE")]
    port_file: PathBuf,

    /// How many accounts
    #[arg(long, default_value = "1000")]
    accounts: usize,

    /// What their ids follow from
    #[arg(long, default_value = "1")]
    seed: u64,
}

impl CeilingServer {
    pub(crate) async fn run(self) -> ExitCode {
        match self.serve().await {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                let _ = writeln!(stderr().lock(), "fritzy-bench ceiling-server: {failure}");
                ExitCode::FAILURE
            }
        }
    }

    async fn serve(self) -> io::Result<()> {
        log_as_a_node();
        // Before anybody can know the port, and with it when to stop.
        let mut terminate = signal(SignalKind::terminate())?;
        let accounts = ceiling_accounts(self.seed, self.accounts);
        let ceiling = BaselineServer::start(self.listen, accounts).await?;
        fs::write(&self.port_file, ceiling.address().port().to_string())?;
        terminate.recv().await;
        ceiling.stop().await;
        Ok(())
    }
}
