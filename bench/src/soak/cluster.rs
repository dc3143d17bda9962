//! The cluster of a soak: nodes, database and proxies, on loopback.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fritzy_testbed::ServiceError;
use fritzy_testbed_faults::{FaultCluster, FaultConfig};

use super::api::Api;
use super::options::SoakOptions;
use super::plan::SoakFault;
use crate::BenchError;

/// Entities that a node keeps in memory: few, so that its memory is level after minutes and not
/// hours.
const ENTITIES_MAX: &str = "4000";
/// For `fritzy journal verify`: a few seconds for each million events.
const VERIFY_MAX: Duration = Duration::from_secs(600);
/// For `fritzy --version`.
const VERSION_UNKNOWN: &str = "unknown";

/// A running cluster.
#[derive(Debug)]
pub(crate) struct SoakCluster {
    pub(crate) faults: FaultCluster,
    pub(crate) apis: Vec<Api>,
    shards: u16,
}

impl SoakCluster {
    /// Starts everything. Blocks for seconds.
    ///
    /// # Errors
    /// [`BenchError::Settings`] with the remedy when this machine lacks something.
    pub(crate) fn start(options: &SoakOptions) -> Result<Self, BenchError> {
        let config = FaultConfig {
            nodes: options.nodes,
            shards: options.shards,
            settings: options.node_settings.clone(),
            small_disk: options.faults.contains(&SoakFault::FullDisk),
            wrong_clocks: options.faults.contains(&SoakFault::Clock),
            logs: options.logs.clone(),
            binary: Some(options.node.clone()),
            ..FaultConfig::default()
        };
        let is_given = |flag: &str| options.node_settings.iter().any(|(given, _)| given == flag);
        let config = match is_given("--entities-max") {
            true => config,
            false => config.with("--entities-max", ENTITIES_MAX),
        };
        let faults = FaultCluster::start(&config).map_err(|failure| of_service(&failure))?;
        let addresses = faults.api_addresses().into_iter();
        let apis: Result<Vec<Api>, BenchError> = addresses.map(Api::at).collect();
        Ok(Self {
            apis: apis?,
            faults,
            shards: options.shards,
        })
    }

    /// The port of the database, past all proxies.
    pub(crate) fn database_port(&self) -> Option<u16> {
        let url: hyper::Uri = self.faults.database_url().parse().ok()?;
        url.port_u16()
    }

    /// Ends all nodes and verifies the journal. Blocks for seconds. Returns what is wrong.
    pub(crate) fn verify(&self) -> Option<String> {
        self.faults.kill_nodes();
        let (url, shards) = (self.faults.database_url(), self.shards.to_string());
        let arguments = [
            "journal",
            "verify",
            "--database-url",
            &url,
            "--shards",
            &shards,
        ];
        match self.faults.run(&arguments, VERIFY_MAX) {
            Ok(exited) if exited.code == Some(0) => None,
            Ok(exited) => Some(format!(
                "exit code {:?}: {}{}",
                exited.code, exited.stdout, exited.stderr
            )),
            Err(failure) => Some(failure.to_string()),
        }
    }
}

/// What `fritzy --version` prints.
pub(crate) fn version_of(node: &Path) -> String {
    let output = Command::new(node).arg("--version").output();
    let printed = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    printed.unwrap_or_else(|_| VERSION_UNKNOWN.to_owned())
}

fn of_service(failure: &ServiceError) -> BenchError {
    match failure.is_missing() {
        true => BenchError::Settings(failure.to_string()),
        false => BenchError::Preparing {
            what: "the cluster",
            reason: failure.to_string(),
        },
    }
}
