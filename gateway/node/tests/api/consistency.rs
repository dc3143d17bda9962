//! Consistency tokens: which changes return one, and how lists use them.

use fritzy_testbed::{PostgresConfig, PostgresServer, skip_unless};
use serde_json::{Value, json};

use crate::node::TestNode;

const CREATE: &str = r#"mutation { createAccount(account: { name: "Ada" }) { id orders { id } } }"#;
const LIST: &str = "{ accounts { id } }";

#[tokio::test(flavor = "multi_thread")]
async fn no_replica_means_no_token_and_any_token_is_accepted() {
    let node = TestNode::start().await;
    let created = node.api.run(CREATE).await;
    assert_eq!(created.json().get("extensions"), None);
    let token = "0123abcd-0123456789abcdef";
    let list = node.api.post().header("consistency-token", token);
    let list = node
        .api
        .send(list, json!({ "query": LIST }).to_string())
        .await;
    assert_eq!(list.status, 200, "{list:?}");
    assert_eq!(
        list.json()["data"]["accounts"].as_array().map(Vec::len),
        Some(1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_consistency_token_is_refused() {
    let node = TestNode::start().await;
    for token in ["", "nonsense", "0123abcd-0123", "é"] {
        let request = node
            .api
            .post()
            .header("consistency-token", token.as_bytes());
        let refused = node
            .api
            .send(request, json!({ "query": LIST }).to_string())
            .await;
        assert_eq!(refused.status, 400, "{token:?}: {refused:?}");
        assert!(refused.text.contains("consistency-token"), "{refused:?}");
    }
    for token in [json!("nonsense"), json!(7), Value::Null] {
        let body = json!({ "query": LIST, "extensions": { "consistencyToken": token } });
        let refused = node.api.send(node.api.post(), body.to_string()).await;
        assert_eq!(refused.status, 400, "{token}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consistency_token_makes_the_next_list_current() {
    let primary = skip_unless!(PostgresServer::start(PostgresConfig::default()));
    let replica = primary
        .standby(PostgresConfig::default())
        .expect("a standby");
    let node = TestNode::start_with(|settings| {
        settings.database_url = Some(primary.url("postgres").parse().expect("an address"));
        settings.database_replica_url = Some(replica.url("postgres").parse().expect("an address"));
    })
    .await;
    replica
        .psql("postgres", "SELECT pg_wal_replay_pause()")
        .expect("paused");
    for number in 1..=3 {
        let created = node.api.run(CREATE).await;
        let token = created.json()["extensions"]["consistencyToken"].clone();
        let text = token.as_str().expect("a token");
        let by_header = node.api.post().header("consistency-token", text);
        let by_header = node
            .api
            .send(by_header, json!({ "query": LIST }).to_string())
            .await;
        let body = json!({ "query": LIST, "extensions": { "consistencyToken": token } });
        let by_extension = node.api.send(node.api.post(), body.to_string()).await;
        for list in [by_header, by_extension] {
            let shown = list.json()["data"]["accounts"].as_array().map(Vec::len);
            assert_eq!(shown, Some(number), "{list:?}");
            assert_eq!(
                list.json().get("extensions"),
                None,
                "queries return no token"
            );
        }
    }
    node.stop().await;
}
