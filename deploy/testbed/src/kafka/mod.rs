//! Apache Kafka brokers owned by a program: created, started, broken, and ended with it. In KRaft
//! mode, each is both broker and controller.

mod artifacts;
mod broker;
mod properties;
mod secure;
mod tansu;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use artifacts::{KAFKA_LIB_VARIABLE, KafkaArtifacts};
pub use secure::{KafkaSecurity, SecurePorts};
pub use tansu::TansuBroker;

use crate::detached_server::DetachedServer;
use crate::error::ServiceError;
use crate::os_user::OsUser;
use crate::port;
use crate::reaper::Reaper;
use broker::Broker;
use properties::Properties;

/// Formatting a directory takes one or two seconds, mostly for the start of Java.
const FORMAT_MAX: Duration = Duration::from_secs(120);

/// How brokers are started.
#[derive(Debug, Clone)]
pub struct KafkaConfig {
    /// One, or three for tests that need a quorum.
    pub brokers: usize,
    /// Settings of every broker, by name, as in `server.properties`; they override the defaults of
    /// the testbed.
    pub settings: Vec<(String, String)>,
    /// Listeners that authenticate clients, next to the one that does not.
    pub security: Option<KafkaSecurity>,
    /// The log file of all brokers. Unless given, each writes into its own directory, which is
    /// removed with it.
    pub log: Option<PathBuf>,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            brokers: 1,
            settings: Vec::new(),
            security: None,
            log: None,
        }
    }
}

impl KafkaConfig {
    /// The same with one more setting.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Running brokers on free loopback ports, with their own directory. They end when this is dropped,
/// and when the program that started them is killed.
#[derive(Debug)]
pub struct KafkaCluster {
    artifacts: KafkaArtifacts,
    brokers: Vec<Broker>,
    secure_ports: Vec<SecurePorts>,
    /// Dropped last: it removes what is left.
    reaper: Reaper,
}

impl KafkaCluster {
    /// Starts brokers and waits until each accepts requests.
    ///
    /// # Errors
    /// [`ServiceError::Missing`] without Java or the brokers' files; otherwise when a broker does
    /// not start.
    pub fn start(config: &KafkaConfig) -> Result<Self, ServiceError> {
        let artifacts = KafkaArtifacts::find()?;
        let reaper = Reaper::with_new_dir(None, OsUser::Own)?;
        let ports = (0..config.brokers).map(|_| Ok((port::free_port()?, port::free_port()?)));
        let ports: Vec<(u16, u16)> = ports.collect::<Result<_, ServiceError>>()?;
        let cluster = artifacts.run("kafka.tools.StorageTool", &["random-uuid"], FORMAT_MAX)?;
        let directories = (0..config.brokers)
            .map(|_| artifacts.run("kafka.tools.StorageTool", &["random-uuid"], FORMAT_MAX));
        let directories: Vec<String> = directories.collect::<Result<_, ServiceError>>()?;
        let voters: Vec<String> = (1..)
            .zip(ports.iter().zip(&directories))
            .map(|(id, ((_, port), directory))| format!("{id}@127.0.0.1:{port}:{directory}"))
            .collect();
        let voters = voters.join(",");
        let (mut brokers, mut secure_ports) = (Vec::new(), Vec::new());
        for (index, (port, controller)) in ports.iter().enumerate() {
            let folder = reaper.folder().join(format!("broker-{}", index + 1));
            fs::create_dir(&folder).map_err(ServiceError::io("make", &folder))?;
            let secure = match &config.security {
                Some(_) => Some(SecurePorts::free()?),
                None => None,
            };
            let properties = Properties {
                id: index + 1,
                brokers: config.brokers,
                port: *port,
                controller: *controller,
                controllers: &ports
                    .iter()
                    .map(|(_, controller)| *controller)
                    .collect::<Vec<_>>(),
                data: &folder.join("data"),
                secure,
                settings: &config.settings,
            };
            let file = folder.join("server.properties");
            let mut text = properties.to_text();
            let mut user = Vec::new();
            if let Some(security) = &config.security {
                text += &security.properties(&folder)?;
                user.extend(security.format_arguments());
            }
            fs::write(&file, text).map_err(ServiceError::io("write", &file))?;
            let path = file.to_string_lossy();
            let format = [
                "format",
                "--cluster-id",
                &cluster,
                "--initial-controllers",
                &voters,
                "--config",
                &path,
            ];
            let user = user.iter().map(String::as_str);
            let format: Vec<&str> = format.into_iter().chain(user).collect();
            artifacts.run("kafka.tools.StorageTool", &format, FORMAT_MAX)?;
            let own_log = || folder.join("kafka.log");
            let log = config.log.clone().unwrap_or_else(own_log);
            brokers.push(Broker::new(file, *port, log));
            secure_ports.extend(secure);
        }
        let mut made = Self {
            artifacts,
            brokers,
            secure_ports,
            reaper,
        };
        for broker in &mut made.brokers {
            broker.launch(&made.artifacts)?;
        }
        for broker in &mut made.brokers {
            broker.wait_until_ready()?;
        }
        Ok(made)
    }

    /// The bootstrap addresses for clients: every broker's, separated by commas.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        let addresses = self.brokers.iter().map(Broker::address);
        addresses.collect::<Vec<_>>().join(",")
    }

    /// The ports of each broker's authenticating listeners, if it has them.
    #[must_use]
    pub fn secure_ports(&self) -> &[SecurePorts] {
        &self.secure_ports
    }

    /// The version of Apache Kafka.
    #[must_use]
    pub fn version(&self) -> &str {
        self.artifacts.version()
    }

    /// The directory of all brokers' files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.reaper.folder()
    }

    /// Stops broker `index` in order (`SIGTERM`): its partition leaderships move first.
    ///
    /// # Errors
    /// When it does not run, or does not stop in time.
    pub fn stop(&mut self, index: usize) -> Result<(), ServiceError> {
        self.brokers[index].stop()
    }

    /// Kills broker `index` (`SIGKILL`).
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self, index: usize) -> Result<(), ServiceError> {
        self.brokers[index].kill()
    }

    /// Pauses broker `index` (`SIGSTOP`).
    ///
    /// # Errors
    /// When it does not run.
    pub fn pause(&mut self, index: usize) -> Result<(), ServiceError> {
        self.brokers[index].pause()
    }

    /// Resumes a paused broker (`SIGCONT`).
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&mut self, index: usize) -> Result<(), ServiceError> {
        self.brokers[index].resume()
    }

    /// Starts a stopped or killed broker with the same directory and ports.
    ///
    /// # Errors
    /// When it runs, or does not accept requests in time.
    pub fn restart(&mut self, index: usize) -> Result<(), ServiceError> {
        let broker = &mut self.brokers[index];
        broker.launch(&self.artifacts)?;
        broker.wait_until_ready()
    }

    /// Lets the brokers run after this program has ended.
    ///
    /// # Errors
    /// When one does not run.
    pub fn detach(mut self) -> Result<DetachedServer, ServiceError> {
        let processes = self.brokers.iter_mut().map(Broker::detach);
        let processes: Option<Vec<_>> = processes.collect();
        let processes = processes.ok_or(ServiceError::NotRunning)?;
        self.reaper.detach()?;
        Ok(DetachedServer {
            processes,
            folder: self.reaper.folder().to_path_buf(),
        })
    }

    /// Runs one of Kafka's own tools against these brokers, such as
    /// `org.apache.kafka.tools.TopicCommand`, and returns its output.
    ///
    /// # Errors
    /// When it fails, or takes longer than `limit`.
    pub fn tool(
        &self,
        class: &str,
        arguments: &[&str],
        limit: Duration,
    ) -> Result<String, ServiceError> {
        let bootstrap = self.bootstrap();
        let all = [&["--bootstrap-server", &bootstrap], arguments].concat();
        self.artifacts.run(class, &all, limit)
    }
}

impl Drop for KafkaCluster {
    fn drop(&mut self) {
        for broker in &mut self.brokers {
            broker.end();
        }
    }
}
