//! Frames that are read when the connection they arrived on has ended, or is not registered yet.

use std::sync::atomic::{AtomicUsize, Ordering};

use fritzy_types::{NodeId, ShardCount};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::*;
use crate::protocol::codec::Unreadable;
use crate::protocol::frame::WIRE_MAX;
use crate::routing::remote::AskError;
use crate::routing::shard_map::ShardMap;
use crate::transport::handshake::PeerInfo;

const SHARD: ShardId = ShardId(3);

/// A host that counts its requests, and replies with the request.
#[derive(Default)]
struct Counting(AtomicUsize);

impl ShardHost for Counting {
    type Request = u8;
    type Reply = u8;

    async fn ask(&self, _: ShardId, _: Deadline, request: u8) -> Result<u8, HostError<u8>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(request)
    }

    fn is_idempotent(_: &u8) -> bool {
        false
    }

    fn encode_request(request: &u8) -> Vec<u8> {
        vec![*request]
    }

    fn decode_request(bytes: &[u8], _: Deadline) -> Result<u8, Unreadable> {
        Ok(bytes[0])
    }

    fn encode_reply(reply: &u8) -> Vec<u8> {
        vec![*reply]
    }

    fn decode_reply(bytes: &[u8]) -> Result<u8, Unreadable> {
        Ok(bytes[0])
    }
}

/// A dispatcher, and a peer that sends nothing by itself.
struct DispatcherFixture {
    shared: Arc<NodeShared<Counting>>,
    dispatcher: ActorRef<GateMessage>,
    peer: NodeId,
}

impl DispatcherFixture {
    async fn start() -> Self {
        let id = |number| NodeId::from_uuid(Uuid::from_u128(number));
        let map = ShardMap::new(ShardCount::new(8).expect("in range"));
        let (notices, _) = mpsc::channel(1);
        let shared = NodeShared::new(id(1), Arc::default(), Arc::new(map), notices);
        let shared = Arc::new(shared);
        let dispatcher = Actor::spawn(None, Dispatcher(shared.clone()), ()).await;
        Self {
            shared,
            dispatcher: dispatcher.expect("starts").0,
            peer: id(2),
        }
    }

    /// Registers a connection with this number, which replaces any other. Messages written on it
    /// stay in the queue.
    fn connect(&self, connection: u64) -> (Arc<PeerConnection>, mpsc::Receiver<Message>) {
        let peer = PeerInfo {
            node: self.peer,
            name: "peer".into(),
            wire: WIRE_MAX,
            connection,
            is_probe: false,
        };
        let (connection, queued) = PeerConnection::new(&peer, Vec::new());
        let connection = Arc::new(connection);
        if let Some(previous) = self.shared.insert(connection.clone()) {
            previous.close();
        }
        (connection, queued)
    }

    /// Delivers a message of the peer on that connection.
    fn deliver(&self, connection: u64, message: Message) {
        let frame = Frame {
            from: *self.peer.as_uuid().as_bytes(),
            connection,
            messages: vec![message],
        };
        let bytes = frame.encode(WIRE_MAX);
        let sent = self.dispatcher.send_message(GateMessage::Frame(bytes));
        sent.expect("it runs");
    }

    fn done(&self) -> usize {
        self.shared.host.0.load(Ordering::SeqCst)
    }
}

fn ask(connection: &Arc<PeerConnection>) -> JoinHandle<Result<Reply, AskError>> {
    let connection = connection.clone();
    let deadline = Deadline::at(Instant::now() + Duration::from_secs(60));
    tokio::spawn(async move { connection.ask(SHARD, deadline, None, vec![7]).await })
}

/// The number of the next request in the queue.
async fn next_request(queued: &mut mpsc::Receiver<Message>) -> u64 {
    match queued.recv().await {
        Some(Message::Request(request)) => request.id,
        other => panic!("no request: {other:?}"),
    }
}

fn reply(id: u64, byte: u8) -> Message {
    let reply = Reply::Success(vec![byte]);
    Message::Reply { id, reply }
}

fn request(id: u64) -> Message {
    Message::Request(Request {
        id,
        shard: SHARD.0,
        remaining_ms: 60_000,
        trace: None,
        body: vec![9],
    })
}

#[tokio::test(start_paused = true)]
async fn i3_reply_of_an_ended_connection_matches_no_other_request() {
    let here = DispatcherFixture::start().await;
    let (previous, mut queued) = here.connect(10);
    let lost = ask(&previous);
    let id = next_request(&mut queued).await;
    let (now, mut queued) = here.connect(11);
    assert_eq!(lost.await.expect("no panic"), Err(AskError::ConnectionLost));
    let pending = ask(&now);
    assert_eq!(next_request(&mut queued).await, id, "the same number again");
    here.deliver(10, reply(id, 1));
    tokio::time::sleep(2 * CONNECTION_TIMEOUT).await;
    assert!(!pending.is_finished());
    here.deliver(11, reply(id, 2));
    let received = pending.await.expect("no panic");
    assert_eq!(received, Ok(Reply::Success(vec![2])));
}

#[tokio::test(start_paused = true)]
async fn i3_requests_of_an_ended_connection_are_not_handled() {
    let here = DispatcherFixture::start().await;
    let (_previous, _) = here.connect(10);
    let (now, mut queued) = here.connect(11);
    here.deliver(10, request(0));
    tokio::time::sleep(2 * CONNECTION_TIMEOUT).await;
    assert_eq!(here.done(), 0, "it was reported as lost");
    here.deliver(10, Message::GoAway);
    here.deliver(10, Message::GoAwayAck);
    here.deliver(10, Message::Pong(0));
    tokio::time::sleep(2 * CONNECTION_TIMEOUT).await;
    assert!(queued.try_recv().is_err(), "no reply is sent");
    assert_eq!(now.round_trip(), None);
    here.deliver(11, request(0));
    let replied = queued.recv().await.expect("it is queued");
    assert_eq!((replied, here.done()), (reply(0, 9), 1));
}

#[tokio::test(start_paused = true)]
async fn early_frame_is_dispatched_once_its_connection_registers() {
    let here = DispatcherFixture::start().await;
    here.deliver(10, request(0));
    let (_previous, mut queued) = here.connect(9);
    tokio::time::sleep(CONNECTION_TIMEOUT / 2).await;
    assert!(queued.try_recv().is_err(), "not on another connection");
    let (_connection, mut queued) = here.connect(10);
    let replied = queued.recv().await.expect("it is queued");
    assert_eq!((replied, here.done()), (reply(0, 9), 1));
}
