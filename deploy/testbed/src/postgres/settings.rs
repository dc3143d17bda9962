//! The settings of a server, and the file that they are written to.

use std::time::Duration;

use super::PostgresServer;
use crate::error::ServiceError;
use crate::processes::{Process, Signal};
use crate::wait::poll_until;

/// A reload is a signal and two small files to read.
const RELOAD_MAX: Duration = Duration::from_secs(30);

/// Settings of every server of the testbed.
const OURS: [(&str, &str); 5] = [
    ("listen_addresses", "127.0.0.1"),
    // Clients use TCP, as a node does; the path of a socket is limited to 107 bytes.
    ("unix_socket_directories", ""),
    // Acknowledged writes are on disk: that is what is tested and measured.
    ("fsync", "on"),
    // Otherwise a killed server leaves its segments in /dev/shm; these are removed with its
    // directory.
    ("dynamic_shared_memory_type", "mmap"),
    ("log_line_prefix", "%m [%p] %a "),
];

/// Names and values; each name once, with its last value.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings(Vec<(String, String)>);

impl Settings {
    /// The file next to `postgresql.conf`, which includes it.
    pub(super) const FILE: &str = "fritzy.conf";

    pub(super) fn ours() -> Self {
        let mut settings = Self::default();
        for (name, value) in OURS {
            settings.set(name, value);
        }
        settings
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(other, _)| other != name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn to_text(&self) -> String {
        let line = |(name, value): &(String, String)| {
            format!("{name} = '{}'\n", value.replace('\'', "''"))
        };
        self.0.iter().map(line).collect()
    }
}

impl PostgresServer {
    /// Changes a setting. A running server has applied it on return if it can change while it runs.
    /// Other settings, and those of a stopped server, apply from [`Self::restart`].
    ///
    /// # Errors
    /// When the file cannot be written, or a running server does not reload within 30 s.
    pub fn set(&self, name: &str, value: &str) -> Result<(), ServiceError> {
        let text = {
            let mut settings = self.settings();
            settings.set(name, value);
            settings.to_text()
        };
        self.write(&self.data_dir().join(Settings::FILE), &text)?;
        let postmaster = self.pid().map(Process);
        postmaster.map_or(Ok(()), |postmaster| self.reload(postmaster))
    }

    fn reload(&self, postmaster: Process) -> Result<(), ServiceError> {
        let loaded_at = || self.psql("postgres", "SELECT pg_conf_load_time()");
        let before = loaded_at()?;
        postmaster.signal(Signal::HUP);
        if poll_until(RELOAD_MAX, || loaded_at().is_ok_and(|now| now != before)) {
            return Ok(());
        }
        Err(ServiceError::TooLate {
            what: "the reload of PostgreSQL's settings".to_owned(),
            limit: RELOAD_MAX,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_value_wins_and_quotes_are_doubled() {
        let mut settings = Settings::default();
        settings.set("a", "1");
        settings.set("b", "it's");
        settings.set("a", "2");
        assert_eq!(settings.to_text(), "b = 'it''s'\na = '2'\n");
    }
}
