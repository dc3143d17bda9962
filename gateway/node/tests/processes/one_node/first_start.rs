//! `fritzy` in an empty directory is a complete node, and prints its defaults and its URL.

use fritzy_testbed::{NODE_TIME_MAX, Workspace, wait_until};
use fritzy_testbed_shop::Api;
use hyper::Method;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn node_without_settings_prints_its_defaults() {
    let workspace = Workspace::new();
    let mut node = workspace.node();
    let address = node.address();
    let api = Api::at(address);
    api.run("{ accounts { id } }").await.data("/accounts");

    let files = std::fs::read_dir(workspace.current()).expect("a folder");
    let files: Vec<_> = files
        .map(|file| file.expect("a file").file_name())
        .collect();
    assert_eq!(
        files,
        ["data"],
        "it makes its folder, and nothing beside it"
    );
    assert!(workspace.current().join("data/fritzy.db").is_file());

    node.terminate();
    let exited = node.wait_exit(NODE_TIME_MAX);
    assert_eq!(exited.code, Some(0), "{exited:?}");
    let base = format!("http://localhost:{}", address.port());
    let lines: Vec<&str> = exited.stdout.lines().collect();
    assert!(lines[0].starts_with("fritzy 0."), "{lines:?}");
    for (what, says) in [
        ("data", "./data/fritzy.db"),
        ("data", "USD"),
        ("search", "SEARCH_UNAVAILABLE"),
        ("events", "journal"),
        ("API", &*format!("{base}/graphql")),
        ("page", &*format!("{base}/")),
    ] {
        let mut of_it = lines
            .iter()
            .filter(|line| line.trim_start().starts_with(what));
        let line = of_it.next();
        assert!(
            line.is_some_and(|line| line.contains(says)),
            "{what}: {lines:?}"
        );
        assert!(of_it.next().is_none(), "{what} once: {lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn printed_url_serves_the_explorer() {
    let workspace = Workspace::new();
    let mut node = workspace.node();
    let api = Api::at(node.address());
    let page = api.send(api.request(Method::GET, "/"), "").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("<html"), "{page:?}");
    assert!(
        node.stdout().contains("http://localhost:"),
        "{}",
        node.stdout()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn second_start_continues_with_the_same_data() {
    let workspace = Workspace::new();
    let mut node = workspace.node();
    let document = r#"mutation { createAccount(account: { name: "Ada" }) { id } }"#;
    let created = Api::at(node.address()).run(document).await;
    let id = created.text_at("/createAccount/id");
    node.terminate();
    let exited = node.wait_exit(NODE_TIME_MAX);
    assert_eq!(exited.code, Some(0), "{exited:?}");
    let mut node = workspace.node();
    let listed = Api::at(node.address()).run("{ accounts { id } }").await;
    assert_eq!(listed.data("/accounts"), json!([{ "id": id }]));
}

#[test]
fn port_file_contains_the_port() {
    let workspace = Workspace::new();
    let file = workspace.outside("port");
    let mut node = workspace.node_with(&["--port-file", file.to_str().expect("UTF-8")]);
    let written = std::fs::read_to_string(file).expect("a port file");
    assert_eq!(written, node.address().port().to_string());
}

/// `/dev/shm` is in memory on every Linux; a link to it leads there as well.
#[test]
fn data_folder_in_memory_is_warned_of() {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    if !mounts.contains(" /dev/shm tmpfs ") {
        fritzy_testbed::skip!("/dev/shm is not in memory");
    }
    let folder = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    let workspace = Workspace::new();
    let link = workspace.outside("link");
    std::os::unix::fs::symlink(folder.path(), &link).expect("a link");
    for named in [folder.path(), &link] {
        let named = named.to_str().expect("UTF-8");
        let mut node = workspace.node_with(&["--data-dir", named, "--shards", "8"]);
        node.wait_for_stdout("API", NODE_TIME_MAX);
        let line = format!("warning  the data folder {named} is in memory (tmpfs)");
        assert!(node.stdout().contains(&line), "{}", node.stdout());
        // The log is written by a thread of its own.
        wait_until("the warning is logged", NODE_TIME_MAX, || {
            node.log().contains("all data is lost")
        });
    }
}
