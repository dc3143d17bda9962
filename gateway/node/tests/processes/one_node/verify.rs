//! `fritzy journal verify` on databases of real nodes: clean after a stop and after a kill,
//! harmless next to a running node, and with clear errors. The violations it finds are tested in
//! `persistence/tests/verify`.

use std::fs;
use std::path::{Path, PathBuf};

use fritzy_testbed::{ExitedProcess, NODE_TIME_MAX, Workspace};
use fritzy_testbed_shop::{Api, Load, SentRequests};
use serde_json::{Value, json};

use super::node_alone::database;

/// Enough that requests are in flight.
const ACKNOWLEDGED: usize = 200;

/// SQLite's default size of a page.
const PAGE_BYTES: usize = 4_096;

const VERIFY: [&str; 2] = ["journal", "verify"];

fn verify(workspace: &Workspace) -> ExitedProcess {
    workspace.run(&mut workspace.command(&VERIFY))
}

/// The output of `--json`, of a check that exits with `code`.
fn verify_json(workspace: &Workspace, code: i32) -> Value {
    let exited = workspace.run(&mut workspace.command(&["journal", "verify", "--json"]));
    assert_eq!(exited.code, Some(code), "{exited:?}");
    assert_eq!(exited.stdout.lines().count(), 1, "{exited:?}");
    serde_json::from_str(&exited.stdout).expect("JSON")
}

/// The files of the data directory with their content, except SQLite's shared memory.
fn files(workspace: &Workspace) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = fs::read_dir(workspace.current().join("data")).expect("a folder");
    let mut files: Vec<_> = folder
        .map(|file| file.expect("a file").path())
        .filter(|path| !path.to_string_lossy().ends_with("-shm"))
        .map(|path| (path.clone(), fs::read(path).expect("readable")))
        .collect();
    files.sort();
    files
}

/// Every kind of event, with and without keys.
async fn use_everything(api: &Api) {
    let document = r#"mutation {
        ada: createAccount(account: { name: "Ada" }) { id }
        bob: createAccount(account: { name: "Bob" }, idempotencyKey: "bob") { id }
        lamp: createProduct(product: { name: "Lamp", description: "a\nb", price: 14.66 }) { id }
        free: createPricedProduct(
            product: { name: "Free", description: "", price: { amount: "0" } }, idempotencyKey: "f"
        ) { id }
    }"#;
    let made = api.run(document).await.data("");
    let id = |name: &str| made[name]["id"].as_str().expect("an id").to_owned();
    let (ada, lamp, free) = (id("ada"), id("lamp"), id("free"));
    let mut orders = Vec::new();
    for n in 0..5 {
        let document = format!(
            r#"mutation {{ createOrder(order: {{ accountId: "{ada}", products: [
                {{ productId: "{lamp}", quantity: {q} }}, {{ productId: "{free}", quantity: 7 }}
            ] }}{key}) {{ id }} }}"#,
            q = n + 1,
            key = if n % 2 == 0 {
                format!(r#", idempotencyKey: "o{n}""#)
            } else {
                String::new()
            },
        );
        // A repeated key creates no second order.
        for _ in 0..2 {
            orders.push(api.run(&document).await.text_at("/createOrder/id"));
        }
    }
    let document = format!(
        r#"mutation {{
            a: confirmOrder(id: "{0}", idempotencyKey: "c") {{ id }}
            b: confirmOrder(id: "{0}", idempotencyKey: "c") {{ id }}
            c: completeOrder(id: "{0}") {{ id }}
            d: cancelOrder(id: "{1}", reason: "too late") {{ id }}
            e: confirmOrder(id: "{2}") {{ id }}
            f: cancelOrder(id: "{2}", idempotencyKey: "x") {{ id }}
            g: renameAccount(id: "{3}", name: "Ada L.") {{ id }}
            h: renameAccount(id: "{3}", name: "Ada Lovelace", idempotencyKey: "r") {{ id }}
            i: updateProduct(id: "{4}", description: "new") {{ id }}
            j: repriceProduct(id: "{4}", price: {{ amount: "15.01" }}, idempotencyKey: "p") {{ id }}
            k: withdrawProduct(id: "{5}") {{ id }}
            l: closeAccount(id: "{3}") {{ id }}
        }}"#,
        orders[0], orders[2], orders[4], ada, lamp, free
    );
    api.run(&document).await.data("");
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_of_a_stopped_node_is_clean_and_changes_nothing() {
    let workspace = Workspace::new();
    let mut node = workspace.node();
    use_everything(&Api::at(node.address())).await;
    node.terminate();
    assert_eq!(node.wait_exit(NODE_TIME_MAX).code, Some(0));
    let before = files(&workspace);

    let exited = verify(&workspace);
    assert_eq!(exited.code, Some(0), "{exited:?}");
    assert_eq!(exited.stderr, "", "{exited:?}");
    let says = "data/fritzy.db is clean: 22 events of 11 entities in 1024 shards; \
        state rows of 2 accounts, 2 products, 7 orders\n";
    assert!(exited.stdout.ends_with(says), "{exited:?}");

    let report = verify_json(&workspace, 0);
    let checked = json!({
        "shards": 1024, "events": 22, "entities": 11, "accounts": 2, "products": 2, "orders": 7
    });
    assert_eq!(report["schema_version"], 1);
    assert_eq!(report["checked"], checked);
    assert_eq!(
        (&report["clean"], &report["truncated"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(report["violations"], json!([]));

    assert!(
        files(&workspace) == before,
        "a check changes and leaves nothing"
    );
    assert!(!workspace.current().join("data/fritzy.db-shm").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_of_a_killed_node_reads_its_wal() {
    let workspace = Workspace::new();
    let mut node = workspace.node();
    let mut load = Load::start(&Api::at(node.address()), "killed");
    load.wait_acknowledged(ACKNOWLEDGED).await;
    node.kill();
    load.collect(&mut SentRequests::default()).await;
    let before = files(&workspace);
    assert!(
        before
            .iter()
            .any(|(path, _)| path.ends_with("fritzy.db-wal"))
    );

    let report = verify_json(&workspace, 0);
    let accounts = report["checked"]["accounts"].as_u64().expect("a number");
    assert!(accounts >= ACKNOWLEDGED as u64, "the log is read: {report}");
    assert_eq!(report["checked"]["events"], accounts, "{report}");
    assert!(files(&workspace) == before, "the log is not moved");
    // Without its log the file is older, which the report shows.
    fs::remove_file(workspace.current().join("data/fritzy.db-wal")).expect("removed");
    let without = workspace.run(&mut workspace.command(&["journal", "verify", "--json"]));
    let report: Value = serde_json::from_str(&without.stdout).unwrap_or_default();
    assert_ne!(report["checked"]["accounts"], accounts, "{without:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_runs_next_to_a_writing_node() {
    let workspace = Workspace::new();
    let mut node = workspace.node();
    let mut load = Load::start(&Api::at(node.address()), "beside");
    for round in 1..=3 {
        load.wait_acknowledged(round * ACKNOWLEDGED).await;
        let report = verify_json(&workspace, 0);
        let accounts = report["checked"]["accounts"].as_u64().expect("a number");
        assert!(accounts >= (round * ACKNOWLEDGED) as u64, "{report}");
        assert_eq!(
            report["checked"]["events"], accounts,
            "one moment: {report}"
        );
    }
    let reached = 4 * ACKNOWLEDGED;
    load.wait_acknowledged(reached).await;
    node.terminate();
    assert_eq!(node.wait_exit(NODE_TIME_MAX).code, Some(0));
    load.collect(&mut SentRequests::default()).await;
    let names: Vec<_> = files(&workspace)
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    let log = workspace.current().join("data/fritzy.db-wal");
    assert!(
        !names.contains(&log),
        "the node cleaned up behind itself: {names:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_reports_a_damaged_file_and_everything_else() {
    let workspace = Workspace::new();
    let mut node = workspace.node();
    use_everything(&Api::at(node.address())).await;
    node.terminate();
    assert_eq!(node.wait_exit(NODE_TIME_MAX).code, Some(0));
    let file = database(&workspace);
    // The same length, so that the page stays valid for SQLite.
    overwrite(
        &file,
        b"\"name\":\"Ada Lovelace\"",
        b"\"name\":\"Ada Loveless\"",
    );
    let report = verify_json(&workspace, 1);
    assert_eq!(report["violations_by_kind"], json!({ "state-differs": 1 }));
    let found = &report["violations"][0];
    assert_eq!(found["where"]["field"], "name", "{report}");
    assert_eq!(found["found"], "`Ada Lovelace`", "{report}");
    assert_eq!(found["expected"], "`Ada Loveless`", "{report}");

    // The page with the state rows of orders.
    let mut bytes = fs::read(&file).expect("readable");
    let has = |page: &[u8], text: &[u8]| page.windows(text.len()).any(|window| window == text);
    let mut pages = bytes.chunks_mut(PAGE_BYTES);
    let orders = pages.find(|page| has(page, b"too late") && !has(page, b"order.cancelled"));
    for byte in orders.expect("a page of orders") {
        *byte = byte.wrapping_mul(31).wrapping_add(87);
    }
    fs::write(&file, bytes).expect("written");
    let exited = verify(&workspace);
    assert_eq!(exited.code, Some(1), "{exited:?}");
    for part in ["the file's structure", "state rows of the kind order"] {
        let told = format!("file-damaged: {part}");
        assert!(exited.stdout.contains(&told), "{told} in {exited:?}");
    }
    assert!(!exited.stdout.contains("state-missing"), "{exited:?}");
    let line = exited
        .stdout
        .lines()
        .find(|line| line.contains("state-differs"));
    assert!(
        line.is_some_and(|line| line.contains("Loveless")),
        "{exited:?}"
    );
}

/// Without its last pages, not even the schema can be read.
#[tokio::test(flavor = "multi_thread")]
async fn verify_of_a_cut_file_names_the_remedy() {
    let workspace = Workspace::new();
    let mut node = workspace.node();
    use_everything(&Api::at(node.address())).await;
    node.terminate();
    assert_eq!(node.wait_exit(NODE_TIME_MAX).code, Some(0));
    let file = fs::OpenOptions::new()
        .write(true)
        .open(database(&workspace));
    let cut = file.and_then(|file| file.set_len(10 * PAGE_BYTES as u64));
    cut.expect("cut");
    let exited = verify(&workspace);
    require_cannot(&exited, &["data/fritzy.db is damaged", "fritzy restore"]);
    assert!(!exited.stderr.contains("node's user"), "{exited:?}");
}

fn overwrite(file: &Path, old: &[u8], new: &[u8]) {
    assert_eq!(old.len(), new.len());
    let mut bytes = fs::read(file).expect("readable");
    let mut at = bytes.windows(old.len()).rposition(|window| window == old);
    let from = at.take().expect("it is in the file");
    bytes[from..from + new.len()].copy_from_slice(new);
    fs::write(file, bytes).expect("written");
}

/// Exit code 2, nothing on stdout, and one line with all of these parts.
fn require_cannot(exited: &ExitedProcess, named: &[&str]) {
    assert_eq!(exited.code, Some(2), "{exited:?}");
    assert_eq!(exited.stdout, "", "{exited:?}");
    assert_eq!(exited.stderr.lines().count(), 1, "{exited:?}");
    for name in named {
        assert!(exited.stderr.contains(name), "names {name:?}: {exited:?}");
    }
}

#[test]
fn verify_of_a_missing_database_creates_nothing() {
    let workspace = Workspace::new();
    require_cannot(
        &verify(&workspace),
        &["no database ./data/fritzy.db", "--data-dir"],
    );
    assert!(!workspace.current().join("data").exists());
    let elsewhere = ["--data-dir", "elsewhere", "journal", "verify"];
    let exited = workspace.run(&mut workspace.command(&elsewhere));
    require_cannot(&exited, &["elsewhere/fritzy.db"]);
}

#[test]
fn verify_of_a_foreign_file_is_refused() {
    let workspace = Workspace::new();
    let data = workspace.current().join("data");
    fs::create_dir(&data).expect("a folder");
    let file = data.join("fritzy.db");
    for (bytes, why) in [
        (Vec::new(), "empty"),
        (b"not a database\n".repeat(1_000), "not a SQLite file"),
    ] {
        fs::write(&file, &bytes).expect("written");
        require_cannot(&verify(&workspace), &["./data/fritzy.db", why]);
        assert!(fs::read(&file).expect("still there") == bytes);
        let names = fs::read_dir(&data).expect("a folder").count();
        assert_eq!(names, 1, "no other file is left");
    }
    fs::remove_file(&file).expect("removed");
    fs::create_dir(&file).expect("a folder");
    require_cannot(
        &verify(&workspace),
        &["./data/fritzy.db", "not a regular file"],
    );
}

#[test]
fn verify_help_is_complete_and_a_wrong_limit_is_refused() {
    let workspace = Workspace::new();
    let help = workspace.run(&mut workspace.command(&["journal", "verify", "--help"]));
    assert_eq!(help.code, Some(0), "{help:?}");
    for part in [
        "one transaction",
        "fritzy.db-wal",
        "--violations-max",
        "--data-dir",
        "exit code",
    ] {
        assert!(help.stdout.contains(part), "{part} in {help:?}");
    }
    let arguments = ["journal", "verify", "--violations-max", "many"];
    let exited = workspace.run(&mut workspace.command(&arguments));
    require_cannot(&exited, &["--violations-max", "many"]);
}
