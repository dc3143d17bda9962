//! Nodes of the last release and of this version side by side, under load: a rolling upgrade and
//! the way back. The first node of this version migrates the schema, under nodes that do not know
//! it. Clients notice nothing, and both versions find the journal sound.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Instant;

use fritzy_cluster::WIRE_MAX;
use fritzy_testbed::{
    Balancer, ClusterSettings, ExitedProcess, LAST_RELEASE, LocalCluster, NODE_TIME_MAX, NodeSlot,
    PostgresConfig, PostgresServer, Workspace, last_release, node_binary, skip_unless,
    wait_until_async,
};
use fritzy_testbed_shop::{Api, live_node, read_cluster_state, shards_of};
use fritzy_types::ShardCount;
use serde_json::json;
use tokio::task::block_in_place;

use crate::cluster::closed_loop::ClosedLoop;
use crate::cluster::rolling::{NODES, UNREADY_MS, wait_all_ready, wait_answered};

/// Enough for each client to change and read its account on nodes of both versions.
const CLIENTS: usize = 8;
/// On a machine that other tests keep busy, lists can take longer than the default of 10 s.
const REQUEST_TIMEOUT_MS: u32 = 30_000;
/// The version of the wire format of the last release.
const LAST_WIRE: u16 = 2;
/// Responses between two replacements of a node.
const BETWEEN: usize = 300;

/// A cluster in which nodes of two versions replace each other under load.
struct Upgrade {
    server: PostgresServer,
    cluster: LocalCluster,
    balancer: Balancer,
    load: ClosedLoop,
    released: PathBuf,
}

/// Requires that a node of either version could decode all that its peers sent.
fn require_understood(name: &str, log: &str) {
    for unreadable in ["cannot be decoded", "\"unreadable\":"] {
        assert!(!log.contains(unreadable), "{name} misread a peer: {log}");
    }
}

impl Upgrade {
    /// Replaces a node by one of the other version: `None` is this one. Returns the log of the one
    /// that was there.
    #[expect(clippy::print_stdout, reason = "a report of the test")]
    async fn replace(&mut self, name: &str, program: Option<&Path>) -> String {
        let began = Instant::now();
        let (mut slot, exited) = block_in_place(|| self.cluster.terminate(name));
        assert_eq!(exited.code, Some(0), "{exited:?}");
        let log = exited.stderr;
        require_understood(name, &log);
        slot.set_program(program.map(Path::to_owned));
        block_in_place(|| self.cluster.start_in(slot));
        wait_all_ready(&self.balancer).await;
        let version = if program.is_some() {
            LAST_RELEASE
        } else {
            "this version"
        };
        println!("{name} runs {version} after {:?}", began.elapsed());
        wait_answered(&self.load, BETWEEN).await;
        log
    }

    /// Requires that both versions find the journal sound, next to running nodes. The last release
    /// reports what it does not know: the indexes that make external references unique, and the
    /// trigger that fills the table of orders by product.
    fn verify(&self) {
        let exited = self.run(&node_binary(), &["journal", "verify"]);
        assert_eq!(exited.code, Some(0), "{exited:?}");
        let exited = self.run(&self.released, &["journal", "verify"]);
        let found: Vec<&str> = exited.stdout.lines().collect();
        let is_index = |line: &&&str| {
            line.starts_with("schema-differs: index ") && line.contains("_by_reference: ")
        };
        let is_trigger =
            |line: &&&str| line.starts_with("schema-differs: trigger add_order_lines ");
        let indexes = found.iter().filter(is_index).count();
        let triggers = found.iter().filter(is_trigger).count();
        let all = (indexes, triggers, found.len());
        assert_eq!(all, (3, 1, 5), "and a summary: {exited:?}");
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> ExitedProcess {
        let workspace = Workspace::new();
        let mut command = workspace.command_of(program, arguments);
        command.env("DATABASE_URL", self.server.url("postgres"));
        block_in_place(|| workspace.run(&mut command))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_upgrade_and_way_back_lose_and_fail_nothing() {
    let server = skip_unless!(PostgresServer::start(PostgresConfig::shared_by_tests()));
    let released = skip_unless!(block_in_place(last_release));
    let mut settings = ClusterSettings::new(server.url("postgres"))
        .with("--unready-ms", UNREADY_MS)
        .with("--request-timeout-ms", REQUEST_TIMEOUT_MS);
    settings.program = Some(released.clone());
    let cluster = block_in_place(|| LocalCluster::start(settings, NODES)).expect("free ports");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let balancer = Balancer::start(any, &cluster.api_addresses()).expect("it listens");
    wait_all_ready(&balancer).await;
    let api = Api::at(balancer.address());
    let load = ClosedLoop::start(&api, CLIENTS).await;
    let mut upgrade = Upgrade {
        server,
        cluster,
        balancer,
        load,
        released,
    };
    wait_answered(&upgrade.load, BETWEEN).await;

    for name in ["n1", "n2", "n3"] {
        upgrade.replace(name, None).await;
        upgrade.verify();
    }
    let released = upgrade.released.clone();
    for name in ["n1", "n2", "n3"] {
        let log = upgrade.replace(name, Some(&released)).await;
        // Each of these nodes had peers of both versions, and spoke with each as it can.
        for wire in [LAST_WIRE, WIRE_MAX] {
            let connected = format!("\"wire\":{wire},");
            assert!(log.contains(&connected), "no {connected} in {log}");
        }
    }

    upgrade.verify();
    for node in upgrade.cluster.nodes() {
        require_understood(node.slot.name(), &node.process.log());
    }
    let observed = upgrade.load.stop().await;
    let failures = observed.failures();
    let (failed, of) = (failures.len(), observed.requests());
    assert!(
        failures.is_empty(),
        "{failed} of {of} failed: {failures:#?}"
    );
    observed.require_kept(&api).await;
}

/// Enough for each of two nodes to own some.
const ACCOUNTS: usize = 24;

/// Accounts with the names that were acknowledged last.
struct Accounts(Vec<(String, String)>);

impl Accounts {
    async fn create(api: &Api) -> Self {
        let mut accounts = Vec::new();
        for number in 0..ACCOUNTS {
            let create =
                "mutation($name: String!) { createAccount(account: { name: $name }) { id } }";
            let name = format!("account {number}");
            let created = api.run_with(create, json!({ "name": name })).await;
            accounts.push((created.text_at("/createAccount/id"), name));
        }
        Self(accounts)
    }

    /// Reads each by a node, then renames it.
    async fn check_and_rename(&mut self, api: &Api, suffix: &str) {
        for (id, name) in &mut self.0 {
            let read = "query($id: String!) { accounts(id: $id) { name } }";
            let read = api.run_with(read, json!({ "id": id })).await;
            assert_eq!(read.text_at("/accounts/0/name"), *name, "I1, I3");
            let rename = "mutation($id: String!, $name: String!) { renameAccount(id: $id, name: $name) { name } }";
            *name = format!("{name} {suffix}");
            let renamed = api
                .run_with(rename, json!({ "id": id, "name": name }))
                .await;
            assert_eq!(renamed.text_at("/renameAccount/name"), *name);
        }
    }
}

/// Waits until two nodes share the shards.
async fn wait_shared(url: &str) {
    let shards = ShardCount::new(1_024).expect("in range");
    wait_until_async("both nodes own shards", NODE_TIME_MAX, async || {
        // A busy machine may be slower than a node would wait.
        let Ok(state) = read_cluster_state(url, shards).await else {
            return false;
        };
        ["n1", "n2"].iter().all(|name| {
            let node = live_node(&state, name);
            node.is_some_and(|node| shards_of(&state, node).len() > 400)
        })
    })
    .await;
}

/// Each version judges the heartbeat of the other, and takes over what it had.
#[tokio::test(flavor = "multi_thread")]
async fn i1_killed_node_is_replaced_by_the_other_version() {
    let server = skip_unless!(PostgresServer::start(PostgresConfig::shared_by_tests()));
    let released = skip_unless!(block_in_place(last_release));
    let url = server.url("postgres");
    let settings = ClusterSettings::new(&url).with("--request-timeout-ms", REQUEST_TIMEOUT_MS);
    let mut cluster = LocalCluster::new(settings.clone());
    let slots = ["n1", "n2"].map(|name| {
        let mut slot = NodeSlot::new(name, settings.clone()).expect("free ports");
        slot.set_program((name == "n1").then(|| released.clone()));
        slot
    });
    for slot in slots {
        block_in_place(|| cluster.start_in(slot));
    }
    let api = |cluster: &LocalCluster, name| Api::at(cluster.node(name).slot.addresses().api);
    let (old, new) = (api(&cluster, "n1"), api(&cluster, "n2"));
    wait_shared(&url).await;
    let mut accounts = Accounts::create(&old).await;
    accounts.check_and_rename(&new, "by both").await;

    let slot = block_in_place(|| cluster.kill("n1"));
    accounts.check_and_rename(&new, "without the old").await;
    block_in_place(|| cluster.start_in(slot));
    wait_shared(&url).await;
    accounts.check_and_rename(&old, "by both again").await;
    block_in_place(|| cluster.kill("n2"));
    accounts.check_and_rename(&old, "without the new").await;
    accounts.check_and_rename(&old, "at last").await;
}

/// What an entity was created with.
const REFERENCES: usize = 24;

/// An account with a reference, created by a node of this version.
struct Referenced {
    id: String,
    reference: String,
}

impl Referenced {
    /// Creates it, once no older node is known to the node any more.
    async fn create(api: &Api, number: usize) -> Self {
        let reference = format!("crm-{number}");
        let create =
            "mutation($account: AccountInput!) { createAccount(account: $account) { id } }";
        let account = json!({
            "name": format!("account {number}"),
            "externalReference": reference,
            "metadata": [{ "key": "number", "value": number.to_string() }],
        });
        let mut id = String::new();
        wait_until_async("references are accepted", NODE_TIME_MAX, async || {
            let created = api.run_with(create, json!({ "account": account })).await;
            let is_refused = created.json().get("errors").is_some();
            if is_refused {
                assert_eq!(created.code(), "UNAVAILABLE", "{created:?}");
            } else {
                id = created.text_at("/createAccount/id");
            }
            !is_refused
        })
        .await;
        Self { id, reference }
    }

    async fn change(&self, api: &Api, change: &str) {
        let change = format!("mutation($id: String!) {{ {change} {{ id }} }}");
        let changed = api.run_with(&change, json!({ "id": self.id })).await;
        assert!(changed.data("").is_object());
    }

    /// The account that has the reference, by a node of this version.
    async fn found(&self, api: &Api) -> serde_json::Value {
        let find = "query($reference: String!) { found: accountByReference(externalReference: $reference) {
            id name externalReference metadata { key value }
        } }";
        let found = api
            .run_with(find, json!({ "reference": self.reference }))
            .await;
        found.data("/found")
    }
}

/// References and metadata are refused while an older node is in the cluster. They survive changes
/// by older nodes after a way back, which also free references by closing accounts.
#[tokio::test(flavor = "multi_thread")]
async fn references_survive_nodes_that_do_not_know_them() {
    let server = skip_unless!(PostgresServer::start(PostgresConfig::shared_by_tests()));
    let released = skip_unless!(block_in_place(last_release));
    let url = server.url("postgres");
    let settings = ClusterSettings::new(&url).with("--request-timeout-ms", REQUEST_TIMEOUT_MS);
    let mut cluster = LocalCluster::new(settings.clone());
    for name in ["n1", "n2"] {
        let mut slot = NodeSlot::new(name, settings.clone()).expect("free ports");
        slot.set_program((name == "n1").then(|| released.clone()));
        block_in_place(|| cluster.start_in(slot));
    }
    let api = |cluster: &LocalCluster, name| Api::at(cluster.node(name).slot.addresses().api);
    let (old, new) = (api(&cluster, "n1"), api(&cluster, "n2"));
    wait_shared(&url).await;

    // A retry over an upgrade is recognised, wherever the account is.
    let keyed =
        r#"mutation { createAccount(account: { name: "Ada" }, idempotencyKey: "k") { id name } }"#;
    let first = old.run(keyed).await;
    assert_eq!(new.run(keyed).await.text, first.text, "I8");
    let id = first.text_at("/createAccount/id");
    for refused in [
        r#"mutation { createAccount(account: { name: "Bob", externalReference: "r" }) { id } }"#,
        r#"mutation { createAccount(account: { name: "Bob", metadata: [{ key: "k", value: "v" }] }) { id } }"#,
        &format!(r#"mutation {{ annotateAccount(id: "{id}", externalReference: "r") {{ id }} }}"#),
    ] {
        for _ in 0..4 {
            assert_eq!(new.run(refused).await.code(), "UNAVAILABLE", "{refused}");
        }
    }

    let slot = block_in_place(|| cluster.kill("n1"));
    let mut accounts = Vec::new();
    for number in 0..REFERENCES {
        accounts.push(Referenced::create(&new, number).await);
    }
    block_in_place(|| cluster.start_in(slot));
    let old = api(&cluster, "n1");
    wait_shared(&url).await;
    for (number, account) in accounts.iter().enumerate() {
        let found = account.found(&new).await;
        assert_eq!(found["id"], account.id, "whoever owns it: {found}");
        let by = if number % 2 == 0 { &old } else { &new };
        account
            .change(by, r#"renameAccount(id: $id, name: "Renamed")"#)
            .await;
        if number % 3 == 0 {
            account.change(by, "closeAccount(id: $id)").await;
        }
    }

    block_in_place(|| cluster.kill("n1"));
    for (number, account) in accounts.iter().enumerate() {
        let found = account.found(&new).await;
        if number % 3 == 0 {
            assert!(found.is_null(), "its closing freed it: {found}");
            let next = Referenced::create(&new, number).await;
            assert_eq!(next.found(&new).await["id"], next.id);
            continue;
        }
        let expected = json!({
            "id": account.id,
            "name": "Renamed",
            "externalReference": account.reference,
            "metadata": [{ "key": "number", "value": number.to_string() }],
        });
        assert_eq!(found, expected, "account {number}");
    }
    let workspace = Workspace::new();
    let mut command = workspace.command_of(&node_binary(), &["journal", "verify"]);
    command.env("DATABASE_URL", &url);
    let exited = block_in_place(|| workspace.run(&mut command));
    assert_eq!(exited.code, Some(0), "{exited:?}");
}
