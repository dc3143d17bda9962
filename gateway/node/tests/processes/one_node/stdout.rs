//! Commands that print and exit: help, version, the effective settings, the schema.

use std::process::Command;

use fritzy_testbed::{ExitedProcess, Workspace};
use serde_json::Value;

/// Settings of all kinds, by their names in the settings file, with values other than the defaults.
const SETTINGS: [(&str, &str); 16] = [
    ("listen", "127.0.0.1:9"),
    ("data_dir", "elsewhere"),
    ("shards", "16"),
    ("currency", "JPY"),
    ("cors_origins", "https://shop.example"),
    ("request_timeout_ms", "5000"),
    ("body_bytes_max", "2048"),
    ("body_bytes_total_max", "1048576"),
    ("connections_max", "7"),
    ("head_timeout_ms", "1000"),
    ("queue_ms_max", "0"),
    ("introspection", "off"),
    ("cors_headers", "x-tenant"),
    ("shutdown_grace_ms", "0"),
    ("log", "warn"),
    ("log_format", "json"),
];

fn printed(workspace: &Workspace, command: &mut Command) -> ExitedProcess {
    let exited = workspace.run(command);
    assert_eq!(exited.code, Some(0), "{exited:?}");
    assert_eq!(exited.stderr, "", "{exited:?}");
    exited
}

fn config(workspace: &Workspace, command: &mut Command) -> toml::Table {
    let exited = printed(workspace, command);
    exited.stdout.parse().expect("it prints TOML")
}

/// The source of a setting, from the comment on its line.
fn source<'a>(toml: &'a str, setting: &str) -> &'a str {
    let mut lines = toml.lines();
    let line = lines.find(|line| line.split(" = ").next() == Some(setting));
    let line = line.unwrap_or_else(|| panic!("{setting} is not in {toml}"));
    line.rsplit_once("# ").expect("a source").1
}

#[test]
fn help_names_every_setting_and_command() {
    let workspace = Workspace::new();
    let settings = config(&workspace, &mut workspace.command(&["config"]));
    for flag in ["--help", "-h"] {
        let help = printed(&workspace, &mut workspace.command(&[flag])).stdout;
        for setting in settings.keys() {
            let flag = format!("--{}", setting.replace('_', "-"));
            assert!(help.contains(&flag), "{flag} in {help}");
            let variable = format!("FRITZY_{}", setting.to_uppercase());
            assert!(help.contains(&variable), "{variable} in {help}");
        }
        for command in [
            "config",
            "schema",
            "node",
            "events",
            "projections",
            "topics",
            "journal",
            "cluster",
            "--config",
        ] {
            assert!(help.contains(command), "{command} in {help}");
        }
    }
    let files = std::fs::read_dir(workspace.current()).expect("a folder");
    assert_eq!(files.count(), 0, "asking for help starts nothing");
}

#[test]
fn tail_help_explains_start_and_exit() {
    let workspace = Workspace::new();
    let help = printed(
        &workspace,
        &mut workspace.command(&["events", "tail", "--help"]),
    )
    .stdout;
    for part in [
        "--from",
        "--lines",
        "--follow",
        "--json",
        "start",
        "now",
        "cursor",
        "@FILE",
        "Ctrl-C",
        "Exit code 0",
    ] {
        assert!(help.contains(part), "{part} in {help}");
    }
    let listed = printed(&workspace, &mut workspace.command(&["events", "--help"])).stdout;
    assert!(listed.contains("tail"), "{listed}");
}

#[test]
fn version_is_one_line() {
    let workspace = Workspace::new();
    let version = printed(&workspace, &mut workspace.command(&["--version"])).stdout;
    assert_eq!(version, format!("fritzy {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn defaults_are_printed_as_toml() {
    let workspace = Workspace::new();
    let toml = printed(&workspace, &mut workspace.command(&["config"])).stdout;
    let table: toml::Table = toml.parse().expect("TOML");
    for (setting, value) in [
        ("listen", "127.0.0.1:8000"),
        ("data_dir", "./data"),
        ("shards", "1024"),
        ("currency", "USD"),
        ("cors_origins", ""),
        ("request_timeout_ms", "10000"),
        ("body_bytes_max", "1048576"),
        ("body_bytes_total_max", "67108864"),
        ("connections_max", "4096"),
        ("head_timeout_ms", "60000"),
        ("shutdown_grace_ms", "15000"),
        ("log", "info"),
        ("log_format", "auto"),
    ] {
        assert_eq!(table[setting].as_str(), Some(value), "{setting} in {toml}");
        assert_eq!(source(&toml, setting), "default", "{setting} in {toml}");
    }
}

#[test]
fn each_setting_names_its_source() {
    let workspace = Workspace::new();
    let file = workspace.outside("fritzy.toml");
    let text: String = SETTINGS
        .iter()
        .map(|(setting, value)| format!("{setting} = \"{value}\"\n"))
        .collect();
    std::fs::write(&file, text).expect("written");
    let file = file.to_str().expect("UTF-8");
    for (at, (setting, value)) in SETTINGS.into_iter().enumerate() {
        let flag = format!("--{}", setting.replace('_', "-"));
        let variable = format!("FRITZY_{}", setting.to_uppercase());
        let (by_file, by_variable, by_flag) = (
            &mut workspace.command(&["config", "--config", file]),
            &mut workspace.command(&["config"]),
            &mut workspace.command(&["config", &flag, value]),
        );
        for (command, expected) in [
            (by_file, "file"),
            (by_variable.env(&variable, value), "environment"),
            (by_flag, "flag"),
        ] {
            let toml = printed(&workspace, command).stdout;
            let table: toml::Table = toml.parse().expect("TOML");
            assert_eq!(table[setting].as_str(), Some(value), "{setting} in {toml}");
            assert_eq!(source(&toml, setting), expected, "{setting} in {toml}");
            let other = SETTINGS[(at + 1) % SETTINGS.len()].0;
            let elsewhere = if expected == "file" {
                "file"
            } else {
                "default"
            };
            assert_eq!(source(&toml, other), elsewhere, "{other} in {toml}");
        }
    }
}

#[test]
fn later_source_overrides_the_earlier() {
    let workspace = Workspace::new();
    let file = workspace.outside("fritzy.toml");
    std::fs::write(&file, "currency = \"JPY\"\nshards = 16\nlog = \"warn\"\n").expect("written");
    let file = file.to_str().expect("UTF-8");
    let mut command = workspace.command(&["config", "--currency", "KWD"]);
    command
        .env("FRITZY_CONFIG", file)
        .env("FRITZY_CURRENCY", "EUR")
        .env("FRITZY_SHARDS", "32");
    let toml = printed(&workspace, &mut command).stdout;
    let table: toml::Table = toml.parse().expect("TOML");
    for (setting, value, from) in [
        ("currency", "KWD", "flag"),
        ("shards", "32", "environment"),
        ("log", "warn", "file"),
        ("listen", "127.0.0.1:8000", "default"),
    ] {
        assert_eq!(table[setting].as_str(), Some(value), "{toml}");
        assert_eq!(source(&toml, setting), from, "{toml}");
    }
}

#[test]
fn settings_are_printed_as_json() {
    let workspace = Workspace::new();
    let arguments = ["config", "--json", "--currency", "EUR"];
    let mut command = workspace.command(&arguments);
    let json = printed(&workspace, command.env("FRITZY_SHARDS", "16")).stdout;
    assert_eq!(json.lines().count(), 1, "{json}");
    let json: Value = serde_json::from_str(&json).expect("JSON");
    for (setting, value, from) in [
        ("currency", "EUR", "flag"),
        ("shards", "16", "environment"),
        ("listen", "127.0.0.1:8000", "default"),
    ] {
        assert_eq!(json[setting]["value"], value, "{json}");
        assert_eq!(json[setting]["source"], from, "{json}");
    }
    let toml = config(&workspace, &mut workspace.command(&["config"]));
    for setting in toml.keys() {
        assert!(json[setting]["value"].is_string(), "{setting} in {json}");
    }
}

#[test]
fn printed_config_is_a_valid_settings_file() {
    let workspace = Workspace::new();
    for arguments in [
        &["config"][..],
        &["config", "--currency", "EUR", "--shards", "16"],
    ] {
        let first = printed(&workspace, &mut workspace.command(arguments)).stdout;
        let file = workspace.outside("printed.toml");
        std::fs::write(&file, &first).expect("written");
        let file = file.to_str().expect("UTF-8");
        let second = printed(
            &workspace,
            &mut workspace.command(&["config", "--config", file]),
        )
        .stdout;
        let first: toml::Table = first.parse().expect("TOML");
        assert_eq!(second.parse::<toml::Table>().expect("TOML"), first);
    }
}

#[test]
fn schema_is_printed() {
    let workspace = Workspace::new();
    let schema = printed(&workspace, &mut workspace.command(&["schema"])).stdout;
    for part in [
        "type Account implements Node {",
        "input OrderInput {",
        "scalar Time",
        "\tcreateOrder(",
        "order: OrderInput!",
    ] {
        assert!(schema.contains(part), "{part} in {schema}");
    }
}

#[test]
fn database_passwords_are_hidden() {
    let workspace = Workspace::new();
    for (url, shown) in [
        ("postgres://me:s3cret@h:5/db", "postgres://me:***@h:5/db"),
        (
            "postgres://me@h/db?password=s3cret&sslmode=require",
            "postgres://me@h/db?password=***&sslmode=require",
        ),
        ("postgres://h/db", "postgres://h/db"),
    ] {
        let mut command = workspace.command(&["config", "--database-replica-url", url]);
        command.env("DATABASE_URL", url);
        let table = config(&workspace, &mut command);
        assert_eq!(table["database_url"].as_str(), Some(shown));
        assert_eq!(table["database_replica_url"].as_str(), Some(shown));
    }
    let unreachable = [
        "--database-url",
        "postgres://me:s3cret@127.0.0.1:1/db",
        "--database-wait-s",
        "0",
    ];
    let exited = workspace.run(&mut workspace.command(&unreachable));
    assert_eq!(exited.code, Some(1), "{exited:?}");
    assert!(exited.stderr.contains("127.0.0.1:1/db"), "{exited:?}");
    assert!(!exited.stderr.contains("s3cret"), "{exited:?}");
    for cut in [
        "postgres://me:s3cret#more@h/db",
        "postgres://me:s3cret/more@h/db",
        "postgres://me@h/db?password=s3cret#more",
    ] {
        let refused = workspace.run(workspace.command(&[]).env("DATABASE_URL", cut));
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("%23"), "{refused:?}");
        assert!(!refused.stderr.contains("s3cret") && !refused.stderr.contains("more"));
    }
    let foreign =
        workspace.run(&mut workspace.command(&["--database-url", "mysql://me:s3cret@h/db"]));
    assert_eq!(foreign.code, Some(2), "{foreign:?}");
    assert!(!foreign.stderr.contains("s3cret"), "{foreign:?}");
}
