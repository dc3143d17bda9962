//! The services there are, and how each is started.

use std::fs;
use std::path::{Path, PathBuf};

use fritzy_testbed::{
    DetachedServer, KafkaCluster, KafkaConfig, PostgresBinaries, PostgresConfig, PostgresServer,
    ServiceError, TEST_POSTGRES_VARIABLE, TansuBroker,
};

use crate::test::environment::program;
use crate::test::install::Tool;

/// One kind of server that tests need.
pub(crate) struct Service {
    pub(crate) name: &'static str,
    /// By which tests find it.
    pub(crate) variable: &'static str,
    /// What `--install` sees to.
    pub(crate) tool: Tool,
    /// Whether tests share it. They break brokers, and need topics to themselves: each of those tests has its own.
    pub(crate) is_shared_by_tests: bool,
    start: fn(log: PathBuf, brokers: usize) -> Result<Started, ServiceError>,
}

/// A server that runs. Dropped, it ends, and nothing of it stays but its log.
pub(crate) struct Started {
    pub(crate) variable: &'static str,
    pub(crate) value: String,
    /// Its version and address.
    pub(crate) about: String,
    pub(crate) log: PathBuf,
    pub(crate) server: Box<dyn Server>,
}

/// What can be done with a server of any kind.
pub(crate) trait Server {
    /// Lets it run on when this program ends.
    ///
    /// # Errors
    /// When it does not run any more.
    fn detach(self: Box<Self>) -> Result<DetachedServer, ServiceError>;
}

/// Every service.
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
        // The node's own: one that is started in this shell publishes there.
        variable: "KAFKA_BROKERS",
        tool: JAVA_TOOL,
        is_shared_by_tests: false,
        start: start_kafka,
    },
];

/// What fetches and runs Kafka brokers.
pub(crate) const JAVA_TOOL: Tool = Tool {
    packages: &["default-jre-headless", "maven"],
    is_there: || program(&["java"]).is_some() && program(&["mvn"]).is_some(),
};

pub(crate) const POSTGRES_TOOL: Tool = Tool {
    packages: &["postgresql"],
    is_there: || PostgresBinaries::find().is_ok(),
};

impl Service {
    /// Starts it; its log goes into this folder, over that of the last one.
    ///
    /// # Errors
    /// When this machine does not have it, or it does not start.
    pub(crate) fn start(&self, logs: &Path, brokers: usize) -> Result<Started, ServiceError> {
        let log = logs.join(format!("{}.log", self.name));
        // There may be none yet; what cannot be removed is written to at its end.
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

/// Apache Kafka; where there is no Java, a broker in memory that speaks its protocol.
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
            eprintln!("{missing}; tansu instead");
            let broker = TansuBroker::start(Some(log.clone()))?;
            let value = broker.bootstrap().to_owned();
            let about = format!("tansu, in memory, at {value}: it is gone when it ends");
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

    /// One that no machine has.
    pub(crate) const ABSENT: Service = Service {
        name: "absent",
        variable: "XTASK_ABSENT",
        tool: Tool {
            packages: &[],
            is_there: || false,
        },
        is_shared_by_tests: false,
        start: |_, _| {
            Err(ServiceError::Missing {
                what: "it".to_owned(),
                detail: "nobody has it".to_owned(),
                how: "there is no way",
            })
        },
    };
}
