//! What people are told.

use std::fs;
use std::path::Path;

use super::state::{Life, Node, State};

/// How much of a log is shown when a node does not start.
const LOG_LINES_SHOWN: usize = 12;

/// What runs, and what to try.
pub(super) fn welcome(state: &State, database: &str, kafka: Result<&str, &str>) -> String {
    let State { url, .. } = state;
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
         {count} nodes are one shop\n\
         \x20 click     {url}/\n\
         \x20 API       {url}/graphql, by a balancer that follows readiness\n\
         \x20 database  {database}\n\
         \x20 broker    {kafka}\n\
         \n{nodes}\n\
         To try, in another terminal; all but the first also here, without `cargo xtask cluster`:\n\
         \x20 kill -9 {pid:<22} n1 dies; the others serve its shards within 10 s, and nothing is lost\n\
         \x20 cargo xtask cluster start 1    n1 comes back\n\
         \x20 cargo xtask cluster stop 2     n2 gives its shards away and ends; no request fails\n\
         \x20 cargo xtask cluster restart    each node in turn, as for a new version; no request fails\n\
         \x20 cargo xtask cluster add        one node more\n\
         \x20 cargo xtask cluster status     the nodes; --json for cookie, token and addresses\n\
         Ctrl-C ends all of it.\n"
    )
}

/// The table of nodes.
pub(super) fn nodes(state: &State) -> String {
    let mut text = format!(
        "{:5} {:9} {:22} {:8} log\n",
        "node", "state", "address", "process"
    );
    for node in &state.nodes {
        text.push_str(&row(node));
    }
    text
}

fn row(node: &Node) -> String {
    let life = match &node.life {
        Life::Starting => "starting",
        Life::Ready => "ready",
        Life::Draining => "draining",
        Life::Ended(_) => "ended",
    };
    let pid = node
        .pid
        .map_or_else(|| "-".to_owned(), |pid| pid.to_string());
    format!(
        "{:5} {life:9} {:22} {pid:8} {}\n",
        node.name,
        node.url,
        short(&node.log)
    )
}

/// As seen from here, where that is shorter.
fn short(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here)
        .unwrap_or(path)
        .display()
        .to_string()
}

/// The end of a log.
pub(super) fn end_of_log(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn state() -> State {
        let node = |number: u16, life, pid| Node {
            number,
            name: format!("n{number}"),
            life,
            url: format!("http://localhost:{}", 8_000 + number),
            admin_url: String::new(),
            cluster_address: String::new(),
            pid,
            log: PathBuf::from(format!("target/cluster/n{number}.log")),
        };
        State {
            url: "http://localhost:8000".to_owned(),
            database_url: String::new(),
            kafka_brokers: None,
            cookie: "c0ffee".to_owned(),
            admin_token: "decade".to_owned(),
            pid: 1,
            control: PathBuf::new(),
            nodes: vec![
                node(1, Life::Ready, Some(4_711)),
                node(2, Life::Ended("killed".to_owned()), None),
            ],
        }
    }

    #[test]
    fn the_nodes_stand_in_a_table() {
        let expected = "\
            node  state     address                process  log\n\
            n1    ready     http://localhost:8001  4711     target/cluster/n1.log\n\
            n2    ended     http://localhost:8002  -        target/cluster/n2.log\n";
        assert_eq!(nodes(&state()), expected);
    }

    #[test]
    fn the_welcome_says_where_to_click_what_is_missing_and_no_secret() {
        let told = welcome(&state(), "PostgreSQL", Err("no Java"));
        for part in [
            "http://localhost:8000/",
            "none (no Java): events stay in the journal",
            "kill -9 4711 ",
        ] {
            assert!(told.contains(part), "{told}");
        }
        for secret in [&state().cookie, &state().admin_token] {
            assert!(!told.contains(secret), "{told}");
        }
    }
}
