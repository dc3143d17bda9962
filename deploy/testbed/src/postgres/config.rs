//! The configuration of a server.

use std::path::PathBuf;

/// How a server is created. The default is an empty server with `fsync` on and 100 connections.
#[derive(Debug, Clone, Default)]
pub struct PostgresConfig {
    /// Settings by name, as in `postgresql.conf`, the value without quotes.
    pub settings: Vec<(String, String)>,
    /// Where the server's directory is created; among the temporary files unless given. A small
    /// file system here makes a disk that is soon full. As root, the user `postgres` must be able
    /// to reach it.
    pub data_root: Option<PathBuf>,
    /// With a certificate, the server offers TLS on the same port. It accepts plain connections as
    /// well.
    pub tls: Option<TlsFiles>,
    /// The log file; in the server's directory unless given, which is removed with the server.
    pub log: Option<PathBuf>,
}

/// The server's certificate and its key, both PEM. They are copied, so their owner does not matter.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate, with its chain if there is one.
    pub certificate: PathBuf,
    /// The private key that belongs to the certificate.
    pub key: PathBuf,
}

/// A test binary runs one test per core, several binaries may share a server, and each test may
/// open several pools.
const TEST_CONNECTIONS_MAX: &str = "200";

impl PostgresConfig {
    /// For the server that tests share: more connections.
    #[must_use]
    pub fn shared_by_tests() -> Self {
        Self::default().with("max_connections", TEST_CONNECTIONS_MAX)
    }

    /// The same with one more setting; the last one of a name wins.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }
}
