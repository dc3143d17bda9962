//! Memory of resident entities (B6), measured on a SQLite file against the documented bounds. The
//! only test of its process, because it reads the memory of the whole process.

use std::sync::Arc;

use fritzy_actors::{Request, Shop, ShopConfig};
use fritzy_domain::CommandId;
use fritzy_persistence::{SqliteConfig, Stores};
use fritzy_types::{Deadline, NodeId};
use futures_util::{StreamExt, stream};
use uuid::Uuid;

/// Entities created and read.
const ENTITIES: usize = 200_000;
/// Limit on entities in memory.
const RESIDENT_MAX: usize = 20_000;
/// Upper bound for one resident entity, in bytes.
const ENTITY_BYTES_MAX: usize = 16 * 1024;
/// Upper bound for everything else, in bytes: runtime, 1 024 shard supervisors, SQLite's caches,
/// buffers.
const BASE_BYTES_MAX: usize = 150_000_000;
/// Requests in flight at once, for creations as for reads.
const IN_FLIGHT: usize = 512;

fn deadline() -> Deadline {
    Deadline::at(std::time::Instant::now() + std::time::Duration::from_secs(60))
}

/// Resident set size of this process, in bytes.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("VmRSS");
    let kib: usize = line
        .split_whitespace()
        .nth(1)
        .expect("a number")
        .parse()
        .expect("a number");
    kib * 1024
}

async fn read_all(shop: &Arc<Shop>, ids: &[String]) {
    let reads = stream::iter(ids).map(|id| async move {
        shop.account(id, deadline()).await.expect("exists");
    });
    reads.buffer_unordered(IN_FLIGHT).collect::<Vec<()>>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_within_bound_of_entity_limit() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let stores = Stores::open_sqlite(SqliteConfig::new(directory.path().join("fritzy.db")));
    let stores = stores.await.expect("opens");
    let config = ShopConfig {
        entities_max: RESIDENT_MAX,
        ..ShopConfig::default()
    };
    let (journal, reads) = (stores.journal.clone(), stores.read_model.clone());
    let me = NodeId::from_uuid(Uuid::now_v7());
    let shop = Shop::start(config, me, journal, reads, stores.ownership.as_ref()).await;
    let shop = Arc::new(shop.expect("starts"));

    let creations = stream::iter(0..ENTITIES).map(|number| {
        let shop = shop.clone();
        async move {
            let command = CommandId::from_uuid(Uuid::now_v7());
            let request = Request {
                command,
                fingerprint: None,
                deadline: deadline(),
            };
            let created = shop
                .create_account(&request, format!("account {number}").into())
                .await;
            created.expect("created").state.id.to_string()
        }
    });
    let ids: Vec<String> = creations.buffer_unordered(IN_FLIGHT).collect().await;
    assert_eq!(
        shop.actor_counts().resident,
        0,
        "a creation started an entity actor"
    );

    let before = resident_bytes();
    read_all(&shop, &ids[..RESIDENT_MAX]).await;
    assert_eq!(shop.actor_counts().resident, RESIDENT_MAX);
    let entity_bytes = resident_bytes().saturating_sub(before) / RESIDENT_MAX;
    assert!(
        entity_bytes <= ENTITY_BYTES_MAX,
        "an entity takes {entity_bytes} bytes"
    );

    read_all(&shop, &ids).await;
    let total = resident_bytes();
    let counts = shop.actor_counts();
    assert!(counts.resident <= RESIDENT_MAX + 1_024, "{counts:?}");
    let bound = RESIDENT_MAX * ENTITY_BYTES_MAX + BASE_BYTES_MAX;
    println!("{entity_bytes} bytes an entity; {total} bytes in all, {bound} allowed; {counts:?}");
    assert!(total <= bound, "{total} bytes are in use, {bound} allowed");
}
