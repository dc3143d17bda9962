//! The nodes, and the balancer that polls the readiness of those that run.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use fritzy_testbed::{Balancer, ReapedDir};

use super::node_slot::{NodeConfig, NodeSlot};
use super::state::{NodeState, NodeStatus};

/// All nodes, in the order of their numbers.
pub(super) struct Nodes {
    slots: Vec<NodeSlot>,
    balancer: Balancer,
}

/// A change of a node that nobody requested.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NodeEvent {
    /// It ended without a request.
    Ended { number: u16, how: String },
    /// It was ready, still runs, and is not ready.
    NotReady { number: u16 },
}

impl Nodes {
    /// A balancer without nodes.
    ///
    /// # Errors
    /// When the balancer cannot listen on the address.
    pub(super) fn new(balancer: SocketAddr) -> Result<Self> {
        Ok(Self {
            slots: Vec::new(),
            balancer: Balancer::start(balancer, &[])?,
        })
    }

    pub(super) const fn balancer(&self) -> &Balancer {
        &self.balancer
    }

    pub(super) fn slots(&mut self) -> &mut [NodeSlot] {
        &mut self.slots
    }

    pub(super) fn states(&self) -> Vec<NodeState> {
        self.slots.iter().map(NodeSlot::state).collect()
    }

    /// Adds a slot, and starts a node in it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn add(
        &mut self,
        slot: NodeSlot,
        config: &NodeConfig,
        reaped: &ReapedDir,
    ) -> Result<()> {
        let number = slot.number();
        self.slots.push(slot);
        self.start(number, config, reaped)
    }

    /// Starts a node in an empty slot.
    ///
    /// # Errors
    /// When there is no such slot, a node runs in it, or the node cannot be started.
    pub(super) fn start(
        &mut self,
        number: u16,
        config: &NodeConfig,
        reaped: &ReapedDir,
    ) -> Result<()> {
        let slot = self.find(number)?;
        if slot.pid().is_some() {
            bail!("n{number} is running");
        }
        slot.start(config, reaped)?;
        self.update_backends();
        Ok(())
    }

    /// The slot of a running node.
    ///
    /// # Errors
    /// When there is no node of this number, or it has ended.
    pub(super) fn running(&mut self, number: u16) -> Result<&mut NodeSlot> {
        let slot = self.find(number)?;
        if slot.pid().is_none() {
            bail!("n{number} is not running");
        }
        Ok(slot)
    }

    fn find(&mut self, number: u16) -> Result<&mut NodeSlot> {
        let mut slots = self.slots.iter_mut();
        let found = slots.find(|slot| slot.number() == number);
        found.with_context(|| format!("there is no n{number}"))
    }

    /// Updates the status of each node, and returns what changed without a request.
    pub(super) fn poll(&mut self) -> Vec<NodeEvent> {
        let ready = self.balancer.ready();
        let (mut events, mut has_ended) = (Vec::new(), false);
        for slot in &mut self.slots {
            let (number, was_draining) = (slot.number(), slot.status == NodeStatus::Draining);
            if let Some(how) = slot.take_end() {
                has_ended = true;
                if !was_draining {
                    events.push(NodeEvent::Ended { number, how });
                }
                continue;
            }
            let is_ready = ready.contains(&slot.address);
            match slot.status {
                NodeStatus::Starting if is_ready => slot.status = NodeStatus::Ready,
                NodeStatus::Ready if !is_ready => {
                    events.push(NodeEvent::NotReady { number });
                    slot.status = NodeStatus::Starting;
                }
                _ => {}
            }
        }
        if has_ended {
            self.update_backends();
        }
        events
    }

    /// Gives the balancer the running nodes. A node that has ended is removed, so that its
    /// successor on the same address is not taken for ready before it reports so itself.
    fn update_backends(&self) {
        let running = self.slots.iter().filter(|slot| slot.pid().is_some());
        let addresses: Vec<SocketAddr> = running.map(|slot| slot.address).collect();
        self.balancer.set_backends(&addresses);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{Ipv4Addr, TcpListener};
    use std::process::Command;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::{self, sleep};
    use std::time::{Duration, Instant};

    use fritzy_testbed::ChildProcess;

    use super::*;

    /// Takes a tenth of a second on an idle machine.
    const READY_MAX: Duration = Duration::from_secs(30);

    fn silent_process(logs: &ReapedDir) -> ChildProcess {
        let mut command = Command::new("sleep");
        ChildProcess::spawn(command.arg("60"), &logs.path().join("log")).unwrap()
    }

    /// Serves the readiness of a node: 200 while `is_ready`, otherwise 503.
    fn serve_readiness(address: SocketAddr, is_ready: Arc<AtomicBool>) {
        let listener = TcpListener::bind(address).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let lines = BufReader::new(&stream).lines().map_while(Result::ok);
                lines.take_while(|line| !line.is_empty()).count();
                let status = if is_ready.load(Ordering::SeqCst) {
                    200
                } else {
                    503
                };
                let response = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
                drop((&stream).write_all(response.as_bytes()));
            }
        });
    }

    fn wait_until_ready(nodes: &mut Nodes) {
        let started = Instant::now();
        while nodes.slots[0].status != NodeStatus::Ready {
            assert!(started.elapsed() < READY_MAX);
            nodes.poll();
            sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn restarted_node_is_not_ready_before_it_reports_so() {
        let logs = ReapedDir::new().unwrap();
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut nodes = Nodes::new(any_port).unwrap();
        nodes.slots.push(NodeSlot::new(1, logs.path()).unwrap());
        let is_ready = Arc::new(AtomicBool::new(true));
        serve_readiness(nodes.slots[0].address, is_ready.clone());
        nodes.slots[0].occupy(silent_process(&logs));
        nodes.update_backends();
        wait_until_ready(&mut nodes);

        is_ready.store(false, Ordering::SeqCst);
        nodes.running(1).unwrap().kill();
        let how = "killed".to_owned();
        assert_eq!(nodes.poll(), [NodeEvent::Ended { number: 1, how }]);
        nodes.slots[0].occupy(silent_process(&logs));
        nodes.update_backends();
        assert_eq!(nodes.poll(), []);
        assert_eq!(nodes.slots[0].status, NodeStatus::Starting);

        is_ready.store(true, Ordering::SeqCst);
        wait_until_ready(&mut nodes);
        nodes.running(1).unwrap().kill();
    }

    #[test]
    fn absent_and_stopped_nodes_are_reported() {
        let logs = ReapedDir::new().unwrap();
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut nodes = Nodes::new(any_port).unwrap();
        nodes.slots.push(NodeSlot::new(1, logs.path()).unwrap());
        let refused = |nodes: &mut Nodes, number| nodes.running(number).err().unwrap().to_string();
        assert_eq!(refused(&mut nodes, 1), "n1 is not running");
        assert_eq!(refused(&mut nodes, 2), "there is no n2");
    }
}
