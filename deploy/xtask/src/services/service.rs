//! The table of services, and how each is started.

use std::fs;
use std::path::{Path, PathBuf};

use fritzy_testbed::{
    DetachedServer, KafkaCluster, KafkaConfig, PostgresBinaries, PostgresConfig, PostgresServer,
    ServiceError, TEST_POSTGRES_VARIABLE, TansuBroker,
};

use crate::install::Tool;
use crate::programs::program;

/// One kind of server that tests need. [`ALL`] has all of them.
pub(crate) struct Service {
    pub(crate) name: &'static str,
    /// The variable that tests read.
    pub(crate) variable: &'static str,
    /// The tool for `--install`.
    pub(crate) tool: Tool,
    /// Whether tests share it. Tests of Kafka break brokers and need topics of their own, so they
    /// start their own.
    pub(crate) is_shared_by_tests: bool,
    start: fn(log: PathBuf, brokers: usize) -> Result<Started, ServiceError>,
}

/// A running server. When dropped it ends, and only its log stays.
pub(crate) struct Started {
    pub(crate) variable: &'static str,
    pub(crate) value: String,
    /// Its version and address.
    pub(crate) about: String,
    pub(crate) log: PathBuf,
    pub(crate) server: Box<dyn Server>,
}

/// A server of any kind.
pub(crate) trait Server {
    /// Detaches it, so that it keeps running when this program ends.
    ///
    /// # Errors
    /// When it is no longer running.
    fn detach(self: Box<Self>) -> Result<DetachedServer, ServiceError>;
}

pub(crate) const ALL: [Service; 2] = [
    Service {
        name: "postgres",
        variable: TEST_POSTGRES_VARIABLE,
        tool: POSTGRES_TOOL,
        is_shared_by_tests: true,
        start: start_postgres,
    },
    Service {
        name: "kafka",
        // The variable of the node: one that is started in this shell publishes there.
        variable: "KAFKA_BROKERS",
        tool: JAVA_TOOL,
        is_shared_by_tests: false,
        start: start_kafka,
    },
];

/// Downloads and runs Kafka brokers.
pub(crate) const JAVA_TOOL: Tool = Tool {
    packages: &["default-jre-headless", "maven"],
    is_installed: || program(&["java"]).is_some() && program(&["mvn"]).is_some(),
};

pub(crate) const POSTGRES_TOOL: Tool = Tool {
    packages: &["postgresql"],
    is_installed: || PostgresBinaries::find().is_ok(),
};

impl Service {
    /// Starts it. Its log in this folder replaces the previous one.
    ///
    /// # Errors
    /// When it is not installed, or does not start.
    pub(crate) fn start(&self, logs: &Path, brokers: usize) -> Result<Started, ServiceError> {
        let log = logs.join(format!("{}.log", self.name));
        // There may be none; a log that cannot be removed is appended to.
        drop(fs::remove_file(&log));
        (self.start)(log, brokers)
    }
}

fn start_postgres(log: PathBuf, _: usize) -> Result<Started, ServiceError> {
    let config = PostgresConfig {
        log: Some(log.clone()),
        ..PostgresConfig::shared_by_tests()
    };
    let server = PostgresServer::start(config)?;
    Ok(Started {
        variable: TEST_POSTGRES_VARIABLE,
        value: server.url("postgres"),
        about: format!("{} at 127.0.0.1:{}", server.version(), server.port()),
        log,
        server: Box::new(server),
    })
}

/// Apache Kafka; without Java, a broker in memory with the same protocol.
fn start_kafka(log: PathBuf, brokers: usize) -> Result<Started, ServiceError> {
    let config = KafkaConfig {
        brokers,
        log: Some(log.clone()),
        ..KafkaConfig::default()
    };
    let (value, about, server): (_, _, Box<dyn Server>) = match KafkaCluster::start(&config) {
        Ok(cluster) => {
            let (value, version) = (cluster.bootstrap(), cluster.version());
            let about = format!("Apache Kafka {version} at {value}");
            (value, about, Box::new(cluster))
        }
        Err(missing @ ServiceError::Missing { .. }) if brokers == 1 => {
            eprintln!("{missing}; starting tansu instead");
            let broker = TansuBroker::start(Some(log.clone()))?;
            let value = broker.bootstrap().to_owned();
            let about = format!("tansu, in memory, at {value}: its data is lost when it ends");
            (value, about, Box::new(broker))
        }
        Err(failure) => return Err(failure),
    };
    Ok(Started {
        variable: "KAFKA_BROKERS",
        value,
        about,
        log,
        server,
    })
}

impl Server for KafkaCluster {
    fn detach(self: Box<Self>) -> Result<DetachedServer, ServiceError> {
        KafkaCluster::detach(*self)
    }
}

impl Server for TansuBroker {
    fn detach(self: Box<Self>) -> Result<DetachedServer, ServiceError> {
        TansuBroker::detach(*self)
    }
}

impl Server for PostgresServer {
    fn detach(self: Box<Self>) -> Result<DetachedServer, ServiceError> {
        PostgresServer::detach(*self)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A service that no machine has.
    pub(crate) const ABSENT: Service = Service {
        name: "absent",
        variable: "XTASK_ABSENT",
        tool: Tool {
            packages: &[],
            is_installed: || false,
        },
        is_shared_by_tests: false,
        start: |_, _| {
            Err(ServiceError::Missing {
                what: "it".to_owned(),
                detail: "no machine has it".to_owned(),
                how: "there is no way",
            })
        },
    };
}
