//! `fritzy-bench ceiling-server`: the server of the scenarios `ceiling` and `hello`. `run` starts
//! it as a separate process, so that both variants of a comparison have the same layout.

use std::fs;
use std::io::{self, Write, stderr};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use fritzy_bench::baseline_accounts;
use fritzy_bench_support::BaselineServer;
use tokio::signal::unix::{SignalKind, signal};

use super::log_like_a_node;

/// Serve accounts from a hash map until SIGTERM; `run` starts it
#[derive(Args)]
pub(crate) struct BaselineServerCommand {
    /// Address and port to listen on; port 0 selects a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// File into which the port is written once the server listens
    #[arg(long, value_name = "FILE")]
    port_file: PathBuf,

    /// Number of accounts to generate from the seed; all of them are in memory
    #[arg(long, default_value = "1000")]
    accounts: usize,

    /// Seed of the account ids
    #[arg(long, default_value = "1")]
    seed: u64,
}

impl BaselineServerCommand {
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
        log_like_a_node();
        // Registered before the port is known, and so before SIGTERM can be sent.
        let mut terminate = signal(SignalKind::terminate())?;
        let accounts = baseline_accounts(self.seed, self.accounts);
        let server = BaselineServer::start(self.listen, accounts).await?;
        fs::write(&self.port_file, server.address().port().to_string())?;
        terminate.recv().await;
        server.stop().await;
        Ok(())
    }
}
