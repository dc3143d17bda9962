//! A program of others that runs to its end, with what it says in files; killed when nobody waits for it any more.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::server::ServerError;

const POLL_EVERY: Duration = Duration::from_millis(5);
/// Where Debian and its kin put each version's programs: not on `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A program that runs.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Program {
    /// Starts it; what it says goes into `folder`.
    ///
    /// # Errors
    /// [`ServerError::Start`]
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
                // Ctrl-C is for this program, which then ends the other.
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

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it is so, or it has ended.
    pub(crate) async fn until(&mut self, mut is_so: impl FnMut() -> bool) {
        while !is_so() && matches!(self.child.try_wait(), Ok(None)) {
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    /// Waits for its end, and returns what it wrote to its standard output.
    ///
    /// # Errors
    /// [`ServerError`] when it ends badly, or not in time.
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
                        log: self.said(),
                    });
                }
                _ => tokio::time::sleep(POLL_EVERY).await,
            }
        }
    }

    fn ended(&self, status: ExitStatus) -> ServerError {
        ServerError::Ended {
            program: self.name.clone(),
            status,
            log: self.said(),
        }
    }

    fn said(&self) -> String {
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

/// One of PostgreSQL's programs: the first on `PATH`, or Debian's newest.
pub(crate) fn find_beside_postgres(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(name));
    let debians = debian_folders(Path::new(DEBIAN)).into_iter();
    let debians = debians.map(|folder| folder.join(name));
    on_path.chain(debians).find(|file| file.is_file())
}

/// `<root>/15/bin` and its like, newest first.
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
    async fn what_it_said_comes_back_and_so_does_why_it_failed() {
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
    fn dropped_it_is_killed() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = shell("exec sleep 60", folder.path());
        let pid = i32::try_from(program.pid()).expect("small");
        let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
        drop(program);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }

    #[test]
    fn the_newest_of_debians_versions_comes_first() {
        let root = tempfile::tempdir().expect("a folder");
        for name in ["9", "15", "17", "common-files"] {
            fs::create_dir(root.path().join(name)).expect("another");
        }
        let newest_first = ["17/bin", "15/bin", "9/bin"].map(|folder| root.path().join(folder));
        assert_eq!(debian_folders(root.path()), newest_first);
    }
}
