//! The slot of a node whose connections go through proxies.

use std::net::{Ipv4Addr, SocketAddr};

use fritzy_testbed::{ChaosProxy, ClusterSettings, NodeAddresses, NodeSlot, ServiceError};

/// A slot behind two proxies: they stay while processes start and exit.
#[derive(Debug)]
pub struct ProxiedSlot {
    /// The node's name, addresses and settings.
    pub slot: NodeSlot,
    /// Carries the node's connections to the database.
    pub database: ChaosProxy,
    /// Carries the connections of other nodes to this one. Of two nodes, the one that joined later
    /// connects to the other.
    pub peers: ChaosProxy,
}

impl ProxiedSlot {
    /// A slot on free ports. `settings` name the database at its port on this machine.
    ///
    /// # Errors
    /// When no port is free.
    pub fn new(
        name: &str,
        database_port: u16,
        mut settings: ClusterSettings,
    ) -> Result<Self, ServiceError> {
        let addresses = NodeAddresses::free()?;
        let proxy = |upstream| {
            ChaosProxy::start(upstream).map_err(|source| ServiceError::Io {
                what: "start a proxy".to_owned(),
                source,
            })
        };
        let database = proxy(SocketAddr::from((Ipv4Addr::LOCALHOST, database_port)))?;
        let peers = proxy(addresses.cluster)?;
        settings.database_url = settings.database_url.replace(
            &format!(":{database_port}/"),
            &format!(":{}/", database.address().port()),
        );
        let settings = settings.with("--cluster-advertise", peers.address());
        Ok(Self {
            slot: NodeSlot::at(name, addresses, settings),
            database,
            peers,
        })
    }
}
