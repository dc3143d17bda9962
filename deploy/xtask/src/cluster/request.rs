//! Commands for a cluster, and the requests to the process that owns it.

use serde::{Deserialize, Serialize};

use super::state::ClusterState;

/// More nodes on one machine only slow each other down.
pub(super) const NODES_MAX: u16 = 16;

/// How to start a cluster.
#[derive(clap::Args)]
pub(super) struct NewCluster {
    /// Number of nodes, from 1 to 16.
    #[arg(default_value = "3", value_parser = node_count)]
    pub(super) nodes: u16,
    /// Build the node without optimization: faster to build, slower to run.
    #[arg(long)]
    pub(super) dev: bool,
    /// Start no broker; events stay in the journal.
    #[arg(long)]
    pub(super) no_kafka: bool,
}

/// Commands for the running cluster. They can also be typed into its terminal, without `cargo xtask
/// cluster`.
#[derive(Debug, Clone, Copy, clap::Subcommand)]
pub(super) enum Command {
    /// Show the state, address, process id and log of each node.
    Status,
    /// Start one more node.
    Add,
    /// Start a node that has ended, with its name, ports and log.
    Start {
        /// Its number, written as `2` or `n2`.
        #[arg(value_parser = node_number)]
        node: u16,
    },
    /// SIGTERM: the node hands off its shards while it serves, then ends. Returns once it has
    /// ended.
    Stop {
        /// Its number, written as `2` or `n2`.
        #[arg(value_parser = node_number)]
        node: u16,
    },
    /// SIGKILL: the node ends immediately, in the middle of its work.
    Kill {
        /// Its number, written as `2` or `n2`.
        #[arg(value_parser = node_number)]
        node: u16,
    },
    /// Stop and start a node, or all of them one after the other, as for a new version.
    Restart {
        /// Its number; without one, all nodes.
        #[arg(value_parser = node_number)]
        node: Option<u16>,
    },
}

/// A request to the process that owns the nodes. The response is immediate; the client then polls
/// for the outcome.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum ControlRequest {
    Status,
    Add,
    Start(u16),
    Stop(u16),
    Kill(u16),
}

/// The response to a [`ControlRequest`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ControlResponse {
    /// For people: what happens now, or why nothing does.
    pub(super) message: String,
    /// Whether the request is being carried out.
    pub(super) done: bool,
    pub(super) state: ClusterState,
}

fn node_count(text: &str) -> Result<u16, String> {
    let number = text.parse().ok();
    let in_range = number.filter(|number| (1..=NODES_MAX).contains(number));
    in_range.ok_or_else(|| {
        format!(
            "neither a number of nodes, 1 to {NODES_MAX}, nor status, add, start, stop, kill or restart"
        )
    })
}

/// `2`, or `n2`, the node's name.
fn node_number(text: &str) -> Result<u16, String> {
    let digits = text.strip_prefix('n').unwrap_or(text);
    digits
        .parse()
        .map_err(|_| "not the number of a node, such as 2".to_owned())
}
