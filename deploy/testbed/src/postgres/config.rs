//! How a server is to be made.

use std::path::PathBuf;

/// What a server is started with. The default is an empty server with `fsync` on and 100 connections.
#[derive(Debug, Clone, Default)]
pub struct PostgresConfig {
    /// Settings by name, as in `postgresql.conf`, the value without quotes.
    pub settings: Vec<(String, String)>,
    /// The folder in which the server's own folder is made; the one for temporary files unless given. A small file
    /// system here makes a disk that is soon full. As root, it must be reachable for the account `postgres`.
    pub data_root: Option<PathBuf>,
    /// With a certificate, the server offers TLS on the same port. It accepts plain connections as well.
    pub tls: Option<TlsFiles>,
    /// Where its log goes; into its folder unless given, which is removed with the server.
    pub log: Option<PathBuf>,
}

/// The server's certificate and its key, both PEM. They are copied, so they may belong to anyone.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate, with the chain if there is one.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A test binary runs a test on each core, several binaries may share a server, and each test may open several pools.
const TEST_CONNECTIONS_MAX: &str = "200";

impl PostgresConfig {
    /// The server that tests share.
    #[must_use]
    pub fn shared_by_tests() -> Self {
        Self::default().with("max_connections", TEST_CONNECTIONS_MAX)
    }

    /// The same with one more setting; a later one of the same name counts.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }
}
