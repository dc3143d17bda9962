//! Calls between two nodes by plain `ractor_cluster`: its node servers, its sessions, one message
//! for each call and one for each reply.

use std::net::SocketAddr;
use std::time::Duration;

use ractor::rpc::CallResult;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, RpcReplyPort, pg};
use ractor_cluster::{
    NetworkStream, NodeServer, NodeServerMessage, RactorClusterMessage, client_connect,
};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use super::echo_host::REPLY_LEN;
use super::shop::TIME_LIMIT;
use crate::BenchError;
use crate::load::{Outcome, Rejection};

/// The process group of the actors that reply.
const GROUP: &str = "fritzy-bench bare";
const COOKIE: &str = "measuring";
/// The time limit for the two nodes to connect.
const READY_WITHIN: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(5);

#[derive(RactorClusterMessage)]
enum BareMessage {
    #[rpc]
    Call(Vec<u8>, RpcReplyPort<Vec<u8>>),
}

/// Replies with as many bytes as the echo host.
struct ReplyActor;

impl Actor for ReplyActor {
    type Msg = BareMessage;
    type State = ();
    type Arguments = ();

    async fn pre_start(
        &self,
        _myself: ActorRef<BareMessage>,
        (): (),
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _myself: ActorRef<BareMessage>,
        BareMessage::Call(_, reply): BareMessage,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        // An error means that the caller no longer waits.
        let _ = reply.send(vec![0; REPLY_LEN]);
        Ok(())
    }
}

/// A `ractor_cluster` node, of the caller or of the callee.
pub(super) struct BareServer {
    server: ActorRef<NodeServerMessage>,
    actors: Vec<ActorCell>,
}

/// The actors on the other node.
#[derive(Clone)]
pub(super) struct RemoteActors(Vec<ActorRef<BareMessage>>);

impl BareServer {
    /// Starts the node that replies, with this number of actors.
    pub(super) async fn listen(listener: TcpListener, actors: u16) -> Result<Self, BenchError> {
        let mut cells = Vec::new();
        for _ in 0..actors {
            let (actor, _) = Actor::spawn(None, ReplyActor, ())
                .await
                .map_err(preparing)?;
            cells.push(actor.get_cell());
        }
        pg::join(GROUP.into(), cells.clone());
        let node = Self::start("callee", cells).await?;
        tokio::spawn(accept(listener, node.server.clone()));
        Ok(node)
    }

    /// Starts the node that calls; returns once it knows all actors of the other node.
    pub(super) async fn call(port: u16, actors: usize) -> Result<(Self, RemoteActors), BenchError> {
        let node = Self::start("caller", Vec::new()).await?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let connected = client_connect(&node.server, address).await;
        connected.map_err(preparing)?;
        let known = async {
            loop {
                let members = pg::get_members(&GROUP.into());
                if members.len() == actors {
                    return members.into_iter().map(ActorRef::from).collect();
                }
                sleep(POLL_INTERVAL).await;
            }
        };
        match timeout(READY_WITHIN, known).await {
            Ok(actors) => Ok((node, RemoteActors(actors))),
            Err(late) => Err(preparing(late)),
        }
    }

    async fn start(name: &str, actors: Vec<ActorCell>) -> Result<Self, BenchError> {
        let server = NodeServer::new(
            0,
            COOKIE.into(),
            name.into(),
            "localhost".into(),
            None,
            None,
        )
        .with_listen_addr([127, 0, 0, 1].into());
        let (server, _) = Actor::spawn(None, server, ()).await.map_err(preparing)?;
        Ok(Self { server, actors })
    }

    /// Closes the connection and stops the actors.
    pub(super) async fn stop(self) {
        pg::leave(GROUP.into(), self.actors.clone());
        // An error means that it has stopped already.
        let _ = self.server.stop_and_wait(None, None).await;
        for actor in self.actors {
            actor.stop(None);
        }
    }
}

impl RemoteActors {
    /// One call from caller number `number`.
    pub(super) async fn call(&self, number: usize, request: Vec<u8>) -> Outcome {
        let actor = &self.0[number % self.0.len()];
        let called = actor.call(|reply| BareMessage::Call(request, reply), Some(TIME_LIMIT));
        match called.await {
            Ok(CallResult::Success(reply)) if reply.len() == REPLY_LEN => Outcome::Accepted,
            Ok(CallResult::Success(_)) => Outcome::Rejected(Rejection::WrongResponse),
            Ok(CallResult::Timeout) => Outcome::Lost("late"),
            Ok(CallResult::SenderError) | Err(_) => Outcome::Lost("connection"),
        }
    }
}

/// Accepts connections as the listener of a node server does, but on a known port.
async fn accept(listener: TcpListener, server: ActorRef<NodeServerMessage>) {
    while let Ok((stream, peer_addr)) = listener.accept().await {
        let Ok(local_addr) = stream.local_addr() else {
            continue;
        };
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        let stream = Box::new(NetworkStream::Raw {
            peer_addr,
            local_addr,
            stream,
        });
        let is_server = true;
        let opened = NodeServerMessage::ConnectionOpened { stream, is_server };
        if server.send_message(opened).is_err() {
            return;
        }
    }
}

fn preparing(failure: impl std::fmt::Display) -> BenchError {
    BenchError::Preparing {
        what: "nodes for bare calls",
        reason: failure.to_string(),
    }
}
