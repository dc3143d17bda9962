//! A database that goes backwards under open stores: a standby is promoted without the last writes,
//! or a backup is restored under the same address.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use fritzy_domain::{AppendError, Cursor, CursorMove, Generation};
use fritzy_persistence::{Lost, PostgresConfig, Sharing, Stores};
use fritzy_testbed::{HoldFrom, PostgresServer, skip_unless};
use fritzy_types::{NewNode, Roles, ShardId};
use tokio::time::timeout;

use crate::fixture::{Fixture, TEST_TIMEOUT, node};
use crate::outages::workspace::{
    BATCH, ClientObservation, Workspace, acknowledged, blocking, wait_until,
};

/// A standby of the workspace's server.
fn standby_of(workspace: &Workspace) -> PostgresServer {
    let standby = workspace
        .server
        .standby(fritzy_testbed::PostgresConfig::default());
    standby.expect("a standby")
}

/// Kills the server, and has the standby take its address.
fn fail_over(workspace: &Workspace, standby: &PostgresServer) {
    workspace.server.kill().expect("killed");
    lead_to(workspace, standby);
}

fn lead_to(workspace: &Workspace, standby: &PostgresServer) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, standby.port()));
    workspace.proxy.set_upstream(address);
    standby.promote().expect("promoted");
}

async fn current(stores: &Stores) -> Generation {
    let generations = stores.journal.generations().await;
    generations.expect("reads").current().clone()
}

async fn reopened(workspace: &Workspace) -> Stores {
    let stores = Stores::open_postgres(workspace.config.clone()).await;
    stores.expect("opens")
}

async fn lost(stores: &Stores) -> Lost {
    let lost = timeout(TEST_TIMEOUT, stores.lost()).await;
    lost.expect("it is noticed")
}

/// The acknowledged events, by shard.
fn acknowledged_in(observed: &[ClientObservation], shard: u16) -> u64 {
    let in_shard = |one: &&ClientObservation| {
        one.is_acknowledged() && one.append.lease.shard == ShardId(shard)
    };
    observed.iter().filter(in_shard).count() as u64
}

/// The loss is exactly what was acknowledged and is not there; what follows has no gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_lossy_promotion_is_named_and_begins_a_generation() {
    let workspace = skip_unless!(Workspace::new().await);
    let standby = standby_of(&workspace);
    let kept = workspace.create_accounts(0, 40).await;
    standby.stop_following(&workspace.server).expect("stopped");
    let gone = workspace.create_accounts(1_000, 22).await;
    assert_eq!((acknowledged(&kept), acknowledged(&gone)), (40, 22));
    fail_over(&workspace, &standby);

    assert_eq!(lost(&workspace.fixture.stores).await, Lost::History);
    // Nothing is written under what was known before.
    let late = workspace.create_account(3_000).await;
    assert!(!late.is_acknowledged(), "{late:?}");
    workspace.fixture.stores.close().await;

    let stores = reopened(&workspace).await;
    let generation = current(&stores).await;
    assert_eq!(generation.number, 2);
    for (shard, start) in &generation.shards {
        assert_eq!(start.kept, acknowledged_in(&kept, shard.0), "{shard}");
        assert_eq!(
            start.lost_events(),
            acknowledged_in(&gone, shard.0),
            "{shard}"
        );
    }
    let again = Fixture::claimed_by(node(2), stores).await;
    for (number, append) in (2_000..2_020).map(|number| (number, again.new_account(number))) {
        let appended = again.stores.journal.append(append).await;
        appended.unwrap_or_else(|failure| panic!("{number}: {failure}"));
    }
    // Positions continue behind what was kept: `verify` finds no gap.
    workspace.audit_on(&standby, &kept).await;
    again.stores.close().await;
}

/// Every node that has seen the lost events adds what it knows; one of them begins the generation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_nodes_that_notice_together_begin_one_generation() {
    let mut workspace = skip_unless!(Workspace::shared().await);
    let standby = standby_of(&workspace);
    let mut others = Vec::new();
    for number in 2..=3 {
        let stores = reopened(&workspace).await;
        others.push(Fixture::unclaimed_by(node(number), stores));
    }
    // Each owns one shard and knows one event there.
    standby.stop_following(&workspace.server).expect("stopped");
    let mut leases = workspace.fixture.leases.clone();
    for (index, other) in others.iter_mut().enumerate() {
        let shard = leases[index + 1].shard;
        let claimed = other.stores.ownership.claim(other.owner, &[shard]).await;
        leases[index + 1] = claimed.expect("claims")[0];
    }
    workspace.fixture.leases = leases.clone();
    for (index, other) in others.iter_mut().enumerate() {
        other.leases = leases.clone();
        let number = index as u128 + 1;
        other.create_account(number).await.expect("appended");
    }
    let first = workspace.create_account(0).await;
    assert!(first.is_acknowledged(), "{first:?}");
    fail_over(&workspace, &standby);

    let fresh = loop {
        // A look each second, by all three.
        tokio::time::sleep(Duration::from_secs(3)).await;
        if let Ok(stores) = Stores::open_postgres(workspace.config.clone()).await {
            break stores;
        }
    };
    let generation = current(&fresh).await;
    assert_eq!(generation.number, 2);
    let lost: Vec<u64> = generation
        .shards
        .values()
        .map(|start| start.lost_events())
        .collect();
    assert_eq!(lost, [1, 1, 1, 0]);
    for other in others {
        other.stores.close().await;
    }
    fresh.close().await;
}

/// A heartbeat that was counted and is gone tells as much, on a node that has written nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_lost_heartbeat_begins_a_generation() {
    let workspace = skip_unless!(Workspace::shared().await);
    let standby = standby_of(&workspace);
    let membership = workspace
        .fixture
        .stores
        .membership
        .clone()
        .expect("it has one");
    let me = node(7);
    let joining = NewNode {
        id: me,
        name: "seven".to_owned(),
        address: None,
        roles: Roles::ALL,
        program: String::new(),
        wire_min: 1,
        wire_max: 1,
    };
    membership.join(&joining).await.expect("joins");
    assert_eq!(membership.heartbeat(me).await, Ok(true));
    standby.stop_following(&workspace.server).expect("stopped");
    for _ in 0..5 {
        assert_eq!(membership.heartbeat(me).await, Ok(true));
    }
    fail_over(&workspace, &standby);
    let fenced = async {
        // Errors first: the connection was lost, then the heartbeat is behind.
        while membership.heartbeat(me).await != Ok(false) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(TEST_TIMEOUT, fenced).await.expect("it is fenced");
    assert_eq!(current(&workspace.fixture.stores).await.number, 2);
}

/// `pg_dump` and `pg_restore` on one server, under open connections: its identifiers stay, and its
/// log position grows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_restore_under_open_connections_begins_a_generation() {
    let workspace = skip_unless!(Workspace::new().await);
    let folder = tempfile::tempdir().expect("a folder");
    let dump = folder.path().join("dump");
    let run = |program: &str, arguments: &[&str]| {
        let ended = Command::new(workspace.server.program(program))
            .args(["--dbname", &workspace.server.url("postgres")])
            .args(arguments)
            .output()
            .expect("runs");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{program}: {said}");
    };
    let kept = workspace.create_accounts(0, 12).await;
    let file = dump.to_str().expect("UTF-8");
    blocking(|| run("pg_dump", &["--format", "custom", "--file", file]));
    let gone = workspace.create_accounts(1_000, 8).await;
    assert_eq!((acknowledged(&kept), acknowledged(&gone)), (12, 8));
    // `pg_restore --clean` cannot drop a table in parts.
    let empty = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
    workspace.server.psql("postgres", empty).expect("emptied");
    blocking(|| run("pg_restore", &["--single-transaction", file]));
    assert_eq!(lost(&workspace.fixture.stores).await, Lost::History);
    workspace.fixture.stores.close().await;
    let stores = reopened(&workspace).await;
    let generation = current(&stores).await;
    let lost: u64 = generation
        .shards
        .values()
        .map(|start| start.lost_events())
        .sum();
    assert_eq!((generation.number, lost), (2, 8));
    workspace.audit(&kept).await;
    stores.close().await;
}

/// The server had committed it, and its standby never got it: the client is told that the outcome is
/// unknown, and the batch is not written again on the new line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_batch_in_doubt_is_not_rewritten_after_a_loss() {
    let workspace = skip_unless!(Workspace::new().await);
    let standby = standby_of(&workspace);
    let kept = workspace.create_account(0).await;
    standby.stop_following(&workspace.server).expect("stopped");
    // In another shard than the batch in doubt.
    let gone = workspace.create_account(1).await;
    assert!(kept.is_acknowledged() && gone.is_acknowledged());
    workspace.proxy.drop_server_bytes();
    let (doubtful, ()) = tokio::join!(workspace.create_account(4), async {
        wait_until(|| workspace.journal_rows() == 3).await;
        blocking(|| fail_over(&workspace, &standby));
        workspace.proxy.heal();
    });
    assert!(doubtful.is_unavailable(false), "{doubtful:?}");
    workspace.audit_on(&standby, &[kept, doubtful]).await;
    let rows = standby.psql("postgres", "SELECT count(*) FROM journal");
    assert_eq!(rows.expect("reads"), "1");
}

/// Without a loss the generation stays, and a server that hangs while another takes its address
/// costs seconds: the look each second gives up every connection to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hung_primary_is_left_at_once_for_the_new_one() {
    let workspace = skip_unless!(Workspace::new().await);
    let standby = standby_of(&workspace);
    workspace
        .server
        .set("synchronous_standby_names", "*")
        .expect("set");
    let mut observed = workspace.create_accounts(0, 20).await;
    assert_eq!(acknowledged(&observed), 20);
    let hold = workspace.proxy.hold_client_bytes(HoldFrom::sync_of(BATCH));
    workspace.server.pause().expect("paused");
    blocking(|| lead_to(&workspace, &standby));
    let promoted = Instant::now();
    let first = loop {
        let one = workspace
            .create_account(1_000 + observed.len() as u128)
            .await;
        let is_acknowledged = one.is_acknowledged();
        observed.push(one);
        if is_acknowledged {
            break promoted.elapsed();
        }
    };
    drop(hold);
    // 3 s on an idle machine; statements to the hung server alone would take 6.
    assert!(
        first < Duration::from_secs(5),
        "writes again after {first:?}"
    );
    println!("writes again {first:?} after the promotion");
    assert_eq!(current(&workspace.fixture.stores).await.number, 1);
    workspace.audit_on(&standby, &observed).await;
    workspace.server.resume().expect("resumed");
}

/// A cursor whose event is not the one in the journal goes back to what both have in common.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_cursor_of_another_history_steps_back() {
    let workspace = skip_unless!(Workspace::new().await);
    let observed = workspace.create_accounts(0, 8).await;
    assert_eq!(acknowledged(&observed), 8);
    let lease = workspace.fixture.leases[0];
    let cursors = &workspace.fixture.stores.cursors;
    let saved = |position| CursorMove {
        lease,
        cursor: Cursor {
            shard: lease.shard,
            position,
            resets: 0,
            stopped: None,
        },
    };
    let refused = cursors.save_cursors("test", vec![saved(2)]).await;
    assert_eq!(refused, Ok(vec![]));
    assert_eq!(cursors.cursors("test").await.expect("reads")[0].position, 2);
    let sql = "UPDATE journal SET event_id = gen_random_uuid() WHERE shard = 0 AND position = 2";
    workspace.server.psql("postgres", sql).expect("changed");
    let stepped = &cursors.cursors("test").await.expect("reads")[0];
    assert_eq!((stepped.position, stepped.resets), (0, 1));
    assert!(matches!(
        workspace.create_account(100).await.result,
        Ok(_) | Err(AppendError::Unavailable { .. })
    ));
}

impl Workspace {
    /// A workspace whose database several stores share.
    async fn shared() -> Result<Self, fritzy_testbed::ServiceError> {
        let server = PostgresServer::start(fritzy_testbed::PostgresConfig::default())?;
        let share = |config: &mut PostgresConfig| config.sharing = Sharing::Cluster;
        Ok(Self::with(server, share).await)
    }
}

/// Epochs fence the old line: a node that has not looked yet, over connections that still work,
/// writes neither events nor cursors.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_old_line_cannot_commit_after_a_new_generation() {
    let workspace = skip_unless!(Workspace::shared().await);
    let first = workspace.create_account(0).await;
    let second = workspace.create_account(4).await;
    assert!(first.is_acknowledged() && second.is_acknowledged());
    let lease = workspace.fixture.leases[0];
    let other = reopened(&workspace).await;
    let seen = other.journal.read_shard(lease.shard, 0, 10).await;
    assert_eq!(seen.expect("reads").len(), 2);
    // Only the other node's knowledge is missing: this one has another event at the position.
    let sql = "BEGIN; DELETE FROM journal WHERE position = 2; DELETE FROM account WHERE created_at = 4000000; COMMIT";
    workspace.server.psql("postgres", sql).expect("deleted");
    let newest = "SELECT max(number) FROM generation";
    wait_until(|| {
        let found = workspace.server.psql("postgres", newest);
        found.is_ok_and(|number| number == "2")
    })
    .await;
    let late = workspace.create_account(8).await;
    assert!(!late.is_acknowledged(), "{late:?}");
    let moved = CursorMove {
        lease,
        cursor: Cursor {
            shard: lease.shard,
            position: 1,
            resets: 0,
            stopped: None,
        },
    };
    let saved = workspace
        .fixture
        .stores
        .cursors
        .save_cursors("test", vec![moved]);
    // Refused by the fence, or not even sent.
    assert!(
        saved.await.is_ok_and(|refused| refused == [lease.shard]) || workspace.cursor_rows() == 0
    );
    assert_eq!(workspace.journal_rows(), 1);
    other.close().await;
}
