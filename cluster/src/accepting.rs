//! Accepting calls from other nodes. Strangers take a place for some seconds at most, and no actor.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tracing::{debug, warn};

use crate::connections::{Happening, Newcomer};
use crate::hello::Identity;
use crate::peers::other_end;

/// Callers who have not shown the cookie yet at most; others wait to be accepted. Each takes 3 s at most.
const STRANGERS_MAX: usize = 64;
/// After a call could not be accepted: no more files may be opened, or the like.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Accepts calls for ever.
pub(crate) async fn accept(
    identity: Identity,
    listener: Arc<TcpListener>,
    happenings: mpsc::Sender<Happening>,
) {
    let places = Arc::new(Semaphore::new(STRANGERS_MAX));
    let identity = Arc::new(identity);
    loop {
        let place = places.clone().acquire_owned().await;
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(failure) => {
                warn!(%failure, "a call from another node could not be accepted");
                tokio::time::sleep(AGAIN_AFTER).await;
                continue;
            }
        };
        let (identity, happenings) = (identity.clone(), happenings.clone());
        tokio::spawn(async move {
            meet(&identity, stream, &happenings).await;
            drop(place);
        });
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
