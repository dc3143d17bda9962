//! Copies of a database with the same brokers: one database fills the topics, the others say so and
//! wait until they are told otherwise.

use std::fs;
use std::time::Duration;

use fritzy_domain::RecordedEvent;
use fritzy_testbed::{ExitedProcess, NodeProcess, Workspace, skip_unless, wait_until};
use fritzy_testbed_shop::Api;
use fritzy_testbed_shop::kafka::{Consumed, read_all, read_prefixed, start_brokers, valid};
use serde_json::Value;
use tokio::time::sleep;

use crate::one_node::database::{Database, SHARDS};
use crate::one_node::metric::wait_published;

/// A binding is renewed within 4 s, and one that is not is abandoned after 8 s.
const BOUND_MAX: Duration = Duration::from_secs(40);
const REFUSAL: &str = "the topics are filled by another copy of this database";

/// A data folder, its node, and the settings of Kafka.
struct Shop {
    workspace: Workspace,
    kafka: Vec<String>,
}

impl Shop {
    fn new(brokers: &str) -> Self {
        Self {
            workspace: Workspace::new(),
            kafka: vec!["--kafka-brokers".to_owned(), brokers.to_owned()],
        }
    }

    fn run(&self, arguments: &[&str]) -> ExitedProcess {
        let kafka = self.kafka.iter().map(String::as_str);
        let arguments: Vec<&str> = arguments.iter().copied().chain(kafka).collect();
        self.workspace.run(&mut self.workspace.command(&arguments))
    }

    fn start(&self) -> (NodeProcess, Api) {
        let shards = SHARDS.to_string();
        let kafka = self.kafka.iter().map(String::as_str);
        let arguments: Vec<&str> = ["--shards", &shards].into_iter().chain(kafka).collect();
        let mut node = self.workspace.node_with(&arguments);
        let api = Api::at(node.address());
        (node, api)
    }

    fn database(&self) -> Database {
        Database::file(&self.workspace)
    }

    async fn journal(&self) -> Vec<RecordedEvent> {
        let left = self.database().read_left().await;
        left.events.into_values().flatten().collect()
    }

    /// Copies the database into the folder of another one, as it is.
    fn copy_to(&self, other: &Self) {
        let folder = other.workspace.current().join("data");
        fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("fritzy.db");
        let backup = self.run(&["backup", file.to_str().expect("UTF-8")]);
        assert_eq!(backup.code, Some(0), "{backup:?}");
    }
}

async fn create_accounts(api: &Api, name: &str, count: usize) {
    for _ in 0..count {
        api.new_account(name).await;
    }
}

fn wait_logged(node: &NodeProcess, part: &str, times: usize) {
    wait_until(part, BOUND_MAX, || {
        node.log().matches(part).count() >= times
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn i6_copy_publishes_only_once_it_has_adopted_topics() {
    let cluster = skip_unless!(start_brokers(1));
    let brokers = cluster.bootstrap();
    let (original, mut copy) = (Shop::new(&brokers), Shop::new(&brokers));
    let applied = original.run(&["topics", "apply", "--partitions", "2"]);
    assert_eq!(applied.code, Some(0), "{applied:?}");
    let (original_node, original_api) = original.start();
    create_accounts(&original_api, "before", 10).await;
    wait_published(&original_api, BOUND_MAX).await;

    // As young as a copy can be: the original has not renewed the binding since.
    original.copy_to(&copy);
    let (copy_node, copy_api) = copy.start();
    create_accounts(&copy_api, "of the copy", 5).await;
    wait_logged(&copy_node, REFUSAL, 1);
    assert!(copy_node.log().contains("fritzy projections adopt kafka"));
    create_accounts(&original_api, "after", 5).await;
    wait_published(&original_api, BOUND_MAX).await;
    // It has looked several times by now.
    sleep(Duration::from_secs(4)).await;
    let said = copy_node.log();
    let said: Vec<&str> = said.lines().filter(|line| line.contains("WARN")).collect();
    let is_refusal = |line: &&str| line.contains(&format!(r#""message":"{REFUSAL}"#));
    assert!(said.len() == 1 && said.iter().all(is_refusal), "{said:?}");
    let published = Consumed::new(read_all(&brokers));
    published.require_whole(&original.journal().await);
    assert!(
        !original_node.log().contains(REFUSAL),
        "it is not disturbed"
    );
    copy_node.kill();

    // Told to, it takes the topics over, and the original stops.
    let adopted = copy.run(&["projections", "adopt", "kafka"]);
    assert_eq!(adopted.code, Some(0), "{adopted:?}");
    let expected = "generation 2 begins, and 5 events are published again";
    assert!(adopted.stdout.contains(expected), "{adopted:?}");
    wait_logged(&original_node, REFUSAL, 1);
    create_accounts(&original_api, "unpublished", 5).await;
    let (copy_node, copy_api) = copy.start();
    create_accounts(&copy_api, "of the copy", 5).await;
    wait_published(&copy_api, BOUND_MAX).await;
    let found = Consumed::new(valid(read_all(&brokers)));
    found.require_whole(&copy.journal().await);

    // And back, under a running node: nothing of the copy is left, and nothing is missing.
    let refused = original_node.log().matches("publishing to Kafka").count();
    let adopted = original.run(&["projections", "adopt", "kafka", "--json"]);
    assert_eq!(adopted.code, Some(0), "{adopted:?}");
    let adopted: Value = serde_json::from_str(&adopted.stdout).expect("JSON");
    assert_eq!(adopted["generation"], 3, "{adopted}");
    wait_logged(&original_node, "publishing to Kafka", refused + 1);
    wait_logged(&copy_node, REFUSAL, 1);
    wait_published(&original_api, BOUND_MAX).await;
    let found = Consumed::new(valid(read_all(&brokers)));
    found.require_whole(&original.journal().await);
    let again = original.run(&["projections", "adopt", "kafka"]);
    assert!(again.stdout.contains("already"), "{again:?}");
    copy_node.kill();

    // With topics of its own, it publishes beside the original.
    let own = ["--kafka-topic-prefix", "copy.", "--kafka-source", "/copy"];
    copy.kafka.extend(own.map(str::to_owned));
    let applied = copy.run(&["topics", "apply", "--partitions", "2"]);
    assert!(
        applied.stdout.contains("copy.order.events: created"),
        "{applied:?}"
    );
    let (copy_node, copy_api) = copy.start();
    wait_published(&copy_api, BOUND_MAX).await;
    let messages = read_prefixed(&brokers, "copy.");
    let is_of_copy = |source: &String| source == "/copy";
    assert!(
        messages
            .iter()
            .all(|message| is_of_copy(&message.headers["ce_source"]))
    );
    copy_node.kill();
    copy.kafka.truncate(2);
    // Its cursors say nothing about the other topics any more.
    let adopted = copy.run(&["projections", "adopt", "kafka", "--json"]);
    let adopted: Value = serde_json::from_str(&adopted.stdout).expect("JSON");
    let events = copy.journal().await.len() as u64;
    assert_eq!(adopted["published_again"], events, "{adopted}");
    let (_copy_node, copy_api) = copy.start();
    wait_published(&copy_api, BOUND_MAX).await;
    let found = Consumed::new(valid(read_all(&brokers)));
    found.require_whole(&copy.journal().await);
}

/// A restored database is a copy, even where nothing else runs.
#[tokio::test(flavor = "multi_thread")]
async fn i6_restored_database_waits_until_it_is_told_to_publish() {
    let cluster = skip_unless!(start_brokers(1));
    let brokers = cluster.bootstrap();
    let shop = Shop::new(&brokers);
    let applied = shop.run(&["topics", "apply", "--partitions", "1"]);
    assert_eq!(applied.code, Some(0), "{applied:?}");
    let unbound = shop.run(&["projections", "adopt", "kafka"]);
    assert_eq!(
        unbound.code,
        Some(2),
        "there is no database yet: {unbound:?}"
    );
    let (node, api) = shop.start();
    create_accounts(&api, "kept", 5).await;
    wait_published(&api, BOUND_MAX).await;
    let backup = shop.workspace.outside("backup");
    let backup = backup.to_str().expect("UTF-8");
    let made = shop.run(&["backup", backup]);
    assert_eq!(made.code, Some(0), "{made:?}");
    create_accounts(&api, "lost", 5).await;
    wait_published(&api, BOUND_MAX).await;
    node.kill();

    let restored = shop.run(&["restore", backup]);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert!(restored.stdout.contains("adopt kafka"), "{restored:?}");
    let (node, api) = shop.start();
    create_accounts(&api, "new", 5).await;
    wait_logged(&node, REFUSAL, 1);
    let adopted = shop.run(&["projections", "adopt", "kafka"]);
    assert_eq!(adopted.code, Some(0), "{adopted:?}");
    wait_logged(&node, "publishing to Kafka", 1);
    wait_published(&api, BOUND_MAX).await;
    let found = Consumed::new(valid(read_all(&brokers)));
    found.require_whole(&shop.journal().await);

    // Another shop never takes them.
    let stranger = Shop::new(&brokers);
    let (stranger_node, stranger_api) = stranger.start();
    create_accounts(&stranger_api, "of another shop", 1).await;
    wait_logged(&stranger_node, "the topics are filled by another shop", 1);
    let refused = stranger.run(&["projections", "adopt", "kafka"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.stderr.contains("--kafka-topic-prefix"),
        "{refused:?}"
    );
}
