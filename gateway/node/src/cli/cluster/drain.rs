//! `fritzy cluster drain`: drains a node, and follows it until it is empty.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;
use tokio::time::sleep;

use super::client::{AdminClient, AdminResponse};
use super::outcome::{CANNOT, NOT_YET, Outcome, print};
use crate::admin::{ClusterView, DrainView, NodeView};

/// Between two polls of a draining node.
const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// How far a node has drained.
enum Progress {
    /// It has left the cluster.
    Left,
    /// It is a member without shards.
    Empty(NodeView),
    /// It owns so many shards.
    Remaining(usize),
}

pub(super) async fn drain(
    client: &AdminClient,
    wanted: &str,
    wait: Duration,
    json: bool,
) -> Result<(), Outcome> {
    let began = Instant::now();
    let body = json!({ "node": wanted });
    let response: AdminResponse<DrainView> = client.post("/cluster/drain", &body).await?;
    let id = response.view.node.id.clone();
    let name = response.view.node.shown().to_owned();
    let mut remaining = response.view.shards;
    print_remaining(json, &name, remaining).await?;
    loop {
        let view = match client.get::<ClusterView>("/cluster").await {
            Ok(response) => response.view,
            // The called node may be restarting, or its database temporarily unreachable.
            Err(_) if began.elapsed() < wait => {
                sleep(POLL_INTERVAL).await;
                continue;
            }
            Err(error) => {
                let line = format!("{error}. {name} continues draining");
                return Err(Outcome::with(CANNOT, line));
            }
        };
        match progress(view, &id, &name)? {
            Progress::Left => return print_end(json, None, format!("{name} has left\n")).await,
            Progress::Empty(node) => {
                let end = format!(
                    "{name} is empty; it takes no shards until `fritzy cluster undrain {name}` or its next start\n"
                );
                return print_end(json, Some(&node), end).await;
            }
            Progress::Remaining(now) if now != remaining => {
                remaining = now;
                print_remaining(json, &name, remaining).await?;
            }
            Progress::Remaining(_) => {}
        }
        if began.elapsed() >= wait {
            let seconds = wait.as_secs();
            let line = format!(
                "{name} still owns {remaining} shards after {seconds} s, and continues draining: keep waiting with `fritzy cluster drain {name}`, or end it with `fritzy cluster undrain {name}`"
            );
            return Err(Outcome::with(NOT_YET, line));
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// How far the node has drained, by the status of the cluster.
///
/// # Errors
/// When it was declared dead, or was undrained.
fn progress(view: ClusterView, id: &str, name: &str) -> Result<Progress, Outcome> {
    if view.gone.iter().any(|gone| gone.id == id) {
        let line =
            format!("{name} was declared dead before it was empty; the others take its shards");
        return Err(Outcome::with(NOT_YET, line));
    }
    let Some(node) = view.nodes.into_iter().find(|node| node.id == id) else {
        return Ok(Progress::Left);
    };
    if !node.draining {
        let line = format!("{name} takes shards again: another operator has undrained it");
        return Err(Outcome::with(NOT_YET, line));
    }
    Ok(match node.shards {
        0 => Progress::Empty(node),
        shards => Progress::Remaining(shards),
    })
}

async fn print_remaining(json: bool, name: &str, remaining: usize) -> Result<(), Outcome> {
    if json {
        return Ok(());
    }
    print(format!("{name}: {remaining} shards remaining\n")).await
}

async fn print_end(json: bool, node: Option<&NodeView>, text: String) -> Result<(), Outcome> {
    #[derive(Serialize)]
    struct Drained<'n> {
        /// `None` when it has left the cluster.
        node: Option<&'n NodeView>,
    }
    if !json {
        return print(text).await;
    }
    let text = serde_json::to_string(&Drained { node }).expect("a node is JSON");
    print(format!("{text}\n")).await
}
