//! `fritzy cluster`: how a cluster stands, and what operators have its nodes do. Asks the endpoint of any node.

mod client;
mod table;

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use fritzy_domain::AccountId;
use serde::Serialize;
use serde_json::json;
use tokio::time::sleep;

use super::fail;
use crate::admin::{ClusterView, DrainView, NodeView, RebalancedView, ShardView};
use crate::settings::Settings;
use crate::signals::Signals;
use client::{AdminClient, Answer, NoAnswer};

/// Exit code when something is not as it was wanted to be.
const NOT_YET: u8 = 1;
/// Exit code when nothing can be asked or done.
const CANNOT: u8 = 2;
/// Between two looks of `status --watch`: nodes look at their tables about as often.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// Between two looks at a node that gives its shards away.
const DRAIN_LOOK_EVERY: Duration = Duration::from_millis(300);
/// What names a node at most: a name has up to 63 characters, an address some more than a host's 253.
const NODE_CHARS_MAX: usize = 300;
/// To the upper left corner of a terminal, and nothing below.
const CLEAR: &str = "\x1b[H\x1b[2J";

#[derive(Args)]
pub(super) struct ClusterCommand {
    /// Print what the node answered, one JSON object, instead of lines for people
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    action: ClusterAction,
}

#[derive(Subcommand)]
enum ClusterAction {
    /// Tell which nodes there are, what each owns, and how the asked one sees the others; exit code 0: it is told, 2: no node
    /// can be asked
    ///
    /// Asks the node at --admin-url, with --admin-token; any node will do. Round trips, silences and the lease are that node's.
    Status {
        /// Go on, once a second, until Ctrl-C; on a terminal in place
        #[arg(long)]
        watch: bool,
    },
    /// Have a node give all its shards away, and wait until it is empty; exit code 0: it is, 1: it is not when the time is over,
    /// nobody can take its shards, or it has died, 2: there is no such node, or none can be asked
    ///
    /// Requests go on meanwhile, and the node passes them to the new owners. It takes no shards until `fritzy cluster undrain`
    /// or its next start. Ctrl-C ends the waiting, not the draining. A node that ends by SIGTERM does this by itself.
    Drain {
        /// Its name, its id, or what only its id begins with
        #[arg(value_parser = node)]
        node: String,
        /// Seconds to wait at most
        #[arg(
            long, value_name = "SECONDS", default_value = "60",
            value_parser = clap::value_parser!(u32).range(1..=86_400)
        )]
        timeout_s: u32,
    },
    /// Have a node take shards again that was drained; exit code 0: it does within some seconds, 2: there is no such node, or
    /// none can be asked
    Undrain {
        /// Its name, its id, or what only its id begins with
        #[arg(value_parser = node)]
        node: String,
    },
    /// Have shards move now to the nodes that they belong on; exit code 0: all nodes were told, 1: some were not, 2: no node can
    /// be asked
    ///
    /// They do so by themselves once the nodes have been the same for some seconds. Nodes without a connection to the asked one
    /// are not told.
    Rebalance,
    /// Tell who owns a shard, and where it belongs; exit code 0: it is told, 2: there is no such shard, or no node can be asked
    Shard {
        /// Its number
        #[arg(value_name = "SHARD")]
        shard: u16,
    },
    /// Tell the shard and the node of an account, a product or an order; exit code 0: it is told, 1: nothing has this id, 2: no
    /// node can be asked, or the node cannot read the journal
    ///
    /// Where nothing has the id, tells where it would be.
    Where {
        /// Its id
        #[arg(value_name = "ENTITY-ID", value_parser = entity)]
        id: AccountId,
    },
}

/// A name, an id or what it begins with, or the address that a node without a name is called by.
fn node(text: &str) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_ascii_graphic();
    if text.is_empty() || text.len() > NODE_CHARS_MAX || !text.chars().all(is_plain) {
        return Err(format!(
            "not a node's name or id: 1 to {NODE_CHARS_MAX} plain characters without spaces"
        ));
    }
    Ok(text.to_owned())
}

/// Ids of all kinds are written alike.
fn entity(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text, "id").map_err(|_| "not an id: 36 characters with hyphens".to_owned())
}

/// How a command ended.
struct Ended {
    code: u8,
    /// For the standard error.
    line: Option<String>,
}

impl Ended {
    const WELL: Self = Self {
        code: 0,
        line: None,
    };

    fn with(code: u8, line: impl Into<String>) -> Self {
        let line = Some(line.into());
        Self { code, line }
    }
}

impl From<NoAnswer> for Ended {
    fn from(none: NoAnswer) -> Self {
        let code = if none.is_conflict() { NOT_YET } else { CANNOT };
        Self::with(code, none.to_string())
    }
}

impl From<io::Error> for Ended {
    fn from(failure: io::Error) -> Self {
        match failure.kind() {
            // The reader's wish.
            ErrorKind::BrokenPipe => Self::WELL,
            _ => Self::with(CANNOT, format!("nothing can be written: {failure}")),
        }
    }
}

pub(super) fn run(command: ClusterCommand, settings: &Settings) -> ExitCode {
    let client = AdminClient::new(
        &settings.cluster.admin_url,
        settings.cluster.admin_token.as_ref(),
    );
    let client = match client {
        Ok(client) => client,
        Err(none) => return fail(&none.to_string(), CANNOT),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(failure) => return fail(&format!("the runtime does not start: {failure}"), CANNOT),
    };
    let ended = runtime.block_on(act(command, &client));
    // A write that nobody takes must not keep this process.
    runtime.shutdown_background();
    let ended = ended.map_or_else(|ended| ended, |()| Ended::WELL);
    match ended.line {
        Some(line) => fail(&line, ended.code),
        None => ExitCode::from(ended.code),
    }
}

async fn act(command: ClusterCommand, client: &AdminClient) -> Result<(), Ended> {
    let ClusterCommand { json, action } = command;
    match action {
        ClusterAction::Status { watch: false } => {
            let answer = client.get::<ClusterView>("/cluster").await?;
            print(shown(&answer, json, table::cluster)).await
        }
        ClusterAction::Status { watch: true } => watch(client, json).await,
        ClusterAction::Drain { node, timeout_s } => {
            let most = Duration::from_secs(timeout_s.into());
            drain(client, &node, most, json).await
        }
        ClusterAction::Undrain { node } => {
            let body = json!({ "node": node });
            let answer: Answer<DrainView> = client.post("/cluster/undrain", &body).await?;
            let text = |view: &DrainView| format!("{} takes shards again\n", view.node.shown());
            print(shown(&answer, json, text)).await
        }
        ClusterAction::Rebalance => {
            let answer: Answer<RebalancedView> =
                client.post("/cluster/rebalance", &json!({})).await?;
            let RebalancedView { told, nodes } = answer.view;
            let text = |_: &RebalancedView| format!("{told} of {nodes} nodes were told\n");
            print(shown(&answer, json, text)).await?;
            if told < nodes {
                let line = "the asked node has no connection to some others: `fritzy cluster status` names them";
                return Err(Ended::with(NOT_YET, line));
            }
            Ok(())
        }
        ClusterAction::Shard { shard } => {
            let path = format!("/cluster/shard/{shard}");
            let answer = client.get::<ShardView>(&path).await?;
            print(shown(&answer, json, table::shard)).await
        }
        ClusterAction::Where { id } => {
            let path = format!("/cluster/where/{id}");
            let answer = client.get::<ShardView>(&path).await?;
            print(shown(&answer, json, table::shard)).await?;
            match answer.view.entity.unwrap_or_default().exists {
                Some(true) => Ok(()),
                Some(false) => Err(Ended::with(NOT_YET, format!("nothing has the id {id}"))),
                None => {
                    let line = format!("whether anything has the id {id} is not known");
                    Err(Ended::with(CANNOT, line))
                }
            }
        }
    }
}

/// An answer as it came, or for people.
fn shown<T>(answer: &Answer<T>, json: bool, text: impl Fn(&T) -> String) -> String {
    if json {
        answer.text.clone()
    } else {
        text(&answer.view)
    }
}

/// Shows the status until a signal. The first answer must come; later, a node may be away for a while.
async fn watch(client: &AdminClient, json: bool) -> Result<(), Ended> {
    let signals = Signals::listen();
    let signals = signals
        .map_err(|failure| Ended::with(CANNOT, format!("signals cannot be heard: {failure}")))?;
    let watching = async {
        let clear = if json || !io::stdout().is_terminal() {
            ""
        } else {
            CLEAR
        };
        let mut first = true;
        loop {
            let answered = client.get::<ClusterView>("/cluster").await;
            match answered {
                Ok(answer) => {
                    let text = shown(&answer, json, table::cluster);
                    print(format!("{clear}{text}")).await?;
                }
                Err(none) if first => return Err(Ended::from(none)),
                Err(none) if json => {
                    let _ = fail(&none.to_string(), CANNOT);
                }
                Err(none) => print(format!("{clear}{none}\n")).await?,
            }
            first = false;
            sleep(WATCH_EVERY).await;
        }
    };
    tokio::select! {
        () = signals.any() => Ok(()),
        ended = watching => ended,
    }
}

async fn drain(
    client: &AdminClient,
    wanted: &str,
    most: Duration,
    json: bool,
) -> Result<(), Ended> {
    let began = Instant::now();
    let body = json!({ "node": wanted });
    let answer: Answer<DrainView> = client.post("/cluster/drain", &body).await?;
    let id = answer.view.node.id.clone();
    let name = answer.view.node.shown().to_owned();
    let mut left = answer.view.shards;
    tell_left(json, &name, left).await?;
    loop {
        let answered = client.get::<ClusterView>("/cluster").await;
        let view = match answered {
            Ok(answer) => answer.view,
            // The asked node may start again, or its database be away for a moment.
            Err(_) if began.elapsed() < most => {
                sleep(DRAIN_LOOK_EVERY).await;
                continue;
            }
            Err(none) => {
                let line = format!("{none}. {name} goes on giving its shards away");
                return Err(Ended::with(CANNOT, line));
            }
        };
        if view.gone.iter().any(|gone| gone.id == id) {
            let line = format!(
                "{name} was taken for dead before it was empty; the others take what it had"
            );
            return Err(Ended::with(NOT_YET, line));
        }
        let Some(node) = view.nodes.into_iter().find(|node| node.id == id) else {
            return print_end(json, None, format!("{name} has left\n")).await;
        };
        if node.shards == 0 && node.draining {
            let end = format!(
                "{name} is empty; it takes no shards until `fritzy cluster undrain {name}` or its next start\n"
            );
            return print_end(json, Some(&node), end).await;
        }
        if !node.draining {
            let line = format!("{name} takes shards again: somebody else has undrained it");
            return Err(Ended::with(NOT_YET, line));
        }
        if node.shards != left {
            left = node.shards;
            tell_left(json, &name, left).await?;
        }
        if began.elapsed() >= most {
            let seconds = most.as_secs();
            let line = format!(
                "{name} still owns {left} shards after {seconds} s, and goes on giving them away: wait on with `fritzy cluster drain {name}`, or end it with `fritzy cluster undrain {name}`"
            );
            return Err(Ended::with(NOT_YET, line));
        }
        sleep(DRAIN_LOOK_EVERY).await;
    }
}

async fn tell_left(json: bool, name: &str, left: usize) -> Result<(), Ended> {
    if json {
        return Ok(());
    }
    print(format!("{name}: {left} shards left\n")).await
}

async fn print_end(json: bool, node: Option<&NodeView>, text: String) -> Result<(), Ended> {
    #[derive(Serialize)]
    struct Drained<'n> {
        /// `None` when it has left.
        node: Option<&'n NodeView>,
    }
    if !json {
        return print(text).await;
    }
    let text = serde_json::to_string(&Drained { node }).expect("a node is JSON");
    print(format!("{text}\n")).await
}

/// Writes on a thread of its own: a reader may take his time, and signals are heard meanwhile.
async fn print(text: String) -> Result<(), Ended> {
    let writing = tokio::task::spawn_blocking(move || {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    });
    Ok(writing.await.expect("writing does not panic")?)
}
