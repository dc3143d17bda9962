//! `fritzy cluster`: shows and operates a cluster through the admin API of any node.

mod client;
mod drain;
mod generation;
mod outcome;
mod table;
mod unserved;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use fritzy_domain::AccountId;
use serde_json::json;
use tokio::time::sleep;

use super::output::fail;
use super::runtime::current_thread_runtime;
use crate::admin::{ClusterView, DrainView, RebalancedView, ShardView};
use crate::settings::Settings;
use crate::signals::Signals;
use client::{AdminClient, AdminResponse};
use drain::drain;
use outcome::{CANNOT, NOT_YET, Outcome, print, render};
use unserved::unserved;

/// Between two polls of `status --watch`: nodes poll their tables about as often.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);
/// Characters that identify a node: a name has up to 63, an address some more than a host's 253.
const NODE_CHARS_MAX: usize = 300;
/// Moves the cursor of a terminal to the top left and clears the screen.
const CLEAR: &str = "\x1b[H\x1b[2J";

#[derive(Args)]
pub(super) struct ClusterCommand {
    /// Print the JSON response of the node instead of text
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    action: ClusterAction,
}

#[derive(Subcommand)]
enum ClusterAction {
    /// Show nodes, their shards, and how the called node sees them; exit code 0: all shards are
    /// served, 1: some are not, 2: no node can be called
    ///
    /// Calls the node at --admin-url with --admin-token; any node will do. Round trips, silences
    /// and the lease are those of that node. A shard is not served while it has no owner, or while
    /// the called node cannot reach its owner; a line on stderr says how many, and why.
    Status {
        /// Refresh once a second until Ctrl-C, which is exit code 0; on a terminal in place
        #[arg(long)]
        watch: bool,
    },
    /// Hand off all shards of a node, and wait until it is empty; exit code 0: it is empty, 1: not
    /// in time, no other node can take its shards, or it died, 2: no such node, or none can be
    /// called
    ///
    /// Requests continue, and the node forwards them to the new owners. It takes no shards until
    /// `fritzy cluster undrain` or its next start. Ctrl-C ends the waiting, not the draining. A
    /// node drains itself on SIGTERM.
    Drain {
        /// Name, id, or unique prefix of the id
        #[arg(value_parser = node)]
        node: String,
        /// Seconds to wait until the node is empty
        #[arg(
            long, value_name = "SECONDS", default_value = "60",
            value_parser = clap::value_parser!(u32).range(1..=86_400)
        )]
        timeout_s: u32,
    },
    /// Let a drained node take shards again; exit code 0: it does within seconds, 2: no such node,
    /// or none can be called
    Undrain {
        /// Name, id, or unique prefix of the id
        #[arg(value_parser = node)]
        node: String,
    },
    /// Move shards now to the nodes they belong on; exit code 0: all nodes informed, 1: some were
    /// not, 2: no node can be called
    ///
    /// Shards move without it once membership has been stable for some seconds. Only nodes
    /// connected to the called node are informed.
    Rebalance,
    /// Show the owner of a shard, and where it belongs; exit code 0: done, 2: no such shard, or no
    /// node can be called
    Shard {
        /// Number of the shard
        #[arg(value_name = "SHARD")]
        shard: u16,
    },
    /// Show shard and node of an account, product or order; exit code 0: done, 1: nothing has this
    /// id, 2: no node can be called, or the journal cannot be read
    ///
    /// For an unknown id it shows where the entity would be.
    Where {
        /// Id of the account, product or order
        #[arg(value_name = "ENTITY-ID", value_parser = entity)]
        id: AccountId,
    },
}

/// Checks the name, the id or its prefix, or the address that stands in for a missing name.
fn node(text: &str) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_ascii_graphic();
    if text.is_empty() || text.len() > NODE_CHARS_MAX || !text.chars().all(is_plain) {
        return Err(format!(
            "not a node's name or id: 1 to {NODE_CHARS_MAX} plain characters without spaces"
        ));
    }
    Ok(text.to_owned())
}

/// Parses an id; those of all kinds have the same format.
fn entity(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text, "id").map_err(|_| "not an id: 36 characters with hyphens".to_owned())
}

pub(super) fn run(command: ClusterCommand, settings: &Settings) -> ExitCode {
    let client = AdminClient::new(
        &settings.cluster.admin_url,
        settings.cluster.admin_token.as_ref(),
    );
    let client = match client {
        Ok(client) => client,
        Err(error) => return fail(&error.to_string(), CANNOT),
    };
    let runtime = match current_thread_runtime() {
        Ok(runtime) => runtime,
        Err(line) => return fail(&line, CANNOT),
    };
    let outcome = runtime.block_on(act(command, &client));
    // A write to a stalled reader must not keep this process alive.
    runtime.shutdown_background();
    let outcome = outcome.map_or_else(|outcome| outcome, |()| Outcome::SUCCESS);
    match outcome.line {
        Some(line) => fail(&line, outcome.code),
        None => ExitCode::from(outcome.code),
    }
}

async fn act(command: ClusterCommand, client: &AdminClient) -> Result<(), Outcome> {
    let ClusterCommand { json, action } = command;
    match action {
        ClusterAction::Status { watch: false } => {
            let response = client.get::<ClusterView>("/cluster").await?;
            print(render(&response, json, table::cluster)).await?;
            match unserved(&response.view) {
                Some(line) => Err(Outcome::with(NOT_YET, line)),
                None => Ok(()),
            }
        }
        ClusterAction::Status { watch: true } => watch(client, json).await,
        ClusterAction::Drain { node, timeout_s } => {
            let wait = Duration::from_secs(timeout_s.into());
            drain(client, &node, wait, json).await
        }
        ClusterAction::Undrain { node } => {
            let body = json!({ "node": node });
            let response: AdminResponse<DrainView> = client.post("/cluster/undrain", &body).await?;
            let text = |view: &DrainView| format!("{} takes shards again\n", view.node.shown());
            print(render(&response, json, text)).await
        }
        ClusterAction::Rebalance => {
            let response: AdminResponse<RebalancedView> =
                client.post("/cluster/rebalance", &json!({})).await?;
            let RebalancedView {
                told: notified,
                nodes,
            } = response.view;
            let text = |_: &RebalancedView| format!("{notified} of {nodes} nodes informed\n");
            print(render(&response, json, text)).await?;
            if notified < nodes {
                let line = "the called node is not connected to some others: `fritzy cluster status` shows them";
                return Err(Outcome::with(NOT_YET, line));
            }
            Ok(())
        }
        ClusterAction::Shard { shard } => {
            let path = format!("/cluster/shard/{shard}");
            let response = client.get::<ShardView>(&path).await?;
            print(render(&response, json, table::shard)).await
        }
        ClusterAction::Where { id } => {
            let path = format!("/cluster/where/{id}");
            let response = client.get::<ShardView>(&path).await?;
            print(render(&response, json, table::shard)).await?;
            match response.view.entity.unwrap_or_default().exists {
                Some(true) => Ok(()),
                Some(false) => Err(Outcome::with(NOT_YET, format!("nothing has the id {id}"))),
                None => {
                    let line = format!("whether anything has the id {id} is unknown");
                    Err(Outcome::with(CANNOT, line))
                }
            }
        }
    }
}

/// Shows the status until a signal. The first request must succeed; later the node may be
/// unreachable for a while.
async fn watch(client: &AdminClient, json: bool) -> Result<(), Outcome> {
    let signals = Signals::listen();
    let signals = signals
        .map_err(|failure| Outcome::with(CANNOT, format!("cannot receive signals: {failure}")))?;
    let watching = async {
        let clear = if json || !io::stdout().is_terminal() {
            ""
        } else {
            CLEAR
        };
        let mut first = true;
        loop {
            let received = client.get::<ClusterView>("/cluster").await;
            match received {
                Ok(response) => {
                    let text = render(&response, json, table::cluster);
                    print(format!("{clear}{text}")).await?;
                }
                Err(error) if first => return Err(Outcome::from(error)),
                Err(error) if json => {
                    let _ = fail(&error.to_string(), CANNOT);
                }
                Err(error) => print(format!("{clear}{error}\n")).await?,
            }
            first = false;
            sleep(WATCH_INTERVAL).await;
        }
    };
    tokio::select! {
        () = signals.any() => Ok(()),
        outcome = watching => outcome,
    }
}
