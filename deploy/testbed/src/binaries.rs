//! Finds PostgreSQL's programs on this machine.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::error::ServiceError;
use crate::run;

/// Names the directory of PostgreSQL's programs, and replaces the search for them.
pub const POSTGRES_BIN_VARIABLE: &str = "FRITZY_TEST_POSTGRES_BIN";

/// Where Debian and its derivatives install each version: not on `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The programs that a usable directory contains.
const PROGRAMS: [&str; 4] = ["initdb", "postgres", "psql", "pg_basebackup"];

/// The oldest version a node is tested with.
const MAJOR_MIN: u32 = 15;

/// `postgres --version` only prints; a cold disk needs some of this time.
const VERSION_MAX: Duration = Duration::from_secs(30);

const HOW: &str = "Debian: `apt-get install postgresql`; elsewhere, put initdb, postgres, psql and pg_basebackup on PATH, \
                   or set FRITZY_TEST_POSTGRES_BIN to their folder";

/// The programs of one PostgreSQL installation.
#[derive(Debug, Clone)]
pub struct PostgresBinaries {
    folder: PathBuf,
    version: String,
}

impl PostgresBinaries {
    /// The directory that `FRITZY_TEST_POSTGRES_BIN` names; otherwise the first on `PATH`;
    /// otherwise Debian's newest.
    ///
    /// # Errors
    /// [`ServiceError::Missing`] when no directory has version 15 or newer with all programs.
    pub fn find() -> Result<Self, ServiceError> {
        if let Some(named) = env::var_os(POSTGRES_BIN_VARIABLE) {
            return Self::in_folder(Path::new(&named));
        }
        let candidates = on_path()
            .into_iter()
            .chain(debian_folders(Path::new(DEBIAN)));
        let mut refusals = Vec::new();
        for folder in candidates {
            match Self::in_folder(&folder) {
                Ok(found) => return Ok(found),
                Err(ServiceError::Missing { detail, .. }) => refusals.push(detail),
                Err(other) => refusals.push(other.to_string()),
            }
        }
        if refusals.is_empty() {
            refusals.push(format!("neither PATH nor {DEBIAN} has it"));
        }
        Err(missing(refusals.join("; ")))
    }

    /// The output of `postgres --version`, such as `postgres (PostgreSQL) 15.13 (Debian
    /// 15.13-0+deb12u1)`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The path of one of its programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn in_folder(folder: &Path) -> Result<Self, ServiceError> {
        let absent: Vec<&str> = PROGRAMS
            .into_iter()
            .filter(|name| !folder.join(name).is_file())
            .collect();
        if !absent.is_empty() {
            return Err(missing(format!(
                "{} has no {}",
                folder.display(),
                absent.join(", no ")
            )));
        }
        let mut command = Command::new(folder.join("postgres"));
        let version = run::to_end(command.arg("--version"), "postgres --version", VERSION_MAX)?;
        match major(&version) {
            Some(major) if major >= MAJOR_MIN => Ok(Self {
                folder: folder.to_path_buf(),
                version,
            }),
            _ => Err(missing(format!("{} has {version:?}", folder.display()))),
        }
    }
}

/// `psql` for a server that something else started: a client may be installed without a server.
///
/// # Errors
/// [`ServiceError::Missing`] when there is none.
pub(crate) fn psql() -> Result<PathBuf, ServiceError> {
    if let Ok(found) = PostgresBinaries::find() {
        return Ok(found.program("psql"));
    }
    in_path("psql").ok_or_else(|| ServiceError::Missing {
        what: "PostgreSQL's client psql".to_owned(),
        detail: "PATH does not have it".to_owned(),
        how: "Debian: `apt-get install postgresql-client`",
    })
}

fn missing(detail: String) -> ServiceError {
    ServiceError::Missing {
        what: format!("PostgreSQL {MAJOR_MIN} or newer"),
        detail,
        how: HOW,
    }
}

/// The directory of the `postgres` on `PATH`, with links resolved: the other programs are there.
fn on_path() -> Option<PathBuf> {
    let program = in_path("postgres")?.canonicalize().ok()?;
    program.parent().map(Path::to_path_buf)
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// `<root>/15/bin` and so on, newest version first.
fn debian_folders(root: &Path) -> Vec<PathBuf> {
    let entries = root.read_dir().into_iter().flatten().flatten();
    let mut majors: Vec<u32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    majors.sort_unstable_by(|a, b| b.cmp(a));
    majors
        .iter()
        .map(|major| root.join(major.to_string()).join("bin"))
        .collect()
}

/// 15 out of `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`, 18 out of `postgres
/// (PostgreSQL) 18beta1`.
fn major(version: &str) -> Option<u32> {
    let (_, number) = version.split_once("(PostgreSQL) ")?;
    let digits = number.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A directory with programs that print this version.
    fn folder_of(version: &str, programs: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for program in programs {
            let file = folder.path().join(program);
            fs::write(&file, format!("#!/bin/sh\necho '{version}'\n")).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    #[test]
    fn complete_directory_of_a_new_version_is_accepted() {
        let folder = folder_of("postgres (PostgreSQL) 16.1", &PROGRAMS);
        let found = PostgresBinaries::in_folder(folder.path()).unwrap();
        assert_eq!(found.version(), "postgres (PostgreSQL) 16.1");
        assert_eq!(found.program("initdb"), folder.path().join("initdb"));
    }

    #[test]
    fn missing_programs_are_named_with_how_to_install_them() {
        let folder = folder_of("postgres (PostgreSQL) 16.1", &PROGRAMS[..2]);
        let missing = PostgresBinaries::in_folder(folder.path()).unwrap_err();
        assert!(missing.is_missing());
        let said = missing.to_string();
        assert!(
            said.starts_with("PostgreSQL 15 or newer is not installed: "),
            "{said}"
        );
        assert!(
            said.contains("has no psql, no pg_basebackup (Debian: `apt-get install postgresql`"),
            "{said}"
        );
        let old = folder_of("postgres (PostgreSQL) 14.9 (Debian)", &PROGRAMS);
        let said = PostgresBinaries::in_folder(old.path())
            .unwrap_err()
            .to_string();
        assert!(said.contains("14.9"), "{said}");
    }

    #[test]
    fn versions_are_parsed_and_the_newest_comes_first() {
        assert_eq!(major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major("postgres 18"), None);
        let root = tempfile::tempdir().unwrap();
        for name in ["9.6", "9", "15", "17", "common-files"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        let newest_first = ["17/bin", "15/bin", "9/bin"].map(|folder| root.path().join(folder));
        assert_eq!(debian_folders(root.path()), newest_first);
        assert!(debian_folders(Path::new("/nowhere")).is_empty());
    }
}
