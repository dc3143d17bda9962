//! Secrets for one run.

use std::fs::File;
use std::io::Read as _;

use anyhow::{Context as _, Result};

/// Bytes of chance; nobody guesses them.
const BYTES: usize = 16;

/// A new one, in hexadecimal digits.
///
/// # Errors
/// When the system gives no chance.
pub(super) fn new() -> Result<String> {
    const SOURCE: &str = "/dev/urandom";
    let mut bytes = [0; BYTES];
    File::open(SOURCE)
        .and_then(|mut chance| chance.read_exact(&mut bytes))
        .with_context(|| format!("cannot read {SOURCE}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
