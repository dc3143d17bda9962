//! The node that tests run: found in the target directory of the test, and built if missing. `cargo
//! test --workspace` builds both; alone, run `cargo build` first if the node has changed.

use std::path::{Path, PathBuf};
use std::process::Command;

/// `fritzy` of the same target directory and profile as this test: `target/debug/deps/<test>` and
/// `target/debug/fritzy`.
pub(crate) fn node_binary() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let profile_dir = test
        .parent()
        .and_then(Path::parent)
        .expect("target/<profile>/deps");
    let binary = profile_dir.join("fritzy");
    if !binary.exists() {
        build_node(profile_dir);
    }
    assert!(binary.exists(), "no node at {}", binary.display());
    binary
}

fn build_node(profile_dir: &Path) {
    let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let target_dir = profile_dir.parent().expect("target/<profile>");
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "build",
            "-p",
            "fritzy-node",
            "--bin",
            "fritzy",
            "--profile",
            profile,
        ])
        .arg("--target-dir")
        .arg(target_dir)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo starts");
    assert!(built.success(), "the node does not build");
}
