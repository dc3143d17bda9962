//! A PostgreSQL server owned by a program: created, started, and ended with it.

mod bouncer;
mod config;
mod postmaster;
mod settings;
mod standby;

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use bouncer::PgBouncer;
pub use config::{PostgresConfig, TlsFiles};

use crate::binaries::PostgresBinaries;
use crate::detached_server::{DetachedProcess, DetachedServer};
use crate::error::ServiceError;
use crate::os_user::OsUser;
use crate::processes::Signal;
use crate::reaper::Reaper;
use crate::{port, run};
use postmaster::Postmaster;
use settings::Settings;

/// The superuser of every server of the testbed.
const USER: &str = "postgres";

/// The data directory, in the server's own.
const DATA: &str = "data";

/// `initdb` takes a second; an overloaded machine or a slow disk may take many.
const INITDB_MAX: Duration = Duration::from_secs(120);

/// A small statement in `psql`, with its start. `CREATE DATABASE` copies 7 MB.
const PSQL_MAX: Duration = Duration::from_secs(60);

/// Attempts with other ports when another process took one.
const PORTS_MAX: u32 = 5;

/// Bytes of a generated password. Other users of the machine must not guess it during a test run.
const PASSWORD_BYTES: usize = 16;

/// A real server on a free loopback port, with its own directory and `fsync` on.
///
/// It ends when this is dropped, and when the program that started it is killed. Methods can be
/// called from any thread. They block, each within a limit, so do not call them on a runtime's
/// thread.
#[derive(Debug)]
pub struct PostgresServer {
    binaries: PostgresBinaries,
    os_user: OsUser,
    reaper: Reaper,
    port: u16,
    password: String,
    postmaster: Postmaster,
    settings: Mutex<Settings>,
}

impl PostgresServer {
    /// Creates an empty server and waits until it accepts connections.
    ///
    /// # Errors
    /// [`ServiceError::Missing`] when this machine has no PostgreSQL; otherwise when the server
    /// does not start, with the end of its log.
    pub fn start(config: PostgresConfig) -> Result<Self, ServiceError> {
        let mut made = Self::prepare(&config, random_password()?)?;
        made.initdb()?;
        made.configure(&config, Settings::ours())?;
        made.launch_on_a_free_port()?;
        Ok(made)
    }

    /// An empty directory with its reaper.
    fn prepare(config: &PostgresConfig, password: String) -> Result<Self, ServiceError> {
        let binaries = PostgresBinaries::find()?;
        let os_user = OsUser::for_servers()?;
        let reaper = Reaper::with_new_dir(config.data_root.as_deref(), os_user)?;
        let log = config.log.clone();
        let log = log.unwrap_or_else(|| reaper.folder().join("postgres.log"));
        Ok(Self {
            binaries,
            os_user,
            postmaster: Postmaster::none(reaper.folder().join(DATA), log),
            reaper,
            port: 0,
            password,
            settings: Mutex::default(),
        })
    }

    fn initdb(&self) -> Result<(), ServiceError> {
        let password = self.reaper.folder().join("password");
        self.write(&password, &self.password)?;
        let mut command = self.command("initdb");
        command
            .arg("--pgdata")
            .arg(self.data_dir())
            .arg("--pwfile")
            .arg(&password)
            .args(["--username", USER, "--auth", "scram-sha-256"])
            .args(["--encoding", "UTF8", "--locale", "C"])
            // A directory that is lost in a power failure is created again.
            .args(["--no-sync", "--no-instructions"]);
        run::to_end(&mut command, "initdb", INITDB_MAX)?;
        let main = self.data_dir().join("postgresql.conf");
        let ours = format!("\ninclude '{}'\n", Settings::FILE);
        let text = fs::read_to_string(&main).map_err(ServiceError::io("read", &main))?;
        self.write(&main, &(text + &ours))
    }

    /// Writes settings and certificate.
    fn configure(
        &mut self,
        config: &PostgresConfig,
        mut settings: Settings,
    ) -> Result<(), ServiceError> {
        if let Some(tls) = &config.tls {
            for (from, name) in [(&tls.certificate, "server.crt"), (&tls.key, "server.key")] {
                let text = fs::read_to_string(from).map_err(ServiceError::io("read", from))?;
                self.write(&self.data_dir().join(name), &text)?;
            }
            settings.set("ssl", "on");
        }
        for (name, value) in &config.settings {
            settings.set(name, value);
        }
        self.write(&self.data_dir().join(Settings::FILE), &settings.to_text())?;
        *self.settings() = settings;
        Ok(())
    }

    fn launch_on_a_free_port(&mut self) -> Result<(), ServiceError> {
        let mut tries = 0;
        loop {
            tries += 1;
            self.port = port::free_port()?;
            match self.postmaster.launch(self.command("postgres"), self.port) {
                Err(ServiceError::Failed { detail, .. })
                    if tries < PORTS_MAX
                        && detail.contains("could not create any TCP/IP sockets") => {}
                ended => return ended,
            }
        }
    }

    /// Stops it in order (`SIGINT`): transactions are rolled back, connections closed, a checkpoint
    /// written.
    ///
    /// # Errors
    /// When it does not run, or does not stop within 60 s.
    pub fn stop_fast(&self) -> Result<(), ServiceError> {
        self.postmaster.stop(Signal::INT)
    }

    /// Stops it at once (`SIGQUIT`), as a crash would: the next start replays its log.
    ///
    /// # Errors
    /// When it does not run, or does not stop within 60 s.
    pub fn stop_immediate(&self) -> Result<(), ServiceError> {
        self.postmaster.stop(Signal::QUIT)
    }

    /// Kills all of its processes (`SIGKILL`) without a chance to close connections.
    ///
    /// # Errors
    /// When it does not run, or its processes still exist after 60 s.
    pub fn kill(&self) -> Result<(), ServiceError> {
        self.postmaster.kill()
    }

    /// Pauses all of its processes (`SIGSTOP`). Its connections stay open, and the system accepts
    /// new ones that nobody serves.
    ///
    /// # Errors
    /// When it does not run, or does not pause within 30 s.
    pub fn pause(&self) -> Result<(), ServiceError> {
        self.postmaster.pause()
    }

    /// Resumes a paused server (`SIGCONT`).
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&self) -> Result<(), ServiceError> {
        self.postmaster.resume()
    }

    /// Starts a stopped or killed server with the same directory and port.
    ///
    /// # Errors
    /// When it runs, or does not accept connections within 120 s.
    pub fn restart(&self) -> Result<(), ServiceError> {
        if self.pid().is_some() {
            return Err(ServiceError::failed(
                "restart",
                "the server runs: stop or kill it first",
            ));
        }
        self.postmaster.launch(self.command("postgres"), self.port)
    }

    /// Lets the server run after this program has ended.
    ///
    /// # Errors
    /// When it does not run.
    pub fn detach(mut self) -> Result<DetachedServer, ServiceError> {
        let postmaster = DetachedProcess {
            pid: self.pid().ok_or(ServiceError::NotRunning)?,
            argument: self.data_dir().display().to_string(),
        };
        drop(self.postmaster.take());
        self.reaper.detach()?;
        Ok(DetachedServer {
            processes: vec![postmaster],
            folder: self.reaper.folder().to_path_buf(),
        })
    }

    /// The URL of a database, with the superuser's name and password.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://{USER}:{}@127.0.0.1:{}/{database}",
            self.password, self.port
        )
    }

    fn password(&self) -> &str {
        &self.password
    }

    /// A panic under this lock leaves nothing half done: each setting is replaced whole.
    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The port on 127.0.0.1. It stays the same through [`Self::restart`].
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The postmaster's process id; `None` while the server is stopped.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.postmaster.pid()
    }

    /// The data directory, inside the server's own directory.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.reaper.folder().join(DATA)
    }

    /// The log of all starts.
    #[must_use]
    pub fn log(&self) -> &Path {
        self.postmaster.log()
    }

    /// The output of `postgres --version`.
    #[must_use]
    pub fn version(&self) -> &str {
        self.binaries.version()
    }

    /// The path of a program next to the server's, such as `pgbench`; it may not exist.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.binaries.program(name)
    }

    /// Runs SQL with the server's own client and returns its rows, one per line, columns separated
    /// by `|`.
    ///
    /// # Errors
    /// When the server refuses it, cannot be reached, or does not respond within 60 s.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String, ServiceError> {
        psql(&self.program("psql"), &self.url(database), sql)
    }

    /// One of PostgreSQL's programs, run as the server's user, without the environment of the test.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.program(program));
        command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .current_dir(self.reaper.folder());
        self.os_user.apply_to(&mut command);
        command
    }

    /// Writes a file that only the server's user can read.
    fn write(&self, file: &Path, text: &str) -> Result<(), ServiceError> {
        use std::os::unix::fs::PermissionsExt as _;
        const ONLY_THE_OWNER: u32 = 0o600;
        fs::write(file, text).map_err(ServiceError::io("write", file))?;
        fs::set_permissions(file, fs::Permissions::from_mode(ONLY_THE_OWNER))
            .map_err(ServiceError::io("protect", file))?;
        self.os_user.give_ownership(file)
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // The reaper, dropped after this, ends the server. This thread collects the process.
        if let Some(mut postmaster) = self.postmaster.take() {
            std::thread::spawn(move || postmaster.wait());
        }
    }
}

/// Runs SQL with this client on this database.
pub(crate) fn psql(client: &Path, url: &str, sql: &str) -> Result<String, ServiceError> {
    let mut command = Command::new(client);
    command
        .args([
            "--no-psqlrc",
            "--no-align",
            "--tuples-only",
            "--quiet",
            "--no-password",
        ])
        .args([
            "--set",
            "ON_ERROR_STOP=1",
            "--dbname",
            url,
            "--command",
            sql,
        ]);
    run::to_end(&mut command, "psql", PSQL_MAX)
}

fn random_password() -> Result<String, ServiceError> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0; PASSWORD_BYTES];
    File::open(source)
        .and_then(|mut chance| chance.read_exact(&mut bytes))
        .map_err(ServiceError::io("read", source))?;
    Ok(hex::encode(bytes))
}
