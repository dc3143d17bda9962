//! The whole schema is in `docs/schema.graphql`, so that reviews see every change.

use std::path::Path;
use std::process::Command;

#[test]
fn schema_equals_its_snapshot() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema.graphql");
    let printed = Command::new(env!("CARGO_BIN_EXE_fritzy"))
        .arg("schema")
        .env_clear()
        .output()
        .expect("the binary runs");
    assert!(printed.status.success(), "{printed:?}");
    assert!(printed.stderr.is_empty(), "{printed:?}");
    let printed = String::from_utf8(printed.stdout).expect("a schema is text");
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    let first_difference = written
        .lines()
        .zip(printed.lines())
        .position(|(written, printed)| written != printed)
        .unwrap_or_else(|| written.lines().count().min(printed.lines().count()));
    assert!(
        written == printed,
        "the schema is no longer what docs/schema.graphql says, from line {} on. If it was meant to \
         change, and nothing of the seed's changed its shape: `cargo run -- schema > docs/schema.graphql`",
        first_difference + 1
    );
}
