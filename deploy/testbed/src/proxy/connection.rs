//! One connection through the proxy: two threads, one for each direction.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use super::Shared;
use super::messages::Messages;

/// A server on this machine accepts at once, or not at all.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Bytes per read: few, so that many connections cost little.
const CHUNK_BYTES: usize = 16 * 1024;

/// Both ends of a connection.
#[derive(Debug)]
pub(super) struct Connection {
    client: TcpStream,
    /// Empty until it is connected, which a stall delays.
    upstream: OnceLock<TcpStream>,
    closed: AtomicBool,
    held: AtomicBool,
    lost_bytes: AtomicBool,
}

impl Connection {
    pub(super) fn new(client: TcpStream) -> Self {
        Self {
            client,
            upstream: OnceLock::new(),
            closed: AtomicBool::new(false),
            held: AtomicBool::new(false),
            lost_bytes: AtomicBool::new(false),
        }
    }

    /// Closes both ends, but not the server's while a message for it is held.
    pub(super) fn cut(&self) {
        if self.held.load(Ordering::SeqCst) {
            shut(&self.client, Shutdown::Both);
        } else {
            self.close();
        }
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        shut(&self.client, Shutdown::Both);
        if let Some(upstream) = self.upstream.get() {
            shut(upstream, Shutdown::Both);
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) fn set_held(&self, held: bool) {
        self.held.store(held, Ordering::SeqCst);
    }

    pub(super) fn has_lost_bytes(&self) -> bool {
        self.lost_bytes.load(Ordering::SeqCst)
    }
}

/// Serves a connection until either side closes it.
pub(super) fn serve(connection: &Arc<Connection>, shared: &Arc<Shared>) {
    if connect(connection, shared).is_err() {
        return;
    }
    let answers = thread::spawn({
        let (connection, shared) = (connection.clone(), shared.clone());
        move || drop(server_to_client(&connection, &shared))
    });
    drop(client_to_server(connection, shared));
    // The server has all requests. It may still respond, and closes when it has finished.
    if let Some(upstream) = connection.upstream.get() {
        shut(upstream, Shutdown::Write);
    }
    drop(answers.join());
}

fn connect(connection: &Connection, shared: &Shared) -> io::Result<()> {
    shared.faults_for(connection).ok_or_else(closed)?;
    let address = shared.lock().upstream;
    let upstream = TcpStream::connect_timeout(&address, CONNECT_MAX)?;
    upstream.set_nodelay(true)?;
    connection.client.set_nodelay(true)?;
    connection.upstream.get_or_init(|| upstream);
    // Closed meanwhile, before the other end was known.
    if connection.is_closed() {
        connection.close();
        return Err(closed());
    }
    Ok(())
}

fn client_to_server(connection: &Connection, shared: &Shared) -> io::Result<()> {
    let mut upstream = connection.upstream.get().ok_or_else(closed)?;
    let mut messages = Messages::default();
    let mut chunk = [0; CHUNK_BYTES];
    loop {
        let length = (&connection.client).read(&mut chunk)?;
        let faults = shared.faults_for(connection).ok_or_else(closed)?;
        thread::sleep(faults.delay);
        if length == 0 {
            return upstream.write_all(messages.rest());
        }
        messages.push(&chunk[..length]);
        let mut together = Vec::new();
        while let Some(message) = messages.next_whole() {
            let Some(hold) = shared.holds(&message, connection) else {
                together.extend_from_slice(message.bytes());
                continue;
            };
            upstream.write_all(&together)?;
            together.clear();
            if !hold.wait_for_release() {
                connection.close();
                return Err(closed());
            }
            let delivered = upstream.write_all(message.bytes()).is_ok();
            connection.set_held(false);
            hold.delivered(delivered);
        }
        upstream.write_all(&together)?;
    }
}

fn server_to_client(connection: &Connection, shared: &Shared) -> io::Result<()> {
    let mut upstream = connection.upstream.get().ok_or_else(closed)?;
    let mut chunk = [0; CHUNK_BYTES];
    loop {
        let length = upstream.read(&mut chunk).unwrap_or(0);
        if length == 0 {
            // The server has closed the connection: what the client still sends has no reader.
            shut(&connection.client, Shutdown::Both);
            return Ok(());
        }
        let faults = shared.faults_for(connection).ok_or_else(closed)?;
        thread::sleep(faults.delay);
        if faults.swallowing {
            connection.lost_bytes.store(true, Ordering::SeqCst);
        } else {
            // A disconnected client needs no response. Responses are read all the same, so that the
            // server reaches the held message.
            drop((&connection.client).write_all(&chunk[..length]));
        }
    }
}

fn shut(stream: &TcpStream, how: Shutdown) {
    // It fails only on a connection that is closed already.
    drop(stream.shutdown(how));
}

fn closed() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionAborted)
}
