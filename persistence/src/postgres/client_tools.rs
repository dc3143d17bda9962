//! The programs of PostgreSQL's client, `pg_dump`, `pg_restore` and `psql`, as child processes.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use url::Url;

use super::error::PostgresError;
use crate::backups::BackupError;

/// Where Debian installs the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// A dump of 100 GB takes some hours; one that takes a day has stalled.
const RUN_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Between two looks whether a program has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Seconds to connect, as the node has (3 s), and some for a machine that is busy restoring.
const CONNECT_MAX_S: &str = "10";
/// Of what a program says about its failure: the beginning has the cause.
const REASON_CHARS_MAX: usize = 500;

/// The programs, and the database that they connect to.
pub(super) struct ClientTools {
    /// Without its password, which other users of this machine must not see in the arguments.
    url: String,
    password: Option<String>,
}

impl ClientTools {
    pub(super) fn new(url: &str) -> Result<Self, PostgresError> {
        let malformed = |failure: url::ParseError| PostgresError::Url(failure.to_string());
        let mut parsed = Url::parse(url).map_err(malformed)?;
        let mut password = parsed.password().map(decoded);
        let query = parsed.query().unwrap_or_default().to_owned();
        let (secret, shown): (Vec<&str>, Vec<&str>) = query
            .split('&')
            .filter(|parameter| !parameter.is_empty())
            .partition(|parameter| parameter.starts_with("password="));
        if let Some((_, value)) = secret.first().and_then(|secret| secret.split_once('=')) {
            password = Some(decoded(value));
        }
        if parsed.password().is_some() {
            // Fails only for a URL without a host, which has no password.
            let _ = parsed.set_password(None);
        }
        parsed.set_query((!shown.is_empty()).then(|| shown.join("&")).as_deref());
        Ok(Self {
            url: parsed.into(),
            password,
        })
    }

    /// A program that connects to the database.
    pub(super) fn connecting(&self, program: &'static str) -> Result<Tool, BackupError> {
        let mut tool = Tool::new(program)?;
        tool.command
            .args(["--no-password", "--dbname", &self.url])
            .env("PGCONNECT_TIMEOUT", CONNECT_MAX_S);
        if let Some(password) = &self.password {
            tool.command.env("PGPASSWORD", password);
        }
        Ok(tool)
    }
}

/// The text of a percent-encoded part of a URL.
fn decoded(part: &str) -> String {
    let bytes = part.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = part.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// A program that is about to run.
pub(super) struct Tool {
    program: &'static str,
    pub(super) command: Command,
}

impl Tool {
    pub(super) fn new(program: &'static str) -> Result<Self, BackupError> {
        let found = find(program, env::var_os("PATH").as_deref(), Path::new(VERSIONS));
        let found = found.ok_or(BackupError::NoProgram(program))?;
        let mut command = Command::new(found);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Ok(Self { program, command })
    }

    /// Runs it to its end. It is killed when this is dropped.
    pub(super) async fn run(self) -> Result<(), BackupError> {
        self.start()?.ended().await
    }

    /// Runs it to its end, and returns what it has printed.
    pub(super) async fn output(mut self) -> Result<String, BackupError> {
        let failed = failed(self.program);
        let mut printed = tempfile::tempfile().map_err(&failed)?;
        self.command.stdout(printed.try_clone().map_err(&failed)?);
        self.run().await?;
        let mut text = String::new();
        printed.rewind().map_err(&failed)?;
        printed.read_to_string(&mut text).map_err(&failed)?;
        Ok(text)
    }

    /// Runs it, and `reader`, which reads `before`, then what this prints, then `after`. The last
    /// part is written only when this has ended well.
    pub(super) async fn feed(
        mut self,
        mut reader: Self,
        before: String,
        after: &'static str,
    ) -> Result<(), BackupError> {
        let (failed, refused) = (failed(self.program), failed(reader.program));
        self.command.stdout(Stdio::piped());
        reader.command.stdin(Stdio::piped());
        let (mut source, mut sink) = (self.start()?, reader.start()?);
        let mut printed = source.child.stdout.take().expect("it is piped");
        let mut input = sink.child.stdin.take().expect("it is piped");
        let copying = tokio::task::spawn_blocking(move || {
            input.write_all(before.as_bytes())?;
            io::copy(&mut printed, &mut input).map(|_| input)
        });
        let copied = copying.await.expect("copying does not panic");
        let ended = source.ended().await;
        match (ended, copied) {
            (Ok(()), Ok(mut input)) => {
                input.write_all(after.as_bytes()).map_err(&refused)?;
                drop(input);
                sink.ended().await
            }
            (ended, copied) => {
                // A reader that ended early says why.
                drop(copied.map_err(&failed));
                sink.ended().await?;
                ended?;
                Err(refused(io::ErrorKind::BrokenPipe.into()))
            }
        }
    }

    fn start(mut self) -> Result<Running, BackupError> {
        let failed = failed(self.program);
        let said = tempfile::tempfile().map_err(&failed)?;
        self.command.stderr(said.try_clone().map_err(&failed)?);
        Ok(Running {
            program: self.program,
            child: self.command.spawn().map_err(&failed)?,
            said,
        })
    }
}

/// A running program, killed when dropped.
struct Running {
    program: &'static str,
    child: Child,
    /// What it writes to stderr.
    said: File,
}

impl Running {
    async fn ended(mut self) -> Result<(), BackupError> {
        let status = self.wait().await?;
        if status.success() {
            return Ok(());
        }
        let mut said = String::new();
        let read = self
            .said
            .rewind()
            .and_then(|()| self.said.read_to_string(&mut said));
        let reason = match read {
            Ok(_) if !said.trim().is_empty() => {
                said.split_whitespace().collect::<Vec<_>>().join(" ")
            }
            _ => status.to_string(),
        };
        Err(BackupError::Program {
            program: self.program,
            reason: reason.chars().take(REASON_CHARS_MAX).collect(),
        })
    }

    async fn wait(&mut self) -> Result<ExitStatus, BackupError> {
        let until = Instant::now() + RUN_MAX;
        loop {
            let ended = self.child.try_wait().map_err(failed(self.program))?;
            if let Some(status) = ended {
                return Ok(status);
            }
            if Instant::now() >= until {
                return Err(failed(self.program)(io::ErrorKind::TimedOut.into()));
            }
            sleep(POLL_INTERVAL).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail if it has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn failed(program: &'static str) -> impl Fn(io::Error) -> BackupError {
    move |failure| BackupError::Program {
        program,
        reason: failure.to_string(),
    }
}

/// The program on the search path, or that of the newest version installed.
fn find(program: &str, path: Option<&std::ffi::OsStr>, versions: &Path) -> Option<PathBuf> {
    let on_path = path.into_iter().flat_map(env::split_paths);
    let mut installed: Vec<(u32, PathBuf)> = fs::read_dir(versions)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    installed.sort_unstable_by(|one, other| other.cmp(one));
    on_path
        .chain(installed.into_iter().map(|(_, folder)| folder))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_is_in_no_argument_of_a_program() {
        for (url, shown, password) in [
            (
                "postgres://me:s%40fe@h:1/d?sslmode=require",
                "postgres://me@h:1/d?sslmode=require",
                Some("s@fe"),
            ),
            (
                "postgres://me@h/d?password=s%40fe&sslmode=require",
                "postgres://me@h/d?sslmode=require",
                Some("s@fe"),
            ),
            ("postgres://me@h/d", "postgres://me@h/d", None),
        ] {
            let tools = ClientTools::new(url).expect("a URL");
            assert_eq!(
                (tools.url.as_str(), tools.password.as_deref()),
                (shown, password)
            );
        }
    }

    #[test]
    fn program_is_found_on_the_path_then_in_the_newest_version() {
        let folder = tempfile::tempdir().expect("a folder");
        let here = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("created");
            fs::write(&path, "").expect("written");
            path
        };
        let versions = folder.path().join("versions");
        assert_eq!(find("pg_dump", None, &versions), None);
        here("versions/9/bin/pg_dump");
        let newest = here("versions/15/bin/pg_dump");
        assert_eq!(find("pg_dump", None, &versions), Some(newest));
        let first = here("path/pg_dump");
        let path = folder.path().join("path");
        assert_eq!(
            find("pg_dump", Some(path.as_os_str()), &versions),
            Some(first)
        );
    }

    /// A shell that runs `script` with the argument `file`.
    fn shell(script: &str, file: &Path) -> Tool {
        let mut tool = Tool::new("sh").expect("there is a shell");
        tool.command.args(["-c", script, "sh"]).arg(file);
        tool
    }

    /// Without its last part, a transaction is rolled back.
    #[tokio::test]
    async fn last_part_is_fed_only_after_a_good_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let read = folder.path().join("read");
        for (script, expected) in [
            ("printf middle", Some("begin middle commit")),
            ("printf middle; echo broken >&2; exit 1", None),
        ] {
            let source = shell(script, &read);
            let sink = shell("cat > \"$1\"", &read);
            let fed = source.feed(sink, "begin ".to_owned(), " commit").await;
            let found = fs::read_to_string(&read).expect("reads");
            match expected {
                Some(expected) => assert_eq!(found, expected),
                None => {
                    assert_eq!(found, "begin middle");
                    assert!(
                        fed.expect_err("it has failed")
                            .to_string()
                            .contains("broken")
                    );
                }
            }
        }
        // A reader that ends early is the cause, not the writer that it has left.
        let source = shell("yes | head -c 1000000", &read);
        let sink = shell("echo refused >&2; exit 3", &read);
        let fed = source.feed(sink, String::new(), "").await;
        let failure = fed.expect_err("it has failed").to_string();
        assert!(failure.contains("refused"), "{failure}");
    }
}
