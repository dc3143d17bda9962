//! The nodes and shards of a cluster, read from its database.

use fritzy_persistence::{PostgresConfig, PostgresError, Sharing, Stores};
use fritzy_types::{ClusterState, NodeId, ShardCount, ShardId};

/// Reads the tables of nodes and shards.
///
/// # Errors
/// When the database cannot be opened: a busy machine may be slower than a node would wait.
///
/// # Panics
/// When it can be opened and not read.
pub async fn read_cluster_state(
    database_url: &str,
    shards: ShardCount,
) -> Result<ClusterState, PostgresError> {
    let config = PostgresConfig {
        shards,
        sharing: Sharing::Cluster,
        ..PostgresConfig::new(database_url)
    };
    let stores = Stores::open_postgres(config).await?;
    let membership = stores.membership.clone().expect("PostgreSQL has one");
    let snapshot = membership.read_state(None, &[]).await;
    stores.close().await;
    let state = snapshot.expect("a readable table").state;
    Ok(state.expect("no earlier version was named"))
}

/// The id of the node with this name that is not fenced.
#[must_use]
pub fn live_node(state: &ClusterState, name: &str) -> Option<NodeId> {
    let mut live = state.nodes.iter().filter(|record| !record.fenced);
    let record = live.find(|record| record.node.name == name)?;
    Some(record.node.id)
}

/// The shards that a node owns.
#[must_use]
pub fn shards_of(state: &ClusterState, node: NodeId) -> Vec<ShardId> {
    let owned = state.shards.iter().filter(|row| row.owner == Some(node));
    owned.map(|row| row.shard).collect()
}

/// The shard of an entity, by the slot in the last two bytes of its id.
///
/// # Panics
/// When `id` is not that of an entity.
#[must_use]
pub fn shard_of(id: &str, shards: ShardCount) -> ShardId {
    let slot = u16::from_str_radix(&id[32..], 16).expect("a hexadecimal slot");
    ShardId(slot % shards.get())
}
