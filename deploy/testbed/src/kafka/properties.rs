//! The properties file of a broker.

use std::fmt::Write as _;
use std::path::Path;

use super::secure::SecurePorts;

/// The settings of one broker.
pub(super) struct Properties<'a> {
    pub(super) id: usize,
    pub(super) brokers: usize,
    pub(super) port: u16,
    pub(super) controller: u16,
    /// The controller ports of all brokers.
    pub(super) controllers: &'a [u16],
    pub(super) data: &'a Path,
    pub(super) secure: Option<SecurePorts>,
    /// These override the defaults.
    pub(super) settings: &'a [(String, String)],
}

impl Properties<'_> {
    pub(super) fn to_text(&self) -> String {
        let Self {
            id,
            brokers,
            port,
            controller,
            controllers,
            data,
            secure,
            settings,
        } = self;
        let listeners = |host: &str| {
            secure
                .map(|ports| ports.listeners(host))
                .unwrap_or_default()
        };
        // The certificate is for this name.
        let (secure, advertised) = (listeners("127.0.0.1"), listeners("localhost"));
        let quorum: Vec<String> = controllers
            .iter()
            .map(|port| format!("127.0.0.1:{port}"))
            .collect();
        let (quorum, data) = (quorum.join(","), data.display());
        // Internal topics have as many replicas as the number of brokers allows.
        let (copies, in_sync) = ((*brokers).min(3), if *brokers >= 3 { 2 } else { 1 });
        let mut text = format!(
            "process.roles=broker,controller
node.id={id}
controller.quorum.bootstrap.servers={quorum}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{secure}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{advertised}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
log.dirs={data}
offsets.topic.replication.factor={copies}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=4
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
"
        );
        for (name, value) in *settings {
            // The later of two lines with the same name wins.
            let _ = writeln!(text, "{name}={value}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_name_all_controllers_and_end_with_overrides() {
        let settings = [("num.io.threads".to_owned(), "1".to_owned())];
        let properties = Properties {
            id: 2,
            brokers: 3,
            port: 5,
            controller: 8,
            controllers: &[7, 8, 9],
            data: Path::new("/d"),
            secure: None,
            settings: &settings,
        };
        let text = properties.to_text();
        for line in [
            "controller.quorum.bootstrap.servers=127.0.0.1:7,127.0.0.1:8,127.0.0.1:9",
            "listeners=PLAINTEXT://127.0.0.1:5,CONTROLLER://127.0.0.1:8",
            "offsets.topic.replication.factor=3",
            "transaction.state.log.min.isr=2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        assert!(text.ends_with("num.io.threads=1\n"), "{text}");
    }
}
