//! Older states of a database that are put back under running nodes, and what the nodes name as
//! lost.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fritzy_testbed::{PostgresServer, Workspace};
use serde_json::Value;

/// Some looks: there is one each second, and the first one after a claim reads the last events.
pub(crate) const LOOKS: Duration = Duration::from_secs(3);

/// An event by its shard and its position.
pub(crate) type Place = (u64, u64);

fn run(command: &mut Command) {
    let ended = command.output().expect("runs");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{command:?}: {said}");
}

/// Writes the state of a server's database into a file.
pub(crate) fn dump(server: &PostgresServer, file: &Path) {
    let url = server.url("postgres");
    run(Command::new(server.program("pg_dump"))
        .args(["--format", "custom", "--dbname", &url, "--file"])
        .arg(file));
}

/// Puts a dumped state back.
pub(crate) fn put_back(server: &PostgresServer, file: &Path) {
    // `pg_restore --clean` cannot drop a table in parts.
    let empty = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
    server.psql("postgres", empty).expect("emptied");
    let url = server.url("postgres");
    run(Command::new(server.program("pg_restore"))
        .args(["--single-transaction", "--dbname", &url])
        .arg(file));
}

/// The events that `fritzy events tail` prints from the start: all, without a gap.
pub(crate) fn tailed(workspace: &Workspace, database: &[&str]) -> BTreeSet<Place> {
    let arguments = [
        &["events", "tail", "--json", "--from", "start"][..],
        database,
    ];
    let exited = workspace.run(&mut workspace.command(&arguments.concat()));
    assert_eq!(exited.code, Some(0), "{exited:?}");
    let lines = exited.stdout.lines();
    let lines = lines.map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let place = |line: Value| Some((line["shard"].as_u64()?, line["position"].as_u64()?));
    lines.filter_map(place).collect()
}

/// The events that the log of a node names as lost, and how many they are by its own count.
pub(crate) fn named_lost(log: &str) -> (BTreeSet<Place>, u64) {
    let mut named = BTreeSet::new();
    let mut counted = 0;
    for line in log.lines() {
        let Ok(entry) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let message = entry["message"].as_str().unwrap_or_default();
        if !message.starts_with("the database went backwards: these") {
            continue;
        }
        counted += entry["lost_events"].as_u64().expect("a number");
        let lost = entry["lost"].as_str().expect("a text");
        for range in lost.split(", ").filter(|range| !range.is_empty()) {
            let (shard, positions) = range.split_once(':').expect("shard:positions");
            let (first, last) = positions.split_once('-').unwrap_or((positions, positions));
            let number = |text: &str| text.parse::<u64>().expect("a number");
            let positions = number(first)..=number(last);
            named.extend(positions.map(|position| (number(shard), position)));
        }
    }
    (named, counted)
}
