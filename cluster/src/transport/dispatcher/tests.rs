//! Frames that are read when the connection they arrived on has ended, or is not registered yet;
//! and frames that cannot be decoded.

use std::sync::atomic::{AtomicUsize, Ordering};

use fritzy_types::{NodeId, ShardCount};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::*;
use crate::protocol::codec::{Unreadable, pack};
use crate::protocol::frame::{Frame, WIRE_MAX};
use crate::routing::remote::AskError;
use crate::routing::shard_map::ShardMap;
use crate::transport::handshake::PeerInfo;

const SHARD: ShardId = ShardId(3);
/// The version that the connection has agreed on, by which bodies are decoded; each frame names the
/// version that it has itself.
const AGREED: u16 = WIRE_MAX + 700;

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

    fn encode_request(request: &u8, _: u16) -> Vec<u8> {
        vec![*request]
    }

    fn decode_request(bytes: &[u8], _: Deadline, wire: u16) -> Result<u8, Unreadable> {
        assert_eq!(wire, AGREED);
        Ok(bytes[0])
    }

    fn encode_reply(reply: &u8, wire: u16) -> Vec<u8> {
        assert_eq!(wire, AGREED);
        vec![*reply]
    }

    fn decode_reply(bytes: &[u8], _: u16) -> Result<u8, Unreadable> {
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
            wire: AGREED,
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
        self.deliver_bytes(self.frame(connection, vec![message]));
    }

    fn frame(&self, connection: u64, messages: Vec<Message>) -> Vec<u8> {
        let frame = Frame {
            from: *self.peer.as_uuid().as_bytes(),
            connection,
            messages,
        };
        envelope::encode(&frame, WIRE_MAX)
    }

    fn deliver_bytes(&self, bytes: Vec<u8>) {
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

/// A variant that this version does not know.
const UNKNOWN: u8 = 200;

/// The outcome of what happens at once, long before the deadline of any request.
async fn within<T>(outcome: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(Duration::from_secs(1), outcome);
    outcome.await.expect("it happens at once")
}

/// Replaces the variant of a message in a frame by an unknown one.
fn make_unknown(frame: &mut [u8], message: &Message) {
    let message = pack(message);
    let mut places = frame.windows(message.len());
    let place = places.position(|bytes| bytes == message);
    frame[place.expect("it is in the frame")] = UNKNOWN;
}

#[tokio::test(start_paused = true)]
async fn unreadable_request_gets_a_reply_and_costs_no_other() {
    let here = DispatcherFixture::start().await;
    let (connection, mut queued) = here.connect(10);
    let mut frame = here.frame(10, vec![request(1), request(2), request(3)]);
    make_unknown(&mut frame, &request(2));
    here.deliver_bytes(frame);
    let mut replies = Vec::new();
    for _ in 0..3 {
        match within(queued.recv()).await {
            Some(Message::Reply { id, reply }) => replies.push((id, reply)),
            other => panic!("no reply: {other:?}"),
        }
    }
    replies.sort_by_key(|(id, _)| *id);
    assert!(matches!(replies[1].1, Reply::Unreadable(_)), "{replies:?}");
    for (readable, id) in [(0, 1), (2, 3)] {
        assert_eq!(replies[readable], (id, Reply::Success(vec![9])));
    }
    assert!(!connection.is_broken());
}

#[tokio::test(start_paused = true)]
async fn unreadable_reply_fails_its_request_at_once() {
    let here = DispatcherFixture::start().await;
    let (connection, mut queued) = here.connect(10);
    let (lost, kept) = (ask(&connection), ask(&connection));
    let ids = [
        next_request(&mut queued).await,
        next_request(&mut queued).await,
    ];
    let replies = ids.map(|id| reply(id, 7));
    let mut frame = here.frame(10, replies.into());
    make_unknown(&mut frame, &reply(ids[0], 7));
    here.deliver_bytes(frame);
    assert_eq!(
        within(lost).await.expect("no panic"),
        Err(AskError::UnreadableReply)
    );
    assert_eq!(
        within(kept).await.expect("no panic"),
        Ok(Reply::Success(vec![7]))
    );
}

#[tokio::test(start_paused = true)]
async fn unreadable_notice_is_ignored() {
    let here = DispatcherFixture::start().await;
    let (connection, mut queued) = here.connect(10);
    let mut frame = here.frame(10, vec![Message::Rebalance, Message::Ping(5)]);
    make_unknown(&mut frame, &Message::Rebalance);
    here.deliver_bytes(frame);
    assert_eq!(within(queued.recv()).await, Some(Message::Pong(5)));
    assert!(!connection.is_broken());
}

#[tokio::test(start_paused = true)]
async fn unreadable_frame_ends_only_its_connection() {
    let here = DispatcherFixture::start().await;
    let (connection, mut queued) = here.connect(10);
    let lost = ask(&connection);
    next_request(&mut queued).await;
    // Of a connection that has ended: this one is not to blame.
    let mut other = here.frame(9, vec![request(1)]);
    other.truncate(40);
    here.deliver_bytes(other);
    here.deliver(10, Message::Ping(1));
    assert_eq!(within(queued.recv()).await, Some(Message::Pong(1)));
    assert!(!connection.is_broken() && !lost.is_finished());
    // Of a version that was not negotiated.
    let mut newer = here.frame(10, vec![request(1)]);
    newer[..2].copy_from_slice(&(WIRE_MAX + 1).to_le_bytes());
    here.deliver_bytes(newer);
    assert_eq!(
        within(lost).await.expect("no panic"),
        Err(AskError::ConnectionLost)
    );
    assert!(connection.is_broken());
    let next = ask(&connection).await.expect("no panic");
    assert_eq!(next, Err(AskError::NotSent));
}
