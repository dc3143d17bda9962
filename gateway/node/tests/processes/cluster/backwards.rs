//! A database that goes backwards under running nodes: a standby is promoted without the last
//! writes, or a dump is restored. The nodes name what was lost, and serve what the database has.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use fritzy_testbed::{PostgresServer, blocking, skip_unless};
use fritzy_testbed_shop::Api;
use hyper::Method;
use serde_json::{Value, json};
use tokio::task::block_in_place;
use tokio::time::{sleep, timeout};

use crate::cluster::nodes::Nodes;
use crate::losses::{LOOKS, Place, dump, named_lost, put_back, tailed};

/// Enough that every node owns some of them.
const ACCOUNTS: usize = 24;
const RENAME: &str =
    "mutation($id: String!, $name: String!) { renameAccount(id: $id, name: $name) { id } }";
/// Until all nodes have started over.
const SETTLE_MAX: Duration = Duration::from_secs(60);

impl Nodes {
    /// Kills the server, promotes the standby, and leads all nodes to it.
    fn fail_over(&mut self, standby: PostgresServer) {
        blocking(|| self.server.kill());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, standby.port()));
        for node in &self.nodes {
            node.database.set_upstream(address);
        }
        blocking(|| standby.promote());
        self.server = standby;
    }

    /// Waits until all nodes serve what the database has, as its second generation.
    async fn wait_started_over(&self) {
        let all = async |nodes: &Self| {
            for node in &nodes.nodes {
                if metric(&node.api, "fritzy_database_generation").await < 2.0 {
                    return false;
                }
            }
            true
        };
        self.wait_until("every node knows the new generation", all)
            .await;
        self.wait_settled().await;
    }

    /// The events of the journal.
    fn tailed(&self) -> BTreeSet<Place> {
        let url = self.server.url("postgres");
        block_in_place(|| tailed(&self.workspace, &["--database-url", &url]))
    }
}

/// The value of a metric of a node; 0 while it does not respond.
async fn metric(api: &Api, name: &str) -> f64 {
    let request = api.request(Method::GET, "/metrics");
    let Ok(response) = api.try_send(request, "").await else {
        return 0.0;
    };
    let text = response.text;
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name} ")));
    let value = line.and_then(|line| line.rsplit(' ').next());
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or_default()
}

/// The names of these accounts, as one node returns them; `None` for one that it does not know.
async fn names(api: &Api, ids: &[String]) -> Vec<Option<String>> {
    let document = "query($id: String!) { accounts(id: $id) { name } }";
    let mut names = Vec::new();
    for id in ids {
        let found = api.run_with(document, json!({ "id": id })).await;
        let name = if found.json()["data"].is_null() {
            assert_eq!(found.code(), "ACCOUNT_NOT_FOUND");
            None
        } else {
            let name = &found.data("/accounts")[0]["name"];
            name.as_str().map(str::to_owned)
        };
        names.push(name);
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_cluster_names_what_a_lossy_promotion_has_lost() {
    let mut nodes = skip_unless!(Nodes::start(3).await);
    let standby = blocking(|| {
        nodes
            .server
            .standby(fritzy_testbed::PostgresConfig::default())
    });
    let apis = nodes.apis();
    let mut kept = Vec::new();
    for number in 0..ACCOUNTS {
        kept.push(
            apis[number % 3]
                .new_account(&format!("kept {number}"))
                .await,
        );
    }
    blocking(|| standby.stop_following(&nodes.server));
    // Acknowledged, in the memory of the nodes, and lost by the promotion.
    let mut gone = Vec::new();
    for (number, id) in kept.iter().enumerate() {
        let api = &apis[(number + 1) % 3];
        let renamed = api
            .run_with(RENAME, json!({ "id": id, "name": "lost" }))
            .await;
        assert_eq!(renamed.text_at("/renameAccount/id"), *id);
        gone.push(api.new_account("lost").await);
    }
    nodes.fail_over(standby);

    nodes.wait_started_over().await;
    let before: Vec<Option<String>> = (0..ACCOUNTS).map(|n| Some(format!("kept {n}"))).collect();
    for api in &apis {
        assert_eq!(names(api, &kept).await, before, "a lost rename is served");
        assert_eq!(names(api, &gone).await, vec![None; ACCOUNTS]);
    }
    // What is written now continues behind what is there.
    for (number, id) in kept.iter().enumerate() {
        let name = format!("after {number}");
        let renaming = apis[number % 3].run_with(RENAME, json!({ "id": id, "name": name }));
        let renamed = timeout(SETTLE_MAX, renaming).await.expect("it responds");
        assert_eq!(renamed.text_at("/renameAccount/id"), *id);
    }

    let status = nodes.status("n1");
    let generation = &status["generation"];
    assert_eq!(generation["number"], 2, "{status:#}");
    let lost = 2 * ACCOUNTS as u64;
    assert_eq!(generation["lostEvents"].as_u64(), Some(lost), "{status:#}");
    let of_nodes: Vec<f64> = {
        let mut found = Vec::new();
        for api in &apis {
            found.push(metric(api, "fritzy_database_lost_events").await);
        }
        found
    };
    // Each knows what it has acknowledged itself.
    assert_eq!(of_nodes.iter().sum::<f64>(), lost as f64, "{of_nodes:?}");
    let logs: Vec<String> = nodes
        .nodes
        .iter()
        .map(|node| node.process.log_tail())
        .collect();
    let named = logs
        .iter()
        .filter(|log| log.contains("the database went backwards"));
    assert!(named.count() > 0, "{logs:?}");
    nodes.kill_all().await;
}

/// No node has written since its start, and no row of a node is left that could be behind: their
/// claims show that the database went back, and their looks have read what it lost.
#[tokio::test(flavor = "multi_thread")]
async fn i1_idle_cluster_names_what_a_restored_dump_lost() {
    let mut nodes = skip_unless!(Nodes::start(3).await);
    let file = nodes.workspace.outside("older");
    let mut kept = Vec::new();
    for api in nodes.apis() {
        kept.push(api.new_account("kept").await);
    }
    nodes.restart_all(|nodes| dump(&nodes.server, &file)).await;
    let places = nodes.tailed();
    let mut gone = Vec::new();
    for number in 0..ACCOUNTS {
        gone.push(nodes.apis()[number % 3].new_account("lost").await);
    }
    let lost: BTreeSet<Place> = nodes.tailed().difference(&places).copied().collect();
    assert_eq!(lost.len(), ACCOUNTS);
    nodes.restart_all(|_| {}).await;
    sleep(LOOKS).await;

    block_in_place(|| put_back(&nodes.server, &file));
    nodes.wait_started_over().await;
    let mut named = BTreeSet::new();
    for node in &nodes.nodes {
        let (names, count) = named_lost(&node.process.log());
        assert_eq!(names.len() as u64, count, "{}", node.name);
        let counted = metric(&node.api, "fritzy_database_lost_events").await;
        assert_eq!(counted, count as f64, "{}", node.name);
        named.extend(names);
    }
    assert_eq!(named, lost);
    let status = nodes.status("n1");
    let events = status["generation"]["lostEvents"].as_u64();
    assert_eq!(events, Some(ACCOUNTS as u64), "{status:#}");
    for api in nodes.apis() {
        let found = names(&api, &kept).await;
        assert!(found.iter().all(Option::is_some), "{found:?}");
        assert_eq!(names(&api, &gone).await, vec![None; ACCOUNTS]);
        api.new_account("after").await;
    }
    assert_eq!(nodes.tailed().len(), places.len() + 3);
    nodes.kill_all().await;
}

/// With synchronous replication a promotion loses nothing, and nobody starts over.
#[tokio::test(flavor = "multi_thread")]
async fn promotion_without_loss_keeps_the_generation() {
    let mut nodes = skip_unless!(Nodes::start(2).await);
    let standby = blocking(|| {
        nodes
            .server
            .standby(fritzy_testbed::PostgresConfig::default())
    });
    blocking(|| nodes.server.set("synchronous_standby_names", "*"));
    let apis = nodes.apis();
    let mut ids = Vec::new();
    for number in 0..ACCOUNTS {
        ids.push(apis[number % 2].new_account(&format!("{number}")).await);
    }
    let before = nodes.ownership().await.0;
    nodes.fail_over(standby);
    let writes_again = async |nodes: &Nodes| {
        let renaming = nodes.nodes[0]
            .api
            .run_with(RENAME, json!({ "id": ids[0], "name": "after" }));
        renaming.await.json()["errors"] == Value::Null
    };
    let after = nodes.wait_until("it writes again", writes_again).await;
    println!("writes again {after:?} after the promotion");
    nodes.wait_settled().await;
    // The same incarnations, on the same line of history.
    assert_eq!(nodes.ownership().await.0, before);
    for api in &apis {
        assert_eq!(metric(api, "fritzy_database_generation").await, 1.0);
        let found = names(api, &ids).await;
        assert!(found.iter().all(Option::is_some), "{found:?}");
    }
    nodes.kill_all().await;
}
