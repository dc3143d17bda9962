//! Servers that stop, stall or are replaced under load.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use fritzy_domain::{Page, UnlimitedBudget};
use fritzy_persistence::{EventTail, TailFrom};
use fritzy_testbed::skip_unless;
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use crate::fixture::TEST_TIMEOUT;
use crate::outages::workspace::{ClientObservation, Workspace, acknowledged};

/// Creates accounts without a pause, numbered from `from`, until `fault` has ended and for one more
/// round.
async fn load(
    workspace: &Workspace,
    from: u128,
    fault: impl FnOnce() + Send + 'static,
) -> Vec<ClientObservation> {
    let faulty = tokio::task::spawn_blocking(fault);
    let mut observed = Vec::new();
    let mut last_round = false;
    loop {
        let next = from + observed.len() as u128;
        observed.extend(workspace.create_accounts(next, 50).await);
        if last_round {
            break;
        }
        last_round = faulty.is_finished();
    }
    faulty.await.expect("the fault was made");
    observed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_server_restart_only_delays_writes() {
    let workspace = skip_unless!(Workspace::new().await);
    let workspace = Arc::new(workspace);
    for round in 1..=3_u128 {
        let restarting = workspace.clone();
        let observed = load(&workspace, round * 1_000_000, move || {
            restarting.server.stop_fast().expect("stops");
            restarting.server.restart().expect("starts");
        });
        let observed = observed.await;
        // On a busy machine, starting a server may take longer than the committer retries.
        for failure in observed.iter().filter_map(|one| one.result.as_ref().err()) {
            assert!(failure.certainly_not_written(), "{failure}");
        }
        let read = workspace
            .fixture
            .stores
            .read_model
            .accounts(Page { skip: 0, take: 1 }, &UnlimitedBudget);
        assert_eq!(read.await.expect("reads again").len(), 1);
        workspace.audit(&observed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_server_crash_loses_nothing_acknowledged() {
    let workspace = skip_unless!(Workspace::new().await);
    let workspace = Arc::new(workspace);
    let mut all = Vec::new();
    for (round, kill) in [(1_u128, false), (2, true), (3, false)] {
        let crashing = workspace.clone();
        let observed = load(&workspace, round * 1_000_000, move || {
            // Each run crashes at another point of a batch.
            thread::sleep(Duration::from_millis(u64::from(std::process::id()) % 97));
            if kill {
                crashing.server.kill().expect("killed");
            } else {
                crashing.server.stop_immediate().expect("stops");
            }
            crashing.server.restart().expect("starts");
        });
        all.extend(observed.await);
        let after = round * 1_000_000 + 900_000;
        let after = workspace.create_accounts(after, 20).await;
        assert_eq!(acknowledged(&after), 20, "writes continue");
        all.extend(after);
    }
    assert!(acknowledged(&all) > 100, "there was load");
    workspace.audit(&all).await;
}

/// In a longer outage, queued appends are refused within some seconds, later ones at once. None of
/// them is written later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_outage_fails_writes_at_once_then_recovers() {
    let workspace = skip_unless!(Workspace::new().await);
    workspace.server.stop_fast().expect("stops");
    let mut observed = workspace.create_accounts(1_000, 50).await;
    assert_eq!(acknowledged(&observed), 0);
    let began = Instant::now();
    observed.extend(workspace.create_accounts(2_000, 50).await);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    for refused in &observed {
        assert!(refused.is_unavailable(true), "{refused:?}");
    }
    workspace.server.restart().expect("starts");
    let began = Instant::now();
    loop {
        let next = 3_000 + observed.len() as u128;
        let retried = workspace.create_account(next).await;
        let written = retried.is_acknowledged();
        observed.push(retried);
        if written {
            break;
        }
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    workspace.audit(&observed).await;
}

/// The server stops for 10 s and then continues with every connection intact. That outlasts the
/// committer's limits for a batch (6 s) and then for a connection attempt (3 s).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_stalled_server_only_delays_writes() {
    let workspace = skip_unless!(Workspace::new().await);
    let workspace = Arc::new(workspace);
    let stalling = workspace.clone();
    let observed = load(&workspace, 2_000_000, move || {
        stalling.server.pause().expect("pauses");
        thread::sleep(Duration::from_secs(10));
        stalling.server.resume().expect("resumes");
    });
    let observed = observed.await;
    let after = workspace.create_accounts(60_000_000, 20).await;
    assert_eq!(acknowledged(&after), 20, "writes continue");
    workspace.audit(&observed).await;
    workspace.audit(&after).await;
}

/// A standby that has everything replaces a killed primary. With synchronous replication, nothing
/// acknowledged is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_promoted_standby_has_everything_acknowledged() {
    let workspace = skip_unless!(Workspace::new().await);
    let workspace = Arc::new(workspace);
    let standby = workspace
        .server
        .standby(fritzy_testbed::PostgresConfig::default());
    let standby = Arc::new(standby.expect("a standby"));
    workspace
        .server
        .set("synchronous_standby_names", "*")
        .expect("set");
    let before = workspace.create_accounts(1_000_000, 50).await;
    assert_eq!(acknowledged(&before), 50);
    let (failing, promoted) = (workspace.clone(), standby.clone());
    let mut observed = load(&workspace, 2_000_000, move || {
        failing.server.kill().expect("killed");
        // At first, new connections reach a standby, which refuses writes.
        failing
            .proxy
            .set_upstream(SocketAddr::from((Ipv4Addr::LOCALHOST, promoted.port())));
        promoted.promote().expect("promoted");
    })
    .await;
    observed.extend(before);
    let after = workspace.create_accounts(70_000_000, 20).await;
    assert_eq!(acknowledged(&after), 20, "writes continue");
    observed.extend(after);
    workspace.audit_on(&standby, &observed).await;
}

async fn execute(url: &str, statement: &'static str) {
    let mut connection = PgConnection::connect(url).await.expect("connects");
    let done = sqlx::raw_sql(statement).execute(&mut connection).await;
    done.expect(statement);
}

/// Creates rounds of 20 accounts, numbered from `from`, until `expected` of a round are
/// acknowledged.
///
/// A round concerns every committer. They change their state separately.
async fn create_until(
    workspace: &Workspace,
    from: u128,
    expected: usize,
) -> Vec<ClientObservation> {
    let mut observed = Vec::new();
    let began = Instant::now();
    loop {
        let next = from + observed.len() as u128;
        let round = workspace.create_accounts(next, 20).await;
        let count = acknowledged(&round);
        observed.extend(round);
        if count == expected {
            return observed;
        }
        assert!(
            began.elapsed() < TEST_TIMEOUT,
            "{count} of 20 are acknowledged, not {expected}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The store checks both settings once a second, over a connection of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_server_that_stops_syncing_is_not_written_to() {
    let workspace = skip_unless!(Workspace::new().await);
    let url = workspace.server.url("postgres");
    let mut observed = workspace.create_accounts(0, 50).await;
    assert_eq!(acknowledged(&observed), 50);
    for (first, setting, off, on) in [
        (
            1_000_000_u128,
            "fsync",
            "ALTER SYSTEM SET fsync = off",
            "ALTER SYSTEM SET fsync = on",
        ),
        (
            2_000_000,
            "synchronous_commit",
            "ALTER SYSTEM SET synchronous_commit = off",
            "ALTER SYSTEM SET synchronous_commit = on",
        ),
    ] {
        execute(&url, off).await;
        execute(&url, "SELECT pg_reload_conf()").await;
        observed.extend(create_until(&workspace, first, 0).await);
        let refused = workspace.create_accounts(first + 500_000, 20).await;
        assert_eq!(acknowledged(&refused), 0, "{setting} is off");
        observed.extend(refused);
        execute(&url, on).await;
        execute(&url, "SELECT pg_reload_conf()").await;
        observed.extend(create_until(&workspace, first + 600_000, 20).await);
        let written = workspace.create_accounts(first + 700_000, 20).await;
        assert_eq!(acknowledged(&written), 20, "{setting} is on again");
        observed.extend(written);
    }
    workspace.audit(&observed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tail_waits_for_the_promotion_of_a_standby() {
    let workspace = skip_unless!(Workspace::new().await);
    let url = workspace.server.url("postgres");
    workspace.create_accounts(0, 50).await;
    let mut tail = EventTail::open_postgres(&url, &TailFrom::Start)
        .await
        .expect("opens");
    tail.poll().await.expect("polls");
    for _ in 0..20 {
        tail.next().await.expect("reads").expect("there are 50");
    }
    workspace.server.stop_fast().expect("stops");
    let signal = workspace.server.data_dir().join("standby.signal");
    std::fs::write(signal, "").expect("written");
    workspace.server.restart().expect("starts as a standby");
    {
        let mut poll = pin!(tail.poll());
        let waiting = timeout(Duration::from_millis(500), &mut poll).await;
        assert!(waiting.is_err(), "the tail waits while it is a standby");
        execute(&url, "SELECT pg_promote()").await;
        let polled = timeout(TEST_TIMEOUT, poll).await;
        let polled = polled.expect("notices the promotion");
        polled.expect("polls");
    }
    let mut seen = 20;
    while tail.next().await.expect("reads").is_some() {
        seen += 1;
    }
    assert_eq!(seen, 50, "each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tail_continues_after_a_restart_with_the_rest() {
    let workspace = skip_unless!(Workspace::new().await);
    let url = workspace.server.url("postgres");
    let mut tail = EventTail::open_postgres(&url, &TailFrom::Now)
        .await
        .expect("opens");
    let workspace = Arc::new(workspace);
    let mut seen = Vec::new();
    let mut written = Vec::new();
    for round in 1..=3_u128 {
        let observed = workspace.create_accounts(round * 1_000, 200).await;
        written.extend(observed.iter().map(|observed| observed.append.entity));
        // Some of the events are fetched before the restart, the rest after it.
        tail.poll().await.expect("polls");
        for _ in 0..50 {
            seen.extend(tail.next().await.expect("reads"));
        }
        let restarting = workspace.clone();
        let restarted = tokio::task::spawn_blocking(move || {
            restarting.server.stop_fast().expect("stops");
            // The tail meets a server that is away, not only one that starts.
            thread::sleep(Duration::from_millis(100));
            restarting.server.restart().expect("starts");
        });
        while let Some(event) = tail.next().await.expect("waits for the server") {
            seen.push(event);
        }
        tail.poll().await.expect("waits for the server");
        restarted.await.expect("restarted");
    }
    let mut seen: Vec<_> = seen.iter().map(|event| event.entity).collect();
    seen.sort();
    written.sort();
    assert_eq!(seen, written, "each once");
}
