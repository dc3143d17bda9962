//! The node of the last release, for tests in which two versions run side by side. It is built
//! once, from the history of this clone, and kept below the target folder.

mod seed;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::error::ServiceError;
use crate::node::profile_dir;
use crate::run::to_end;
use crate::wait::poll_until;

/// The version that nodes are upgraded from. With a new release, change all three.
pub const LAST_RELEASE: &str = "0.1.0";
/// Its revision: tags do not travel with every clone.
const REVISION: &str = "2de0931071067d1759f9a3c825f48f5b7fc793b9";
/// The package that the binary `fritzy` was in.
const PACKAGE: &str = "fritzy-gateway";

/// A build takes 1.5 minutes on two idle cores, and 5 without the libraries of this build. It gives
/// way to everything else, so busy machines need more.
const BUILD_TIME_MAX: Duration = Duration::from_secs(20 * 60);
/// For git and tar, on some megabytes.
const UNPACK_TIME_MAX: Duration = Duration::from_secs(60);

/// The binary of the last release. It is built if this target folder does not have it yet.
///
/// # Errors
/// [`ServiceError::Missing`] when this clone does not have the revision, for
/// [`skip_unless!`](crate::skip_unless). Every other error is a failure of the test.
pub fn last_release() -> Result<PathBuf, ServiceError> {
    let profile = profile_dir();
    let target = profile.parent().expect("target/<profile>");
    let dir = target.join("releases").join(&REVISION[..7]);
    fs::create_dir_all(&dir).map_err(ServiceError::io("create", &dir))?;
    // Other tests may need it at the same time.
    let lock = dir.join("lock");
    let lock = File::create(&lock).map_err(ServiceError::io("open", &lock))?;
    if !poll_until(BUILD_TIME_MAX, || lock.try_lock().is_ok()) {
        return Err(ServiceError::TooLate {
            what: format!("the build of {LAST_RELEASE} by another process"),
            limit: BUILD_TIME_MAX,
        });
    }
    let binary = dir.join("fritzy");
    if !binary.exists() {
        unpack(&dir.join("src"))?;
        let built = build(&dir.join("src"), &dir.join("build"), &profile)?;
        fs::rename(&built, &binary).map_err(ServiceError::io("move", &built))?;
        // Gigabytes, which nothing needs any more.
        for name in ["src", "build"] {
            let folder = dir.join(name);
            fs::remove_dir_all(&folder).map_err(ServiceError::io("remove", &folder))?;
        }
    }
    Ok(binary)
}

/// The source of the release, without a work tree that this clone would know of.
fn unpack(src: &Path) -> Result<(), ServiceError> {
    // In a folder below the root, git would archive that folder.
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(root).args(arguments);
        to_end(&mut git, "git", UNPACK_TIME_MAX)
    };
    let commit = format!("{REVISION}^{{commit}}");
    if let Err(failure) = git(&["cat-file", "-e", &commit]) {
        let what = format!("the revision of {LAST_RELEASE}");
        return Err(ServiceError::missing(
            &what,
            failure,
            "run `git fetch --unshallow`",
        ));
    }
    fs::create_dir_all(src).map_err(ServiceError::io("create", src))?;
    let archive = src.with_extension("tar");
    let name = archive.to_string_lossy();
    git(&["archive", "--format=tar", "--output", &name, REVISION])?;
    let mut tar = Command::new("tar");
    tar.current_dir(src).args(["-xf", &name]);
    to_end(&mut tar, "tar", UNPACK_TIME_MAX)?;
    fs::remove_file(&archive).map_err(ServiceError::io("remove", &archive))
}

/// Builds the release in a target folder of its own: Cargo gives the artifacts of two checkouts the
/// same names. Returns the binary.
fn build(src: &Path, target: &Path, profile: &Path) -> Result<PathBuf, ServiceError> {
    seed::copy_libraries(profile, &target.join("debug"))?;
    // At the lowest priority: tests that measure time run meanwhile.
    let mut cargo = Command::new("nice");
    cargo
        .args(["-n", "19"])
        .arg(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--locked", "-p", PACKAGE, "--bin", "fritzy"])
        .arg("--target-dir")
        .arg(target)
        .current_dir(src);
    to_end(
        &mut cargo,
        &format!("the build of {LAST_RELEASE}"),
        BUILD_TIME_MAX,
    )?;
    Ok(target.join("debug").join("fritzy"))
}
