//! `fritzy-bench other-node`: the node that is asked in the scenarios `remote-ask` and `bare-call`, as a process of its own.

use std::fs;
use std::io::{Write, stderr};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use fritzy_bench::{Answers, OtherNode};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::log_as_a_node;

/// Answer another node until SIGTERM; `run` starts it
#[derive(Args)]
pub(crate) struct OtherNodeCommand {
    /// What answers
    by: By,

    /// Address and port; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// File to write the port into once it listens
    #[arg(long, value_name = "FILE")]
    port_file: PathBuf,

    /// How many actors answer bare calls
    #[arg(long, default_value = "1")]
    actors: u16,

    /// How many accounts a shop has
    #[arg(long, default_value = "1000")]
    accounts: usize,

    /// What their ids follow from
    #[arg(long, default_value = "1")]
    seed: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum By {
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
        log_as_a_node();
        // Before anybody can know the port, and with it when to stop.
        let mut terminate = signal(SignalKind::terminate())?;
        let answers = match self.by {
            By::Bare => Answers::Bare {
                actors: self.actors,
            },
            By::Echo => Answers::Echo,
            By::Shop => Answers::Shop {
                accounts: self.accounts,
                seed: self.seed,
            },
        };
        let listener = TcpListener::bind(self.listen).await?;
        let port = listener.local_addr()?.port();
        let node = OtherNode::start(listener, answers).await?;
        fs::write(&self.port_file, port.to_string())?;
        terminate.recv().await;
        node.stop().await;
        Ok(())
    }
}
