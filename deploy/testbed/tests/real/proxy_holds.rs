//! A commit that is on its way while its client gives up: the case in which nobody knows what has happened.

use std::fs;
use std::process::{Command, Stdio};

use fritzy_testbed::{
    ChaosProxy, HoldFrom, PostgresConfig, PostgresServer, ServiceError, skip, skip_unless,
};

use crate::psql::{A_MOMENT, Psql, SOON, by_way_of, eventually};
use crate::{is_there, make};

fn behind_proxy() -> Result<(PostgresServer, ChaosProxy), ServiceError> {
    let server = PostgresServer::start(PostgresConfig::default())?;
    let proxy = ChaosProxy::start(([127, 0, 0, 1], server.port()).into()).expect("a port");
    Ok((server, proxy))
}

/// A client that has begun a transaction, and said that it is to be committed.
fn committing(server: &PostgresServer, proxy: &ChaosProxy, name: &str) -> Psql {
    let mut client = Psql::connected(server, proxy.address());
    client.says("BEGIN");
    client.says(&make(name));
    client.says("COMMIT");
    client
}

#[test]
fn held_commit_arrives_after_its_client_is_gone() {
    let (server, proxy) = skip_unless!(behind_proxy());
    // The client dies.
    let hold = proxy.hold_client_bytes(HoldFrom::execute_of("COMMIT"));
    assert!(!hold.wait_held(A_MOMENT));
    let client = committing(&server, &proxy, "died");
    assert!(hold.wait_held(SOON));
    client.kill();
    // Others pass meanwhile, and commit.
    let mut other = committing(&server, &proxy, "passed");
    other.says("SELECT 'committed'");
    assert_eq!(other.row(SOON), Ok("committed".to_owned()));
    assert_eq!(server.psql("postgres", &is_there("died")).unwrap(), "f");
    assert!(hold.is_held());
    assert!(hold.release());
    eventually(&server, &is_there("died"), "t");

    // The way is cut under it, and heals before the commit arrives.
    let hold = proxy.hold_client_bytes(HoldFrom::bytes(b"COMMIT"));
    let client = committing(&server, &proxy, "cut_off");
    assert!(hold.wait_held(SOON));
    proxy.cut();
    assert!(client.row(SOON).is_err(), "its connection is closed");
    proxy.heal();
    Psql::connected(&server, proxy.address());
    assert_eq!(server.psql("postgres", &is_there("cut_off")).unwrap(), "f");
    assert!(hold.release());
    eventually(&server, &is_there("cut_off"), "t");
}

#[test]
fn held_commit_is_released_or_discarded() {
    let (server, proxy) = skip_unless!(behind_proxy());
    let hold = proxy.hold_client_bytes(HoldFrom::execute_of("COMMIT"));
    let mut client = committing(&server, &proxy, "late");
    client.says("SELECT 'committed'");
    assert!(hold.wait_held(SOON));
    assert!(client.row(A_MOMENT).is_err());
    drop(hold);
    assert_eq!(client.row(SOON), Ok("committed".to_owned()));

    let hold = proxy.hold_client_bytes(HoldFrom::execute_of("COMMIT"));
    let client = committing(&server, &proxy, "discarded");
    assert!(hold.wait_held(SOON));
    hold.discard();
    assert!(client.row(SOON).is_err(), "its connection is closed");
    assert!(!hold.release(), "there is nothing to deliver any more");
    // It waits for the end of the other transaction, and would be refused had that been committed.
    server.psql("postgres", &make("discarded")).unwrap();
}

#[test]
fn prepared_statements_are_held_by_their_text() {
    let (server, proxy) = skip_unless!(behind_proxy());
    // It prepares each statement at its first use, and names it from then on: so the second commit is held without
    // its text being in it.
    let pgbench = server.program("pgbench");
    if !pgbench.exists() {
        skip!("pgbench is not installed next to postgres");
    }
    server.psql("postgres", &make("counted")).unwrap();
    let count = || {
        server
            .psql("postgres", "SELECT pg_sequence_last_value('counted')")
            .unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let explicit = folder.path().join("explicit");
    fs::write(
        &explicit,
        "BEGIN;\nSELECT lo_create(0);\nCOMMIT;\nSELECT nextval('counted');\n",
    )
    .unwrap();
    let run = |hold: HoldFrom, script: &std::path::Path| {
        let hold = proxy.hold_client_bytes(hold);
        let client = Command::new(&pgbench)
            .args([
                "--no-vacuum",
                "--protocol",
                "prepared",
                "--transactions",
                "2",
                "--file",
            ])
            .arg(script)
            .arg(by_way_of(&server, proxy.address()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        assert!(hold.wait_held(SOON));
        (hold, client)
    };
    let mut commits = 0;
    let second_commit = HoldFrom::when(move |message| {
        commits += u32::from(
            message
                .executes()
                .is_some_and(|text| text.starts_with("COMMIT")),
        );
        assert!(commits < 2 || !message.bytes().windows(6).any(|bytes| bytes == b"COMMIT"));
        commits == 2
    });
    let (hold, mut client) = run(second_commit, &explicit);
    assert_eq!(count(), "1");
    assert!(hold.release());
    assert!(client.wait().unwrap().success());
    assert_eq!(count(), "2");

    // Outside a transaction, the sync commits: a lock that is taken until then is still there.
    let single = folder.path().join("single");
    fs::write(&single, "SELECT pg_advisory_xact_lock(7);\n").unwrap();
    let is_free = "SELECT pg_try_advisory_xact_lock(7)";
    let (hold, mut client) = run(HoldFrom::sync_of("pg_advisory_xact_lock"), &single);
    eventually(&server, is_free, "f");
    client.kill().unwrap();
    client.wait().unwrap();
    assert_eq!(server.psql("postgres", is_free).unwrap(), "f");
    assert!(hold.release());
    eventually(&server, is_free, "t");
}
