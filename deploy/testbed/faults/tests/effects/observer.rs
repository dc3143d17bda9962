//! What a client of a broken cluster sees.

use std::time::{Duration, Instant};

use fritzy_testbed_faults::{FaultCluster, FaultConfig};
use fritzy_testbed_shop::{Api, live_node, read_cluster_state, shard_of, shards_of};
use fritzy_types::ShardCount;
use serde_json::{Value, json};
use tokio::time::timeout;

/// A response that takes longer is none. Nobody is fenced meanwhile, whose shards would be served
/// by others.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// Attempts to find an entity on a certain node: half of all are there.
const ATTEMPTS_MAX: usize = 100;
/// Writes that certainly fill what is left of a log segment.
const FILLING_MAX: usize = 20_000;

const CREATE: &str =
    "mutation($name: String!) { createAccount(account: { name: $name }) { id createdAt } }";

/// Clients of all nodes.
pub(crate) struct Observer {
    cluster_url: Box<dyn Fn() -> String + Send + Sync>,
    apis: Vec<Api>,
}

impl Observer {
    pub(crate) async fn of(cluster: &FaultCluster) -> Self {
        let url = cluster.database_url();
        Self {
            cluster_url: Box::new(move || url.clone()),
            apis: cluster.api_addresses().into_iter().map(Api::at).collect(),
        }
    }

    /// The data of a response without errors that arrives in time.
    async fn send(&self, node: usize, document: &str, variables: Value) -> Option<Value> {
        let api = &self.apis[node];
        let body = json!({ "query": document, "variables": variables });
        let sent = api.try_send(api.post(), body.to_string());
        let mut json = timeout(PATIENCE, sent).await.ok()?.ok()?.json();
        json.get("errors").is_none().then(|| json["data"].take())
    }

    async fn create(&self, node: usize) -> Option<Value> {
        let mut data = self.send(node, CREATE, json!({ "name": "Ada" })).await?;
        Some(data["createAccount"].take())
    }

    pub(crate) async fn new_account(&self, node: usize) -> Option<String> {
        let created = self.create(node).await?;
        created["id"].as_str().map(str::to_owned)
    }

    /// A new account in a shard of this node, with its timestamp.
    async fn created_by(&self, name: &str) -> (String, String) {
        let shards = ShardCount::new(FaultConfig::default().shards).expect("in range");
        let state = read_cluster_state(&(self.cluster_url)(), shards).await;
        let state = state.expect("a readable database");
        let owned = shards_of(&state, live_node(&state, name).expect("it runs"));
        for _ in 0..ATTEMPTS_MAX {
            let Some(created) = self.create(0).await else {
                continue;
            };
            let text = |field: &str| created[field].as_str().expect("a text").to_owned();
            if owned.contains(&shard_of(&text("id"), shards)) {
                return (text("id"), text("createdAt"));
            }
        }
        panic!("{name} owns no shard");
    }

    /// A new account in a shard of this node.
    pub(crate) async fn account_of(&self, name: &str) -> String {
        self.created_by(name).await.0
    }

    /// How far the clock of this node is ahead, to the minute.
    pub(crate) async fn ahead_s(&self, name: &str) -> i64 {
        let at = self.created_by(name).await.1;
        let minutes = |from: usize| at[from..from + 2].parse::<i64>().expect("two digits");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now_min = now.expect("after 1970").as_secs() as i64 / 60 % (24 * 60);
        // Across midnight, too.
        let ahead_min = minutes(11) * 60 + minutes(14) - now_min;
        (ahead_min + 12 * 60).rem_euclid(24 * 60) * 60 - 12 * 3_600
    }

    /// Renames an account through a node. Returns how long that took, if it was acknowledged in
    /// time.
    pub(crate) async fn rename(&self, node: usize, id: &str) -> Option<Duration> {
        let document = "mutation($id: String!) { renameAccount(id: $id, name: \"Bo\") { id } }";
        let began = Instant::now();
        self.send(node, document, json!({ "id": id })).await?;
        Some(began.elapsed())
    }

    pub(crate) async fn has(&self, id: &str) -> bool {
        let document = "query($id: String!) { accounts(id: $id) { id } }";
        self.send(0, document, json!({ "id": id })).await.is_some()
    }

    /// Writes until a write is refused.
    pub(crate) async fn fill_until_refused(&self) {
        for _ in 0..FILLING_MAX {
            if self.create(0).await.is_none() {
                return;
            }
        }
        panic!("a full disk takes no more");
    }

    pub(crate) async fn dropped_lines(&self, node: usize) -> f64 {
        let api = &self.apis[node];
        let request = api.request(hyper::Method::GET, "/metrics");
        let metrics = api.send(request, "").await.text;
        let mut lines = metrics.lines();
        let line = lines.find(|line| line.starts_with("fritzy_log_lines_dropped_total"));
        let value = line.and_then(|line| line.rsplit(' ').next());
        value.and_then(|value| value.parse().ok()).expect("a count")
    }
}
