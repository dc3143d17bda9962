//! A node that cannot start prints one line with the cause and a remedy, exits with a code other
//! than 0, and does not affect other programs.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use fritzy_testbed::{ExitedProcess, Workspace};
use fritzy_testbed_shop::Api;

/// An error message must not take longer.
const REFUSED_WITHIN: Duration = Duration::from_secs(5);

fn refused(workspace: &Workspace, command: &mut Command) -> ExitedProcess {
    let began = Instant::now();
    let exited = workspace.spawn(command).wait_exit(REFUSED_WITHIN);
    assert!(began.elapsed() < REFUSED_WITHIN);
    assert!(exited.code.is_some_and(|code| code != 0), "{exited:?}");
    assert_eq!(exited.stdout, "", "it has not started: {exited:?}");
    exited
}

/// As [`require_one_line`], with the exit code for settings that cannot be used.
fn require_bad_settings(exited: &ExitedProcess, named: &[&str]) {
    require_one_line(exited, named);
    assert_eq!(exited.code, Some(2), "{exited:?}");
}

/// Requires exactly one line with all of these parts.
fn require_one_line(exited: &ExitedProcess, named: &[&str]) {
    for name in named {
        assert!(exited.stderr.contains(name), "names {name:?}: {exited:?}");
    }
    assert!(exited.stderr.ends_with('\n'), "{exited:?}");
    assert_eq!(exited.stderr.lines().count(), 1, "one line: {exited:?}");
}

fn settings_file(workspace: &Workspace, text: &str) -> String {
    let file = workspace.outside("fritzy.toml");
    std::fs::write(&file, text).expect("written");
    file.into_os_string().into_string().expect("UTF-8")
}

#[test]
fn start_on_a_taken_port_is_refused() {
    let workspace = Workspace::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let exited = refused(&workspace, &mut workspace.command(&["--listen", &address]));
    require_one_line(&exited, &[&address, "--listen"]);
}

/// The name is reserved for never being resolved (RFC 6761).
#[test]
fn start_on_an_unknown_host_names_the_setting() {
    let workspace = Workspace::new();
    let cluster = |listen, admin| {
        [
            ["--listen", "127.0.0.1:0"],
            ["--cluster-listen", listen],
            ["--admin-listen", admin],
            ["--cluster-cookie", "sixteen letters."],
            ["--admin-token", "sixteen letters."],
            ["--database-url", "postgres://127.0.0.1:1/db"],
        ]
        .concat()
    };
    let unknown = "nowhere.invalid:1";
    for (setting, arguments) in [
        ("--listen", vec!["--listen", unknown]),
        ("--cluster-listen", cluster(unknown, "localhost:0")),
        ("--admin-listen", cluster("localhost:0", unknown)),
    ] {
        let exited = refused(&workspace, &mut workspace.command(&arguments));
        require_one_line(&exited, &[setting, unknown, "cannot be resolved"]);
    }
}

#[test]
fn start_without_a_creatable_data_dir_is_refused() {
    let workspace = Workspace::new();
    let file = workspace.outside("regular-file");
    std::fs::write(&file, "not a folder").expect("written");
    let folder = file.join("below");
    let folder = folder.to_str().expect("UTF-8");
    let arguments = ["--listen", "127.0.0.1:0", "--data-dir", folder];
    let exited = refused(&workspace, &mut workspace.command(&arguments));
    require_one_line(&exited, &[folder, "--data-dir"]);
    assert_eq!(
        std::fs::read_to_string(file).expect("still there"),
        "not a folder"
    );
}

#[test]
fn start_with_a_file_as_data_dir_is_refused() {
    let workspace = Workspace::new();
    let file = workspace.outside("regular-file");
    std::fs::write(&file, "not a folder").expect("written");
    let file = file.to_str().expect("UTF-8");
    let arguments = ["--listen", "127.0.0.1:0", "--data-dir", file];
    let exited = refused(&workspace, &mut workspace.command(&arguments));
    require_one_line(&exited, &[file, "--data-dir"]);
}

#[test]
fn start_on_a_foreign_file_is_refused() {
    let workspace = Workspace::new();
    let data = workspace.current().join("data");
    std::fs::create_dir(&data).expect("a folder");
    std::fs::write(data.join("fritzy.db"), "not a database\n".repeat(100)).expect("written");
    let exited = refused(
        &workspace,
        &mut workspace.command(&["--listen", "127.0.0.1:0"]),
    );
    require_one_line(&exited, &["./data/fritzy.db"]);
}

#[test]
fn unknown_flag_is_refused() {
    let workspace = Workspace::new();
    let exited = refused(&workspace, &mut workspace.command(&["--curency", "USD"]));
    require_bad_settings(&exited, &["--curency", "--help"]);
}

#[test]
fn flag_without_its_required_flag_is_refused() {
    let workspace = Workspace::new();
    let exited = refused(&workspace, &mut workspace.command(&["--roles", "gateway"]));
    require_bad_settings(&exited, &["--roles", "--cluster-listen"]);
    for setting in ["--cluster-cookie", "--node-name"] {
        let exited = refused(
            &workspace,
            &mut workspace.command(&[setting, "sixteen-letters-"]),
        );
        require_bad_settings(&exited, &[setting, "--cluster-listen"]);
    }
    let arguments = ["--cluster-listen", "127.0.0.1:0"];
    let exited = refused(&workspace, &mut workspace.command(&arguments));
    require_bad_settings(&exited, &["not provided: --cluster-cookie", "--help"]);
}

#[test]
fn incomplete_admin_endpoint_is_refused() {
    let workspace = Workspace::new();
    let alone = ["--admin-listen", "127.0.0.1:0"];
    let exited = refused(&workspace, &mut workspace.command(&alone));
    require_bad_settings(&exited, &["--admin-listen", "--cluster-listen"]);
    let clustered = [
        "--cluster-listen",
        "127.0.0.1:0",
        "--cluster-cookie",
        "sixteen letters.",
        "--database-url",
        "postgres://127.0.0.1:1/db",
    ];
    let tokenless = [&alone[..], &clustered].concat();
    let exited = refused(&workspace, &mut workspace.command(&tokenless));
    require_bad_settings(&exited, &["--admin-listen", "--admin-token"]);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let token = [
        "--admin-listen",
        &address,
        "--admin-token",
        "sixteen letters.",
    ];
    let exited = refused(
        &workspace,
        &mut workspace.command(&[&token[..], &clustered].concat()),
    );
    require_one_line(&exited, &["--admin-listen", &address, "in use"]);
}

#[test]
fn unknown_command_is_refused() {
    let workspace = Workspace::new();
    let exited = refused(&workspace, &mut workspace.command(&["nodes"]));
    require_bad_settings(&exited, &["nodes", "--help"]);
}

#[test]
fn unknown_variable_is_refused() {
    let workspace = Workspace::new();
    let mut command = workspace.command(&["--listen", "127.0.0.1:0"]);
    let exited = refused(&workspace, command.env("FRITZY_CURENCY", "USD"));
    require_bad_settings(&exited, &["FRITZY_CURENCY", "--help"]);
}

#[test]
fn unknown_key_in_the_settings_file_is_refused() {
    let workspace = Workspace::new();
    let file = settings_file(&workspace, "shards = 16\ncurency = \"USD\"\n");
    let exited = refused(&workspace, &mut workspace.command(&["--config", &file]));
    require_bad_settings(&exited, &[&file, "curency", "currency"]);
}

#[test]
fn missing_settings_file_is_refused() {
    let workspace = Workspace::new();
    let exited = refused(
        &workspace,
        &mut workspace.command(&["--config", "no-such.toml"]),
    );
    require_bad_settings(&exited, &["no-such.toml"]);
}

#[test]
fn settings_file_that_is_not_toml_is_refused() {
    let workspace = Workspace::new();
    let file = settings_file(&workspace, "shards = 16\ncurrency USD\n");
    let exited = refused(&workspace, &mut workspace.command(&["--config", &file]));
    require_one_line(&exited, &[&file]);
}

#[test]
fn invalid_value_is_refused_from_every_source() {
    let workspace = Workspace::new();
    for (setting, value) in [
        ("shards", "0"),
        ("listen", "nowhere"),
        ("currency", "usd"),
        ("request-timeout-ms", "soon"),
        ("body-bytes-max", "1"),
        ("log", "info,=["),
        ("log-format", "xml"),
    ] {
        let flag = format!("--{setting}");
        let by_flag = refused(&workspace, &mut workspace.command(&[&flag, value]));
        let variable = format!("FRITZY_{}", setting.to_uppercase().replace('-', "_"));
        let by_variable = refused(&workspace, workspace.command(&[]).env(&variable, value));
        let key = setting.replace('-', "_");
        let file = settings_file(&workspace, &format!("{key} = \"{value}\"\n"));
        let by_file = refused(&workspace, &mut workspace.command(&["--config", &file]));
        for exited in [by_flag, by_variable, by_file] {
            require_one_line(&exited, &[setting]);
        }
    }
}

#[test]
fn invalid_cors_origin_is_refused() {
    let workspace = Workspace::new();
    for origin in ["shop.example", "https://", "https://shop.example/page"] {
        let arguments = ["--listen", "127.0.0.1:0", "--cors-origins", origin];
        let exited = refused(&workspace, &mut workspace.command(&arguments));
        require_one_line(&exited, &[origin, "cors"]);
    }
}

#[test]
fn other_shard_count_than_the_database_is_refused() {
    let workspace = Workspace::new();
    workspace.node_with(&["--shards", "16"]).kill();
    let exited = refused(
        &workspace,
        &mut workspace.command(&["--listen", "127.0.0.1:0", "--shards", "32"]),
    );
    require_one_line(&exited, &["./data/fritzy.db", "16", "32"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn second_node_on_the_same_data_is_refused() {
    let workspace = Workspace::new();
    let mut first = workspace.node();
    let exited = refused(
        &workspace,
        &mut workspace.command(&["--listen", "127.0.0.1:0"]),
    );
    let holder = format!("process id {}", first.pid());
    require_one_line(&exited, &["./data/fritzy.db", &holder, "--data-dir"]);

    // The first node is not affected.
    let document = r#"mutation { createAccount(account: { name: "Ada" }) { id } }"#;
    let created = Api::at(first.address()).run(document).await;
    assert!(!created.text_at("/createAccount/id").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_node_leaves_no_lock() {
    let workspace = Workspace::new();
    workspace.node().kill();
    let mut second = workspace.node();
    let listed = Api::at(second.address()).run("{ accounts { id } }").await;
    assert_eq!(listed.data("/accounts").as_array().map(Vec::len), Some(0));
}

/// Every error in Kafka's properties file is one line that names it, creates no database, and shows
/// no secret.
#[test]
fn invalid_kafka_properties_are_refused_without_secrets() {
    for (text, named) in [
        (
            "acks=0",
            &["line 1", "acks", "order and durability"] as &[&str],
        ),
        ("sasl.password\n", &["line 1", "name=value"]),
        (
            "sasl.pasword=hidden-4711",
            &["sasl.pasword", "--kafka-properties"],
        ),
        (
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=hidden-4711",
            &["SASL mechanism"],
        ),
    ] {
        let workspace = Workspace::new();
        let file = workspace.outside("kafka.properties");
        std::fs::write(&file, text).expect("written");
        let file = file.to_str().expect("UTF-8");
        let arguments = ["--kafka-brokers", "127.0.0.1:1", "--kafka-properties", file];
        let exited = refused(&workspace, &mut workspace.command(&arguments));
        require_one_line(&exited, named);
        let is_told = exited.stderr.contains("4711") && !text.contains("mechanism");
        assert!(!is_told, "{exited:?}");
        assert!(!workspace.current().join("data").exists(), "{text}");
    }
    let workspace = Workspace::new();
    let file = workspace.outside("kafka.properties");
    std::fs::write(&file, "sasl.password=hidden-4711").expect("written");
    let file = file.to_str().expect("UTF-8");
    let arguments = ["--kafka-brokers", "h:1", "--kafka-properties", file];
    let config = [&["config"], &arguments[..]].concat();
    let output = workspace.run(&mut workspace.command(&config));
    assert!(output.stdout.contains(file), "{output:?}");
    assert!(!output.stdout.contains("4711"), "{output:?}");
}

/// Nothing is created, and the message names the file and the document.
#[test]
fn unusable_documents_are_refused() {
    let invalid = r#"{ "ab12": "query A { accounts { nope } }" }"#;
    let apollo = r#"{ "format": "other", "version": 1, "operations": [] }"#;
    for (text, named) in [
        (Some(invalid), &["ab12", "nope", "line 1"] as &[&str]),
        (Some("{}"), &["no document"]),
        (Some("nope"), &["JSON"]),
        (Some(apollo), &["other", "persisted-query-manifest"]),
        (None, &["cannot be read"]),
    ] {
        let workspace = Workspace::new();
        let file = workspace.outside("documents.json");
        if let Some(text) = text {
            std::fs::write(&file, text).expect("written");
        }
        let file = file.to_str().expect("UTF-8");
        let arguments = ["--listen", "127.0.0.1:0", "--documents", file];
        let exited = refused(&workspace, &mut workspace.command(&arguments));
        require_bad_settings(&exited, &[named, &[file, "--documents"]].concat());
        assert!(!workspace.current().join("data").exists(), "{text:?}");
    }
    let workspace = Workspace::new();
    let arguments = ["--listen", "127.0.0.1:0", "--documents-only"];
    let exited = refused(&workspace, &mut workspace.command(&arguments));
    require_bad_settings(&exited, &["--documents-only needs --documents"]);
}
