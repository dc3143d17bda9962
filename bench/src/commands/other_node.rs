//! `fritzy-bench other-node`: the node that handles the requests of the scenarios `remote-ask` and
//! `bare-call`, as a separate process.

use std::fs;
use std::io::{Write, stderr};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use fritzy_bench::{OtherNode, OtherNodeKind};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::log_like_a_node;

/// Handle requests of another node until SIGTERM; `run` starts it
#[derive(Args)]
pub(crate) struct OtherNodeCommand {
    /// What handles the requests
    kind: Kind,

    /// Address and port to listen on; port 0 selects a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// File into which the port is written once the node listens
    #[arg(long, value_name = "FILE")]
    port_file: PathBuf,

    /// Number of actors that handle bare calls
    #[arg(long, default_value = "1")]
    actors: u16,

    /// Number of accounts of the shop
    #[arg(long, default_value = "1000")]
    accounts: usize,

    /// Seed of the account ids
    #[arg(long, default_value = "1")]
    seed: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Bare,
    Echo,
    Shop,
}

impl OtherNodeCommand {
    pub(crate) async fn run(self) -> ExitCode {
        match self.serve().await {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                let _ = writeln!(stderr().lock(), "fritzy-bench other-node: {failure}");
                ExitCode::FAILURE
            }
        }
    }

    async fn serve(self) -> Result<(), Box<dyn std::error::Error>> {
        log_like_a_node();
        // Registered before the port is known, and so before SIGTERM can be sent.
        let mut terminate = signal(SignalKind::terminate())?;
        let kind = match self.kind {
            Kind::Bare => OtherNodeKind::Bare {
                actors: self.actors,
            },
            Kind::Echo => OtherNodeKind::Echo,
            Kind::Shop => OtherNodeKind::Shop {
                accounts: self.accounts,
                seed: self.seed,
            },
        };
        let listener = TcpListener::bind(self.listen).await?;
        let port = listener.local_addr()?.port();
        let node = OtherNode::start(listener, kind).await?;
        fs::write(&self.port_file, port.to_string())?;
        terminate.recv().await;
        node.stop().await;
        Ok(())
    }
}
