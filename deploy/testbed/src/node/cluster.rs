//! Several nodes on one database and one machine.

use std::net::SocketAddr;

use super::process::{ExitedProcess, NODE_TIME_MAX, NodeProcess};
use super::slot::{ClusterSettings, NodeSlot};
use crate::error::ServiceError;

/// Nodes that share a database. They are killed when this is dropped.
///
/// It knows processes only: to learn which node owns which shard, read the database.
#[derive(Debug)]
pub struct LocalCluster {
    settings: ClusterSettings,
    nodes: Vec<LocalNode>,
}

/// A running node of a [`LocalCluster`].
#[derive(Debug)]
pub struct LocalNode {
    /// Its name, addresses and settings.
    pub slot: NodeSlot,
    /// The process in the slot.
    pub process: NodeProcess,
}

impl LocalCluster {
    /// A cluster without nodes.
    #[must_use]
    pub const fn new(settings: ClusterSettings) -> Self {
        Self {
            settings,
            nodes: Vec::new(),
        }
    }

    /// Starts the nodes `n1`, `n2` and so on, one after the other; each listens before the next
    /// starts.
    ///
    /// # Errors
    /// When no port is free.
    pub fn start(settings: ClusterSettings, count: usize) -> Result<Self, ServiceError> {
        let mut cluster = Self::new(settings);
        for number in 1..=count {
            cluster.add(&format!("n{number}"))?;
        }
        Ok(cluster)
    }

    /// Starts one more node and waits until it listens.
    ///
    /// # Errors
    /// When no port is free.
    pub fn add(&mut self, name: &str) -> Result<&mut LocalNode, ServiceError> {
        Ok(self.start_in(NodeSlot::new(name, self.settings.clone())?))
    }

    /// The running nodes, oldest first.
    #[must_use]
    pub fn nodes(&self) -> &[LocalNode] {
        &self.nodes
    }

    /// The running node with this name.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn node(&self, name: &str) -> &LocalNode {
        &self.nodes[self.index_of(name)]
    }

    /// Where the running nodes serve clients.
    #[must_use]
    pub fn api_addresses(&self) -> Vec<SocketAddr> {
        let addresses = self.nodes.iter().map(|node| node.slot.addresses().api);
        addresses.collect()
    }

    /// Removes a node from the cluster without ending its process.
    ///
    /// # Panics
    /// When there is none with this name.
    pub fn take(&mut self, name: &str) -> LocalNode {
        self.nodes.remove(self.index_of(name))
    }

    /// Kills a node (SIGKILL). [`Self::start_in`] its slot starts it again.
    ///
    /// # Panics
    /// When there is none with this name.
    pub fn kill(&mut self, name: &str) -> NodeSlot {
        let LocalNode { slot, process } = self.take(name);
        process.kill();
        slot
    }

    /// Terminates a node (SIGTERM) and waits for its exit. [`Self::start_in`] its slot starts it again.
    ///
    /// # Panics
    /// When there is none with this name, or it still runs after [`NODE_TIME_MAX`].
    pub fn terminate(&mut self, name: &str) -> (NodeSlot, ExitedProcess) {
        let LocalNode { slot, process } = self.take(name);
        process.terminate();
        (slot, process.wait_exit(NODE_TIME_MAX))
    }

    /// Starts a node in a slot and waits until it listens.
    pub fn start_in(&mut self, slot: NodeSlot) -> &mut LocalNode {
        let process = slot.start();
        self.nodes.push(LocalNode { slot, process });
        self.nodes.last_mut().expect("just pushed")
    }

    fn index_of(&self, name: &str) -> usize {
        let index = self.nodes.iter().position(|node| node.slot.name() == name);
        index.unwrap_or_else(|| panic!("no node {name} runs"))
    }
}
