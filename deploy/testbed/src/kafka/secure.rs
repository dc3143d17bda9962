//! Authenticating listeners: one with TLS and a password (SASL), and one with certificates on both
//! sides.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::ServiceError;
use crate::port;

/// The brokers' certificate, and the clients that they accept.
#[derive(Debug, Clone)]
pub struct KafkaSecurity {
    /// The brokers' certificate, for `localhost`, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM (PKCS #8), not encrypted.
    pub key: PathBuf,
    /// The authority of client certificates, in PEM.
    pub client_authority: PathBuf,
    /// Name and password of the user, for PLAIN and SCRAM-SHA-512.
    pub user: (String, String),
}

/// The ports of the two listeners.
#[derive(Debug, Clone, Copy)]
pub struct SecurePorts {
    /// TLS with a password.
    pub password: u16,
    /// TLS with a client certificate.
    pub certificate: u16,
}

impl SecurePorts {
    pub(super) fn free() -> Result<Self, ServiceError> {
        Ok(Self {
            password: port::free_port()?,
            certificate: port::free_port()?,
        })
    }

    /// The listeners, each after a comma, with the host to listen on or to advertise.
    pub(super) fn listeners(self, host: &str) -> String {
        let Self {
            password,
            certificate,
        } = self;
        format!(",SASL_SSL://{host}:{password},SSL://{host}:{certificate}")
    }
}

impl KafkaSecurity {
    /// The lines for a broker's properties file. The key store that they name is written into the
    /// directory.
    pub(super) fn properties(&self, folder: &Path) -> Result<String, ServiceError> {
        let read = |path: &Path| fs::read_to_string(path).map_err(ServiceError::io("read", path));
        // Kafka expects key and certificate in one file.
        let store = folder.join("broker.pem");
        let both = format!("{}\n{}", read(&self.key)?, read(&self.certificate)?);
        fs::write(&store, both).map_err(ServiceError::io("write", &store))?;
        let (name, password) = &self.user;
        let (store, trusted) = (store.display(), self.client_authority.display());
        let by_password = "listener.name.sasl_ssl";
        let module = "org.apache.kafka.common.security";
        Ok(format!(
            "ssl.keystore.type=PEM
ssl.keystore.location={store}
ssl.truststore.type=PEM
ssl.truststore.location={trusted}
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
{by_password}.plain.sasl.jaas.config={module}.plain.PlainLoginModule required user_{name}=\"{password}\";
{by_password}.scram-sha-512.sasl.jaas.config={module}.scram.ScramLoginModule required;
"
        ))
    }

    /// The arguments for formatting the directory, so that SCRAM knows the user.
    pub(super) fn format_arguments(&self) -> [String; 2] {
        let (name, password) = &self.user;
        let user = format!("SCRAM-SHA-512=[name={name},password={password}]");
        ["--add-scram".to_owned(), user]
    }
}
