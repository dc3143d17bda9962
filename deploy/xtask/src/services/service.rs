//! The services there are, and how each is started.

use std::fs;
use std::path::{Path, PathBuf};

use fritzy_services::{
    LeftRunning, PostgresBinaries, PostgresConfig, PostgresServer, ServiceError,
    TEST_POSTGRES_VARIABLE,
};

use crate::test::install::Tool;

/// One kind of server that tests need.
pub(crate) struct Service {
    pub(crate) name: &'static str,
    /// By which tests find it.
    pub(crate) variable: &'static str,
    /// What `--install` sees to.
    pub(crate) tool: Tool,
    start: fn(log: PathBuf) -> Result<Started, ServiceError>,
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
    fn leave_running(self: Box<Self>) -> Result<LeftRunning, ServiceError>;
}

/// Every service.
pub(crate) const ALL: [Service; 1] = [Service {
    name: "postgres",
    variable: TEST_POSTGRES_VARIABLE,
    tool: POSTGRES_TOOL,
    start: start_postgres,
}];

pub(crate) const POSTGRES_TOOL: Tool = Tool {
    packages: &["postgresql"],
    is_there: || PostgresBinaries::find().is_ok(),
};

impl Service {
    /// Starts it; its log goes into this folder, over that of the last one.
    ///
    /// # Errors
    /// When this machine does not have it, or it does not start.
    pub(crate) fn start(&self, logs: &Path) -> Result<Started, ServiceError> {
        let log = logs.join(format!("{}.log", self.name));
        // There may be none yet; what cannot be removed is written to at its end.
        drop(fs::remove_file(&log));
        (self.start)(log)
    }
}

fn start_postgres(log: PathBuf) -> Result<Started, ServiceError> {
    let config = PostgresConfig {
        log: Some(log.clone()),
        ..PostgresConfig::for_tests()
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

impl Server for PostgresServer {
    fn leave_running(self: Box<Self>) -> Result<LeftRunning, ServiceError> {
        PostgresServer::leave_running(*self)
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
        start: |_| {
            Err(ServiceError::Missing {
                what: "it".to_owned(),
                detail: "nobody has it".to_owned(),
                how: "there is no way",
            })
        },
    };
}
