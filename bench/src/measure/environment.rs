//! The environment of a measurement: revision, machine, build, date.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The repository from which this program was compiled.
const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The environment of a measurement. Unknown values are `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// The end of the run, RFC 3339 in UTC.
    pub date: String,
    /// The commit that is checked out, as `git rev-parse HEAD` prints it.
    pub git_revision: Option<String>,
    /// Whether files differ from the commit.
    pub git_dirty: Option<bool>,
    /// Whether this program, or the node in its folder, is older than a source file: then it may
    /// not match the revision.
    pub built_before_sources: Option<bool>,
    /// The machine that ran this program.
    pub machine: Machine,
    /// How this program was compiled.
    pub build: Build,
}

/// The hardware and the kernel that a measurement ran on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The CPU's model name.
    pub cpu_model: Option<String>,
    /// The cores that this program may use.
    pub cores_count: Option<usize>,
    /// Total memory in bytes.
    pub memory_bytes: Option<u64>,
    /// The release of the kernel.
    pub kernel: Option<String>,
}

/// How this program was compiled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// The version of the workspace.
    pub version: String,
    /// `release` or `debug`, or what inherits from it.
    pub profile: String,
    /// The level of optimisation.
    pub opt_level: String,
    /// The output of `rustc --version`; empty if it could not be run.
    pub rustc: String,
    /// The target triple, e.g. `x86_64-unknown-linux-gnu`.
    pub target: String,
}

impl Environment {
    pub(crate) fn now() -> Self {
        let date = OffsetDateTime::now_utc().replace_nanosecond(0);
        let date = date.unwrap_or(OffsetDateTime::UNIX_EPOCH).format(&Rfc3339);
        Self {
            date: date.expect("years of four digits have an RFC 3339 form"),
            git_revision: git(&["rev-parse", "HEAD"]),
            git_dirty: git(&["status", "--porcelain"]).map(|changes| !changes.is_empty()),
            built_before_sources: built_before_sources(),
            machine: Machine::this(),
            build: Build::this(),
        }
    }
}

impl Machine {
    pub(crate) fn this() -> Self {
        let read = |path: &str| fs::read_to_string(path).ok();
        Self {
            cpu_model: read("/proc/cpuinfo").and_then(|text| value_of(&text, "model name")),
            cores_count: std::thread::available_parallelism()
                .ok()
                .map(std::num::NonZeroUsize::get),
            memory_bytes: read("/proc/meminfo")
                .and_then(|text| value_of(&text, "MemTotal"))
                .and_then(|value| value.strip_suffix(" kB")?.parse::<u64>().ok())
                .map(|kibibytes| kibibytes * 1024),
            kernel: read("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned()),
        }
    }
}

impl Build {
    pub(crate) fn this() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            profile: env!("BENCH_PROFILE").to_owned(),
            opt_level: env!("BENCH_OPT_LEVEL").to_owned(),
            rustc: env!("BENCH_RUSTC").to_owned(),
            target: env!("BENCH_TARGET").to_owned(),
        }
    }

    /// Whether the build is optimised, so that its figures are meaningful.
    pub(crate) fn is_optimised(&self) -> bool {
        self.opt_level == "3" || self.opt_level == "2"
    }
}

/// The value of the first line `key: value` of a file in `/proc`.
fn value_of(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim().to_owned())
    })
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        // Other programs may use the repository: reading must not lock it.
        .args(["--no-optional-locks", "-C", REPOSITORY])
        .args(arguments)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Checks files that are compiled into programs only; tests and documents may be newer.
fn built_before_sources() -> Option<bool> {
    let program = std::env::current_exe().ok()?;
    let node = modified(&program.with_file_name("fritzy"));
    let built = modified(&program)?.min(node.unwrap_or_else(SystemTime::now));
    let files = git(&["ls-files", "*/src/*.rs", "*Cargo.toml", "Cargo.lock"])?;
    let mut sources = files
        .lines()
        .filter_map(|file| modified(&Path::new(REPOSITORY).join(file)));
    Some(sources.any(|source| source > built))
}

fn modified(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).ok()?.modified().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_file_values_are_read_by_key() {
        let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC: 7\nmodel name\t: second\n";
        assert_eq!(
            value_of(cpuinfo, "model name").as_deref(),
            Some("AMD EPYC: 7")
        );
        assert_eq!(value_of(cpuinfo, "model"), None);
    }

    #[test]
    fn environment_has_date_build_and_cores() {
        let environment = Environment::now();
        assert!(
            environment.date.ends_with('Z') && environment.date.len() == 20,
            "{}",
            environment.date
        );
        assert!(
            environment.build.rustc.starts_with("rustc "),
            "{:?}",
            environment.build
        );
        assert!(environment.machine.cores_count.is_some());
    }
}
