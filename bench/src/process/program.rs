//! A third-party program that runs to its end, with its output in files; killed when dropped.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::server::ServerError;

const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// The folder of each version's programs on Debian and derived systems: not in `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";

#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Program {
    /// Starts the program; its output goes into files in `folder`.
    ///
    /// # Errors
    /// [`ServerError::Start`] when it cannot be started.
    pub(crate) fn start(
        program: &Path,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        folder: &Path,
    ) -> Result<Self, ServerError> {
        let name = program.display().to_string();
        let (out, err) = (folder.join("out"), folder.join("err"));
        let starting = || {
            Command::new(program)
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(File::create(&out)?)
                .stderr(File::create(&err)?)
                // Ctrl-C goes to this program only, which then ends the other.
                .process_group(0)
                .spawn()
        };
        match starting() {
            Ok(child) => Ok(Self {
                name,
                child,
                out,
                err,
            }),
            Err(failure) => Err(ServerError::Start {
                program: name,
                failure,
            }),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the condition holds or the program has ended.
    pub(crate) async fn until(&mut self, mut condition: impl FnMut() -> bool) {
        while !condition() && matches!(self.child.try_wait(), Ok(None)) {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Waits for the end of the program and returns its standard output.
    ///
    /// # Errors
    /// [`ServerError::Ended`] when it fails, [`ServerError::Late`] when it does not end within
    /// `limit`.
    pub(crate) async fn end(mut self, limit: Duration) -> Result<String, ServerError> {
        let began = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => {
                    return Ok(fs::read_to_string(&self.out).unwrap_or_default());
                }
                Ok(Some(status)) => return Err(self.ended(status)),
                _ if began.elapsed() > limit => {
                    return Err(ServerError::Late {
                        program: self.name.clone(),
                        what: "did not end",
                        limit,
                        log: self.error_output(),
                    });
                }
                _ => tokio::time::sleep(POLL_INTERVAL).await,
            }
        }
    }

    fn ended(&self, status: ExitStatus) -> ServerError {
        ServerError::Ended {
            program: self.name.clone(),
            status,
            log: self.error_output(),
        }
    }

    fn error_output(&self) -> String {
        fs::read_to_string(&self.err).unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// One of PostgreSQL's programs: the first in `PATH`, or Debian's newest.
pub(crate) fn find_beside_postgres(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(name));
    let debians = debian_folders(Path::new(DEBIAN)).into_iter();
    let debians = debians.map(|folder| folder.join(name));
    on_path.chain(debians).find(|file| file.is_file())
}

/// `<root>/15/bin` and the like, newest first.
fn debian_folders(root: &Path) -> Vec<PathBuf> {
    let entries = root.read_dir().into_iter().flatten().flatten();
    let mut majors: Vec<u32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    majors.sort_unstable_by(|a, b| b.cmp(a));
    let folder = |major: &u32| root.join(major.to_string()).join("bin");
    majors.iter().map(folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, folder: &Path) -> Program {
        Program::start(Path::new("sh"), ["-c", script], folder).expect("it starts")
    }

    #[tokio::test]
    async fn end_returns_the_output_or_the_error_output() {
        let folder = tempfile::tempdir().expect("a folder");
        let limit = Duration::from_secs(60);
        let said = shell("echo 7", folder.path()).end(limit).await;
        assert_eq!(said.expect("it ends well"), "7\n");
        let failed = shell("echo why >&2; exit 3", folder.path())
            .end(limit)
            .await;
        let failed = failed.expect_err("it fails").to_string();
        assert!(
            failed.contains("why") && failed.contains("exit status: 3"),
            "{failed}"
        );
    }

    #[test]
    fn dropped_program_is_killed() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = shell("exec sleep 60", folder.path());
        let pid = i32::try_from(program.pid()).expect("small");
        let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
        drop(program);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }

    #[test]
    fn newest_debian_version_comes_first() {
        let root = tempfile::tempdir().expect("a folder");
        for name in ["9", "15", "17", "common-files"] {
            fs::create_dir(root.path().join(name)).expect("another");
        }
        let newest_first = ["17/bin", "15/bin", "9/bin"].map(|folder| root.path().join(folder));
        assert_eq!(debian_folders(root.path()), newest_first);
    }
}
