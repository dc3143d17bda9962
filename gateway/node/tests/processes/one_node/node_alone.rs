//! A node alone on its embedded database, and the commands beside it.

use std::path::PathBuf;

use fritzy_testbed::{ExitedProcess, NODE_TIME_MAX, NodeProcess, Workspace};
use fritzy_testbed_shop::Api;
use serde_json::Value;

/// Starts a node of 8 shards in the workspace.
pub(crate) fn start(workspace: &Workspace) -> (NodeProcess, Api) {
    let mut node = workspace.node_with(&["--shards", "8"]);
    let api = Api::at(node.address());
    (node, api)
}

/// Stops a node, which must end with success.
pub(crate) fn stop(node: NodeProcess) {
    node.terminate();
    let exited = node.wait_exit(NODE_TIME_MAX);
    assert_eq!(exited.code, Some(0), "{exited:?}");
}

/// Its database.
pub(crate) fn database(workspace: &Workspace) -> PathBuf {
    workspace.current().join("data").join("fritzy.db")
}

/// Runs a command to its end.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> ExitedProcess {
    workspace.run(&mut workspace.command(arguments))
}

/// Runs a command that must succeed, and returns its JSON object.
pub(crate) fn run_json(workspace: &Workspace, arguments: &[&str]) -> Value {
    let exited = run(workspace, &[arguments, &["--json"]].concat());
    assert_eq!(exited.code, Some(0), "{exited:?}");
    serde_json::from_str(&exited.stdout).expect("JSON")
}
