//! The settings of a server, and the file they are written to.

use std::time::Duration;

use super::PostgresServer;
use crate::error::ServiceError;
use crate::processes::{Process, Signal};
use crate::wait::poll_until;

/// A reload is a signal and the reading of two small files.
const RELOAD_MAX: Duration = Duration::from_secs(30);

/// What every server here is started with.
const OURS: [(&str, &str); 5] = [
    ("listen_addresses", "127.0.0.1"),
    // Clients of tests use TCP, as those of a node do, and a socket's path has at most 107 bytes.
    ("unix_socket_directories", ""),
    // What was acknowledged is on the disk: that is what is tested and measured.
    ("fsync", "on"),
    // Elsewhere, a killed server leaves its pieces in /dev/shm; here, they go with its folder.
    ("dynamic_shared_memory_type", "mmap"),
    ("log_line_prefix", "%m [%p] %a "),
];

/// Names and values; each name once, as last set.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings(Vec<(String, String)>);

impl Settings {
    /// The file, beside `postgresql.conf` and included by it.
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
    /// Changes a setting. A running server has taken it over on return, if it is one of those that can change while it
    /// runs; the others, and those of a stopped server, count from [`Self::restart`].
    ///
    /// # Errors
    /// When the file cannot be written, or a running server does not reload within 30 s.
    pub fn set(&self, name: &str, value: &str) -> Result<(), ServiceError> {
        let (text, postmaster) = {
            let mut state = self.state();
            state.settings.set(name, value);
            (
                state.settings.to_text(),
                state.postmaster.as_ref().map(|child| Process(child.id())),
            )
        };
        self.write(&self.data_dir().join(Settings::FILE), &text)?;
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
