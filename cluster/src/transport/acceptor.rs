//! Accepting calls from other nodes. Strangers take a place for some seconds at most, and no actor; while many call, those that
//! were there longest make room.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, warn};

use crate::transport::connection_manager::{Happening, Newcomer};
use crate::transport::handshake::Identity;
use crate::transport::peers::other_end;

/// Callers who have not shown the cookie yet at most.
const STRANGERS_MAX: usize = 64;
/// Each has so long for itself, whoever else waits to be accepted: showing the cookie takes a node some milliseconds. So 640
/// callers a second have their turn.
const STRANGER_MIN: Duration = Duration::from_millis(100);
/// After a call could not be accepted: no more files may be opened, or the like.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Accepts calls for ever.
pub(crate) async fn accept(
    identity: Identity,
    listener: Arc<TcpListener>,
    happenings: mpsc::Sender<Happening>,
) {
    let mut strangers: VecDeque<(Instant, AbortHandle)> = VecDeque::new();
    let identity = Arc::new(identity);
    loop {
        make_room(&mut strangers).await;
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(failure) => {
                warn!(%failure, "a call from another node could not be accepted");
                sleep(AGAIN_AFTER).await;
                continue;
            }
        };
        let (identity, happenings) = (identity.clone(), happenings.clone());
        let meeting = async move { meet(&identity, stream, &happenings).await };
        strangers.push_back((Instant::now(), tokio::spawn(meeting).abort_handle()));
    }
}

/// Lets the one go that was there longest, if there are too many. A node that this happens to calls again.
async fn make_room(strangers: &mut VecDeque<(Instant, AbortHandle)>) {
    let are_many = |strangers: &mut VecDeque<(Instant, AbortHandle)>| {
        strangers.retain(|(_, meeting)| !meeting.is_finished());
        strangers.len() >= STRANGERS_MAX
    };
    if are_many(strangers)
        && let Some((since, _)) = strangers.front()
    {
        sleep_until(*since + STRANGER_MIN).await;
        if are_many(strangers)
            && let Some((_, longest)) = strangers.pop_front()
        {
            longest.abort();
        }
    }
}

async fn meet(identity: &Identity, mut stream: TcpStream, happenings: &mpsc::Sender<Happening>) {
    let from = other_end(&stream);
    if let Err(failure) = stream.set_nodelay(true) {
        return debug!(%failure, from, "a caller has left");
    }
    match identity.accept(&mut stream).await {
        Ok(met) if met.probes => {}
        Ok(met) => {
            let (called, gone) = (false, None);
            let newcomer = Newcomer {
                met,
                stream,
                called,
                gone,
            };
            let _ = happenings.send(Happening::Met(newcomer)).await;
        }
        Err(failure) => warn!(%failure, from, "a caller on the port for nodes is not let in"),
    }
}
