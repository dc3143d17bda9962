//! The node that tests run against: searched next to the test's executable, and built when it is
//! not there. `cargo test --workspace` builds both; alone, run `cargo build` first when the node
//! has changed.

use std::path::{Path, PathBuf};
use std::process::Command;

/// `fritzy` of the same target directory and profile as the running test or tool:
/// `target/debug/deps/<test>` or `target/debug/<tool>`, and `target/debug/fritzy`.
///
/// # Panics
/// When the node is missing and cannot be built.
#[must_use]
pub fn node_binary() -> PathBuf {
    let profile_dir = profile_dir();
    let binary = profile_dir.join("fritzy");
    if !binary.exists() {
        build_node(&profile_dir);
    }
    assert!(binary.exists(), "no node at {}", binary.display());
    binary
}

/// `target/debug` of the running test or tool.
pub(crate) fn profile_dir() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let dir = test.parent().expect("target/<profile>, or its deps");
    let profile_dir = match dir.file_name() {
        Some(name) if name == "deps" => dir.parent().expect("target/<profile>"),
        _ => dir,
    };
    profile_dir.to_owned()
}

fn build_node(profile_dir: &Path) {
    let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let target_dir = profile_dir.parent().expect("target/<profile>");
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "-p", "fritzy-node", "--bin", "fritzy"])
        .args(["--profile", profile, "--target-dir"])
        .arg(target_dir)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo starts");
    assert!(built.success(), "the node does not build");
}
