//! The socket on which the owner of the nodes receives requests, and the client of it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::request::{ControlRequest, ControlResponse};

/// To send a request, one short line.
const READ_MAX: Duration = Duration::from_secs(10);

/// An event for the owner of the nodes.
pub(super) enum ClusterEvent {
    /// A request, and where its response goes.
    Request(ControlRequest, Sender<ControlResponse>),
    /// Ctrl-C, SIGTERM or SIGHUP.
    Shutdown,
}

/// Passes requests from a socket on as events, in the background.
///
/// # Errors
/// When the socket cannot be bound.
pub(super) fn listen(socket: &Path, events: Sender<ClusterEvent>) -> Result<()> {
    let listener = UnixListener::bind(socket)
        .with_context(|| format!("cannot listen on {}", socket.display()))?;
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let events = events.clone();
            // A client that disconnects early needs no response.
            thread::spawn(move || drop(serve(&stream, &events)));
        }
    });
    Ok(())
}

fn serve(mut stream: &UnixStream, events: &Sender<ClusterEvent>) -> Result<()> {
    stream.set_read_timeout(Some(READ_MAX))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let request = serde_json::from_str(&line)?;
    let (reply_to, reply) = channel();
    events.send(ClusterEvent::Request(request, reply_to))?;
    let response = serde_json::to_string(&reply.recv()?)?;
    Ok(writeln!(stream, "{response}")?)
}

/// Sends a request to the owner of the nodes, and returns its response.
///
/// # Errors
/// When the cluster has ended, or its response cannot be read.
pub(super) fn send(control: &Path, request: ControlRequest) -> Result<ControlResponse> {
    let gone = "the cluster has ended";
    let mut stream = UnixStream::connect(control).context(gone)?;
    writeln!(stream, "{}", serde_json::to_string(&request)?)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    ensure!(!line.is_empty(), gone);
    serde_json::from_str(&line).context("cannot read the response of the cluster")
}
