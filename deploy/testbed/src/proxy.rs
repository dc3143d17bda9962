//! A TCP proxy that breaks connections between clients and a server.

mod connection;
mod hold;
mod messages;
mod statements;

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub use hold::{Hold, HoldFrom};
pub use messages::ClientMessage;

use connection::Connection;
use hold::Armed;

/// Two threads each. A test that needs more has a leak.
const CONNECTIONS_MAX: usize = 1_024;

/// A TCP proxy on a free loopback port, whose faults change while it runs. They apply to all of its
/// connections.
///
/// It closes its connections when it is dropped.
#[derive(Debug)]
pub struct ChaosProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

/// What the threads of a proxy share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Notified when a fault or a connection ends.
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    upstream: SocketAddr,
    faults: Faults,
    connections: HashMap<u64, Arc<Connection>>,
    accepted: u64,
    holds: Vec<Armed>,
    ended: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Faults {
    cut: bool,
    stalled: bool,
    swallowing: bool,
    delay: Duration,
}

impl ChaosProxy {
    /// Starts a proxy in front of an address.
    ///
    /// # Errors
    /// When no port is free.
    pub fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                upstream,
                faults: Faults::default(),
                connections: HashMap::new(),
                accepted: 0,
                holds: Vec::new(),
                ended: false,
            }),
            changed: Condvar::new(),
        });
        let accepting = thread::spawn({
            let shared = shared.clone();
            move || accept(&listener, &shared)
        });
        Ok(Self {
            address,
            shared,
            accepting: Some(accepting),
        })
    }

    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes every connection, and every new one as soon as it is accepted. What a [`Hold`] holds
    /// is not lost: only its client is disconnected.
    pub fn cut(&self) {
        let mut state = self.shared.lock();
        state.faults.cut = true;
        for connection in state.connections.values() {
            connection.cut();
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Ends all faults. Connections that have lost responses are closed, because their clients
    /// would misinterpret the next ones. Held messages stay held.
    pub fn heal(&self) {
        let mut state = self.shared.lock();
        state.faults = Faults::default();
        for connection in state
            .connections
            .values()
            .filter(|one| one.has_lost_bytes())
        {
            connection.cut();
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Accepts and forwards nothing, in either direction. What is sent meanwhile arrives after
    /// [`Self::heal`].
    pub fn stall(&self) {
        self.shared.lock().faults.stalled = true;
    }

    /// Discards what the server sends: it executes requests, and the responses are lost.
    pub fn drop_server_bytes(&self) {
        self.shared.lock().faults.swallowing = true;
    }

    /// Delays each chunk of bytes, in each direction.
    pub fn delay(&self, each_way: Duration) {
        self.shared.lock().faults.delay = each_way;
    }

    /// Sends new connections to another address. Existing ones stay, until [`Self::cut`].
    pub fn set_upstream(&self, upstream: SocketAddr) {
        self.shared.lock().upstream = upstream;
    }

    /// Holds the first message that matches `from`, and everything that the same client sends after
    /// it, until it is released. Responses of the server pass. A hold applies once, to one
    /// connection.
    pub fn hold_client_bytes(&self, from: HoldFrom) -> Hold {
        let (armed, hold) = hold::arm(from);
        self.shared.lock().holds.push(armed);
        hold
    }

    /// How many connections are open on either side.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.lock().connections.len()
    }
}

impl Drop for ChaosProxy {
    fn drop(&mut self) {
        {
            let mut state = self.shared.lock();
            state.ended = true;
            for connection in state.connections.values() {
                connection.close();
            }
            state.holds.clear();
        }
        self.shared.changed.notify_all();
        // Wakes the accepting thread. If this fails, the listener and the thread are gone already.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
    }
}

impl Shared {
    /// A panic under this lock leaves nothing half done: flags are replaced, entries inserted and
    /// removed as a whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a client. `None` while connections are cut, or there are too many.
    fn admit(&self, client: TcpStream) -> Option<(u64, Arc<Connection>)> {
        let mut state = self.lock();
        if state.faults.cut || state.ended || state.connections.len() >= CONNECTIONS_MAX {
            return None;
        }
        state.accepted += 1;
        let id = state.accepted;
        let connection = Arc::new(Connection::new(client));
        state.connections.insert(id, connection.clone());
        Some((id, connection))
    }

    fn forget(&self, id: u64) {
        let connection = self.lock().connections.remove(&id);
        if let Some(connection) = connection {
            connection.close();
        }
    }

    /// Waits for the end of a stall, and returns the faults then in force; `None` when the
    /// connection is closed.
    fn faults_for(&self, connection: &Connection) -> Option<Faults> {
        let mut state = self.lock();
        while state.faults.stalled && !connection.is_closed() {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        (!connection.is_closed()).then_some(state.faults)
    }

    /// The hold that matches this message, if any.
    fn holds(&self, message: &ClientMessage, connection: &Connection) -> Option<Armed> {
        let mut state = self.lock();
        let at = state
            .holds
            .iter_mut()
            .position(|armed| armed.waits_for(message))?;
        connection.set_held(true);
        Some(state.holds.swap_remove(at))
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.lock().ended {
            return;
        }
        // A client that has disconnected, or is not admitted, is closed by being dropped.
        if let Some((id, connection)) = client.ok().and_then(|client| shared.admit(client)) {
            let shared = shared.clone();
            thread::spawn(move || {
                connection::serve(&connection, &shared);
                shared.forget(id);
            });
        }
    }
}
