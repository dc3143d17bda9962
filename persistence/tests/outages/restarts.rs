//! Servers that stop, stall, or are replaced while many write.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use fritzy_domain::{AppendError, Page, UnlimitedBudget};
use fritzy_persistence::{EventTail, TailFrom};
use sqlx::{Connection, PgConnection};

use crate::ground::{Ground, PATIENT, Told, acknowledged};

/// Writes without a pause until `fault` is done, and a little longer; each client waits for so long.
///
/// Accounts have numbers from `from` on.
async fn load(
    ground: &Ground,
    from: u128,
    waits: Duration,
    fault: impl FnOnce() + Send + 'static,
) -> Vec<Told> {
    let faulty = tokio::task::spawn_blocking(fault);
    let mut told = Vec::new();
    let mut last_round = false;
    loop {
        let next = from + told.len() as u128;
        let round = ground.tell_many(next, 50, waits).await;
        told.extend(round);
        if last_round {
            break;
        }
        last_round = faulty.is_finished();
    }
    faulty.await.expect("the fault was made");
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_is_not_noticed_but_by_waiting() {
    let test = "a_restart_is_not_noticed_but_by_waiting";
    let Some(ground) = Ground::new(test).await else {
        return;
    };
    let ground = std::sync::Arc::new(ground);
    for round in 1..=3_u128 {
        let restarting = ground.clone();
        let told = load(&ground, round * 1_000_000, PATIENT, move || {
            restarting.server.stop_fast().expect("stops");
            restarting.server.restart().expect("starts");
        });
        let told = told.await;
        let refused: Vec<_> = told.iter().filter(|(_, answer)| answer.is_err()).collect();
        // A machine under load may take longer to start a server than appends are kept.
        for (_, answer) in refused {
            let failure = answer.as_ref().expect_err("refused");
            assert!(failure.certainly_not_written(), "{failure}");
        }
        let read = ground
            .fixture
            .stores
            .read_model
            .accounts(Page { skip: 0, take: 1 }, &UnlimitedBudget);
        assert_eq!(read.await.expect("reads again").len(), 1);
        ground.audit(&told).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crashes_lose_nothing_acknowledged() {
    let test = "crashes_lose_nothing_acknowledged";
    let Some(ground) = Ground::new(test).await else {
        return;
    };
    let ground = std::sync::Arc::new(ground);
    let mut all = Vec::new();
    for (round, kill) in [(1_u128, false), (2, true), (3, false)] {
        let crashing = ground.clone();
        let told = load(&ground, round * 1_000_000, PATIENT, move || {
            std::thread::sleep(Duration::from_millis(u64::from(std::process::id()) % 97));
            if kill {
                crashing.server.kill().expect("killed");
            } else {
                crashing.server.stop_immediate().expect("stops");
            }
            crashing.server.restart().expect("starts");
        });
        all.extend(told.await);
        let after = ground
            .tell_many(round * 1_000_000 + 900_000, 20, PATIENT)
            .await;
        assert_eq!(acknowledged(&after), 20, "it goes on by itself");
        all.extend(after);
    }
    assert!(acknowledged(&all) > 100, "there was load");
    ground.audit(&all).await;
}

/// A longer outage: what waits is refused within some seconds, what comes meanwhile at once, and nothing of it
/// is written later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_outage_is_told_at_once_and_ends_by_itself() {
    let test = "a_long_outage_is_told_at_once_and_ends_by_itself";
    let Some(ground) = Ground::new(test).await else {
        return;
    };
    ground.server.stop_fast().expect("stops");
    let mut told = ground.tell_many(1_000, 50, PATIENT).await;
    assert_eq!(acknowledged(&told), 0);
    let began = Instant::now();
    let meanwhile = ground.tell_many(2_000, 50, PATIENT).await;
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    for (_, answer) in meanwhile.iter().chain(&told) {
        let unavailable = matches!(
            answer,
            Err(AppendError::Unavailable {
                certainly_not_written: true,
                ..
            })
        );
        assert!(unavailable, "{answer:?}");
    }
    told.extend(meanwhile);
    ground.server.restart().expect("starts");
    let began = Instant::now();
    loop {
        let again = ground
            .tell(ground.account(3_000 + told.len() as u128, PATIENT))
            .await;
        let written = again.1.is_ok();
        told.push(again);
        if written {
            break;
        }
    }
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    ground.audit(&told).await;
}

/// A server that stops for 10 s and goes on, with every connection as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stall_delays_and_nothing_else() {
    let test = "a_stall_delays_and_nothing_else";
    let Some(ground) = Ground::new(test).await else {
        return;
    };
    let ground = std::sync::Arc::new(ground);
    let stalling = ground.clone();
    let told = load(&ground, 2_000_000, PATIENT, move || {
        stalling.server.pause().expect("pauses");
        std::thread::sleep(Duration::from_secs(10));
        stalling.server.resume().expect("goes on");
    });
    let told = told.await;
    let after = ground.tell_many(60_000_000, 20, PATIENT).await;
    assert_eq!(acknowledged(&after), 20, "it goes on by itself");
    ground.audit(&told).await;
    ground.audit(&after).await;
}

/// A standby that has everything takes over from a primary that was killed. With synchronous replication
/// nothing acknowledged is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_standby_goes_on_with_everything_acknowledged() {
    let test = "a_promoted_standby_goes_on_with_everything_acknowledged";
    let Some(ground) = Ground::new(test).await else {
        return;
    };
    let ground = std::sync::Arc::new(ground);
    let standby = ground
        .server
        .standby(fritzy_testbed::PostgresConfig::default());
    let standby = std::sync::Arc::new(standby.expect("a standby"));
    ground
        .server
        .set("synchronous_standby_names", "*")
        .expect("set");
    let before = ground.tell_many(1_000_000, 50, PATIENT).await;
    assert_eq!(acknowledged(&before), 50);
    let (failing, promoted) = (ground.clone(), standby.clone());
    let mut told = load(&ground, 2_000_000, PATIENT, move || {
        failing.server.kill().expect("killed");
        // The new connections find a standby at first, which takes no writes.
        failing
            .proxy
            .set_upstream(SocketAddr::from((Ipv4Addr::LOCALHOST, promoted.port())));
        promoted.promote().expect("promoted");
    })
    .await;
    told.extend(before);
    let after = ground.tell_many(70_000_000, 20, PATIENT).await;
    assert_eq!(acknowledged(&after), 20, "it goes on by itself");
    told.extend(after);
    ground.audit_on(&standby, &told).await;
}

async fn execute(url: &str, statement: &'static str) {
    let mut connection = PgConnection::connect(url).await.expect("connects");
    let done = sqlx::raw_sql(statement).execute(&mut connection).await;
    done.expect("done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_told_not_to_sync_any_more_is_not_written_to() {
    let test = "a_server_that_is_told_not_to_sync_any_more_is_not_written_to";
    let Some(ground) = Ground::new(test).await else {
        return;
    };
    let url = ground.server.url("postgres");
    let mut told = ground.tell_many(0, 50, PATIENT).await;
    assert_eq!(acknowledged(&told), 50);
    for (number, setting) in [(1, "fsync"), (2, "synchronous_commit")] {
        let (off, on) = match setting {
            "fsync" => (
                "ALTER SYSTEM SET fsync = off",
                "ALTER SYSTEM SET fsync = on",
            ),
            _ => (
                "ALTER SYSTEM SET synchronous_commit = off",
                "ALTER SYSTEM SET synchronous_commit = on",
            ),
        };
        execute(&url, off).await;
        execute(&url, "SELECT pg_reload_conf()").await;
        // It is looked at once a second.
        tokio::time::sleep(Duration::from_secs(4)).await;
        let refused = ground.tell_many(number * 1_000, 20, PATIENT).await;
        assert_eq!(acknowledged(&refused), 0, "{setting}");
        told.extend(refused);
        execute(&url, on).await;
        execute(&url, "SELECT pg_reload_conf()").await;
        tokio::time::sleep(Duration::from_secs(4)).await;
        let written = ground.tell_many(number * 1_000 + 500, 20, PATIENT).await;
        assert_eq!(acknowledged(&written), 20, "{setting} is on again");
        told.extend(written);
    }
    ground.audit(&told).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tail_waits_for_a_standby_to_be_promoted() {
    let test = "a_tail_waits_for_a_standby_to_be_promoted";
    let Some(ground) = Ground::new(test).await else {
        return;
    };
    let url = ground.server.url("postgres");
    ground.tell_many(0, 50, PATIENT).await;
    let mut tail = EventTail::open_postgres(&url, &TailFrom::Start)
        .await
        .expect("opens");
    tail.look().await.expect("is there");
    for _ in 0..20 {
        tail.next().await.expect("reads").expect("there are 50");
    }
    ground.server.stop_fast().expect("stops");
    let signal = ground.server.data_dir().join("standby.signal");
    std::fs::write(signal, "").expect("written");
    ground.server.restart().expect("starts as a standby");
    let promoting = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        execute(&url, "SELECT pg_promote()").await;
    });
    let mut seen = 20;
    tail.look().await.expect("waits for the promotion");
    while tail.next().await.expect("reads").is_some() {
        seen += 1;
    }
    promoting.await.expect("promoted");
    assert_eq!(seen, 50, "each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tail_goes_on_behind_a_restart_with_exactly_the_rest() {
    let test = "a_tail_goes_on_behind_a_restart_with_exactly_the_rest";
    let Some(ground) = Ground::new(test).await else {
        return;
    };
    let url = ground.server.url("postgres");
    let mut tail = EventTail::open_postgres(&url, &TailFrom::Now)
        .await
        .expect("opens");
    let ground = std::sync::Arc::new(ground);
    let mut seen = Vec::new();
    let mut written = Vec::new();
    for round in 1..=3_u128 {
        let told = ground.tell_many(round * 1_000, 200, PATIENT).await;
        written.extend(told.iter().map(|(append, _)| append.entity));
        // Some of what is there is fetched before the restart, the rest behind it.
        tail.look().await.expect("is there");
        for _ in 0..50 {
            seen.extend(tail.next().await.expect("reads"));
        }
        let restarting = ground.clone();
        let restarted = tokio::task::spawn_blocking(move || {
            restarting.server.stop_fast().expect("stops");
            std::thread::sleep(Duration::from_millis(300));
            restarting.server.restart().expect("starts");
        });
        while let Some(event) = tail.next().await.expect("waits for the server") {
            seen.push(event);
        }
        tail.look().await.expect("waits for the server");
        restarted.await.expect("restarted");
    }
    let mut seen: Vec<_> = seen.iter().map(|event| event.entity).collect();
    seen.sort();
    written.sort();
    assert_eq!(seen, written, "each once");
}
