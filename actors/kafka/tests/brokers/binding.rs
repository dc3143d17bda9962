//! Nodes of one shop that bind the same topics at the same time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fritzy_domain::{Generations, TopicBinding, TopicBindings};
use fritzy_kafka::KafkaBridge;
use fritzy_projections::ProjectionStart;
use fritzy_testbed::skip_unless;
use fritzy_testbed_shop::kafka::start_brokers;
use fritzy_types::StorageError;
use tokio::time::sleep;
use uuid::Uuid;

use crate::shop::KafkaShop;

/// A node that is slow after it has bound topics in the database: another one overtakes it.
struct SlowNode(Arc<dyn TopicBindings>);

#[async_trait]
impl TopicBindings for SlowNode {
    async fn location(&self) -> Result<String, StorageError> {
        self.0.location().await
    }

    async fn topic_binding(&self, topics: Uuid) -> Result<Option<TopicBinding>, StorageError> {
        self.0.topic_binding(topics).await
    }

    async fn bind_topics(
        &self,
        topics: Uuid,
        seen: &[Uuid],
        tokens: &[Uuid],
    ) -> Result<bool, StorageError> {
        let bound = self.0.bind_topics(topics, seen, tokens).await;
        sleep(Duration::from_secs(1)).await;
        bound
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_nodes_that_start_together_bind_the_same_topics() {
    let cluster = skip_unless!(start_brokers(1));
    let shop = KafkaShop::with_topics(&cluster.bootstrap()).await;
    let bindings = shop.stores.topic_bindings.clone();
    let slow = KafkaBridge::new(shop.config.clone(), Arc::new(SlowNode(bindings.clone())));
    let fast = KafkaBridge::new(shop.config.clone(), bindings.clone());
    let generations = Generations::first();
    let later = async {
        sleep(Duration::from_millis(500)).await;
        fast.start(&generations).await
    };
    let (slow, fast) = tokio::join!(slow.start(&generations), later);
    slow.map(drop).expect("the slow node is bound");
    fast.map(drop).expect("the fast node is bound");
    let next = KafkaBridge::new(shop.config.clone(), bindings);
    next.start(&generations)
        .await
        .map(drop)
        .expect("and so is the next");
}
