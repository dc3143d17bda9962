//! Secrets for one run.

use std::fs::File;
use std::io::Read as _;

use anyhow::{Context as _, Result};

/// 128 random bits cannot be guessed.
const BYTES: usize = 16;

/// A new secret, in hexadecimal digits.
///
/// # Errors
/// When the system's random source cannot be read.
pub(super) fn new() -> Result<String> {
    const SOURCE: &str = "/dev/urandom";
    let mut bytes = [0; BYTES];
    File::open(SOURCE)
        .and_then(|mut source| source.read_exact(&mut bytes))
        .with_context(|| format!("cannot read {SOURCE}"))?;
    Ok(hex::encode(bytes))
}
