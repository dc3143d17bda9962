//! PgBouncer in front of a server: a connection pooler as operators run it, with its defaults.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{PostgresServer, USER};
use crate::error::ServiceError;
use crate::os_user::OsUser;
use crate::reaper::Reaper;
use crate::wait::poll_until;
use crate::{port, run};

const READY_MAX: Duration = Duration::from_secs(30);
const HOW: &str = "Debian: `apt-get install pgbouncer`";

/// A running PgBouncer on a free loopback port. It ends when this is dropped, and when the program
/// that started it is killed.
#[derive(Debug)]
pub struct PgBouncer {
    child: Child,
    port: u16,
    url: String,
    /// Removes its directory.
    _reaper: Reaper,
}

impl PgBouncer {
    /// Starts one in front of the database `postgres` of a server, with this `pool_mode`.
    ///
    /// # Errors
    /// [`ServiceError::Missing`] when this machine has no PgBouncer; otherwise when it does not
    /// start.
    pub fn start(server: &PostgresServer, pool_mode: &str) -> Result<Self, ServiceError> {
        let program = program().ok_or_else(|| ServiceError::Missing {
            what: "PgBouncer".to_owned(),
            detail: "no program pgbouncer in PATH or /usr/sbin".to_owned(),
            how: HOW,
        })?;
        let os_user = OsUser::for_servers()?;
        let reaper = Reaper::with_new_dir(None, os_user)?;
        let folder = reaper.folder().join("bouncer");
        fs::create_dir(&folder).map_err(ServiceError::io("make", &folder))?;
        let port = port::free_port()?;
        let write = |name: &str, text: String| {
            let file = folder.join(name);
            fs::write(&file, text).map_err(ServiceError::io("write", &file))?;
            os_user.give_ownership(&file)?;
            Ok(file)
        };
        let users = format!("\"{USER}\" \"{}\"\n", server.password());
        let users = write("users.txt", users)?;
        let config = format!(
            "[databases]\npostgres = host=127.0.0.1 port={} dbname=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = {}\npool_mode = {pool_mode}\n",
            server.port(),
            users.display(),
        );
        let config = write("pgbouncer.ini", config)?;
        os_user.give_ownership(&folder)?;
        let log = folder.join("pgbouncer.log");
        let (out, err) = (run::append_to(&log)?, run::append_to(&log)?);
        let mut command = Command::new(program);
        command
            .arg(&config)
            .current_dir(&folder)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err);
        os_user.apply_to(&mut command);
        let child = command.spawn().map_err(|source| ServiceError::Io {
            what: "start pgbouncer".to_owned(),
            source,
        })?;
        let known_by = format!("{}\n{}\n", child.id(), config.display());
        let direct = format!("127.0.0.1:{}", server.port());
        let through = format!("127.0.0.1:{port}");
        let mut bouncer = Self {
            child,
            port,
            url: server.url("postgres").replace(&direct, &through),
            _reaper: reaper,
        };
        write("server.pid", known_by)?;
        bouncer.wait_until_ready(&log)?;
        Ok(bouncer)
    }

    fn wait_until_ready(&mut self, log: &Path) -> Result<(), ServiceError> {
        let mut ended = None;
        let ready = poll_until(READY_MAX, || {
            ended = self.child.try_wait().ok().flatten();
            ended.is_some() || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
        match ended {
            Some(status) => {
                let log = fs::read_to_string(log).unwrap_or_default();
                Err(ServiceError::failed(
                    "pgbouncer",
                    format!("{status}: {log}"),
                ))
            }
            None if ready => Ok(()),
            None => Err(ServiceError::TooLate {
                what: "the start of pgbouncer".to_owned(),
                limit: READY_MAX,
            }),
        }
    }

    /// The URL of the database through it, with the superuser's name and password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        // Both succeed on a child of this process.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Debian installs it for administrators only.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push(PathBuf::from("/usr/sbin"));
    let programs = folders.into_iter().map(|folder| folder.join("pgbouncer"));
    programs.into_iter().find(|program| program.is_file())
}
