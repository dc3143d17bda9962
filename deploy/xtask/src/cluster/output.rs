//! Texts for the terminal.

use std::fs;
use std::path::Path;

use super::state::{ClusterState, NodeState, NodeStatus};

/// Lines of its log that are shown when a node does not start.
const LOG_LINES_MAX: usize = 12;

/// The addresses of a new cluster, and commands to try.
pub(super) fn welcome(state: &ClusterState, database: &str, kafka: Result<&str, &str>) -> String {
    let ClusterState { url, .. } = state;
    let count = state.nodes.len();
    let nodes = nodes(state);
    let kafka = match kafka {
        Ok(about) => format!("{about}; every event is published there"),
        Err(why) => format!("none ({why}): events stay in the journal"),
    };
    let first = state.nodes.first();
    let pid = first.and_then(|node| node.pid).unwrap_or_default();
    format!(
        "\n\
         {count} nodes form one shop\n\
         \x20 page      {url}/\n\
         \x20 API       {url}/graphql, through a balancer that follows readiness\n\
         \x20 database  {database}\n\
         \x20 broker    {kafka}\n\
         \n{nodes}\n\
         Commands to try in another terminal; all but the first also here, without `cargo xtask cluster`:\n\
         \x20 kill -9 {pid:<22} n1 is killed; the others serve its shards within 10 s, and nothing is lost\n\
         \x20 cargo xtask cluster start 1    n1 starts again\n\
         \x20 cargo xtask cluster stop 2     n2 hands off its shards and ends; no request fails\n\
         \x20 cargo xtask cluster restart    one node after the other, as for a new version; no request fails\n\
         \x20 cargo xtask cluster add        one more node\n\
         \x20 cargo xtask cluster status     the nodes; --json for cookie, token and addresses\n\
         Ctrl-C ends everything.\n"
    )
}

/// The table of nodes.
pub(super) fn nodes(state: &ClusterState) -> String {
    let mut text = format!(
        "{:5} {:9} {:22} {:8} log\n",
        "node", "state", "address", "process"
    );
    for node in &state.nodes {
        text.push_str(&row(node));
    }
    text
}

fn row(node: &NodeState) -> String {
    let status = match &node.status {
        NodeStatus::Starting => "starting",
        NodeStatus::Ready => "ready",
        NodeStatus::Draining => "draining",
        NodeStatus::Ended(_) => "ended",
    };
    let pid = node
        .pid
        .map_or_else(|| "-".to_owned(), |pid| pid.to_string());
    format!(
        "{:5} {status:9} {:22} {pid:8} {}\n",
        node.name,
        node.url,
        short(&node.log)
    )
}

/// Relative to the current folder, if the path is in it.
fn short(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here)
        .unwrap_or(path)
        .display()
        .to_string()
}

/// The last lines of a log.
pub(super) fn end_of_log(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES_MAX)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn state() -> ClusterState {
        let node = |number: u16, status, pid| NodeState {
            number,
            name: format!("n{number}"),
            status,
            url: format!("http://localhost:{}", 8_000 + number),
            admin_url: String::new(),
            cluster_address: String::new(),
            pid,
            log: PathBuf::from(format!("target/cluster/n{number}.log")),
        };
        ClusterState {
            url: "http://localhost:8000".to_owned(),
            database_url: String::new(),
            kafka_brokers: None,
            cookie: "c0ffee".to_owned(),
            admin_token: "decade".to_owned(),
            pid: 1,
            control: PathBuf::new(),
            nodes: vec![
                node(1, NodeStatus::Ready, Some(4_711)),
                node(2, NodeStatus::Ended("killed".to_owned()), None),
            ],
        }
    }

    #[test]
    fn nodes_are_printed_as_a_table() {
        let expected = "\
            node  state     address                process  log\n\
            n1    ready     http://localhost:8001  4711     target/cluster/n1.log\n\
            n2    ended     http://localhost:8002  -        target/cluster/n2.log\n";
        assert_eq!(nodes(&state()), expected);
    }

    #[test]
    fn welcome_has_addresses_and_no_secrets() {
        let text = welcome(&state(), "PostgreSQL", Err("no Java"));
        for part in [
            "http://localhost:8000/",
            "none (no Java): events stay in the journal",
            "kill -9 4711 ",
        ] {
            assert!(text.contains(part), "{text}");
        }
        for secret in [&state().cookie, &state().admin_token] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
