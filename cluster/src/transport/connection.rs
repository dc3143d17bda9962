//! The requests and replies on the connection to one peer. They are batched into frames without a
//! timer: while one frame is being written, the next one fills.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use fritzy_types::{Deadline, NodeId, ShardId};
use ractor::ActorRef;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio::time::timeout_at;
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::protocol::envelope;
use crate::protocol::frame::{Frame, Message, Reply, Request, Trace};
use crate::protocol::gate_message::GateMessage;
use crate::routing::admission;
use crate::routing::remote::AskError;
use crate::transport::handshake::PeerInfo;

/// Requests in flight to one peer at most; further ones fail as overload. At 100 000 requests a
/// second none of them waits for longer than a twentieth of a second.
const IN_FLIGHT_MAX: usize = 4_096;
/// Messages queued for writing at most: our requests, replies to as many of theirs, and some
/// ownership updates.
const QUEUE_LEN_MAX: usize = 3 * IN_FLIGHT_MAX;
/// Messages in one frame at most, so that the first need not wait long to be read.
const FRAME_LEN_MAX: usize = 128;
/// Bytes in one frame at most, except for a single larger message.
const FRAME_BYTES_MAX: usize = 256 << 10;

/// A request is parked when no reply has arrived by then: a busy peer replies sooner, a silent one
/// does not.
const PARK_AFTER: Duration = Duration::from_millis(500);

/// The requests that wait for a reply, by their numbers.
enum PendingRequests {
    Open(HashMap<u64, oneshot::Sender<Result<Reply, AskError>>>),
    /// The peer leaves: no further request is sent.
    Draining(HashMap<u64, oneshot::Sender<Result<Reply, AskError>>>),
    /// The connection is closed.
    Closed,
}

impl PendingRequests {
    fn remove(&mut self, id: u64) -> Option<oneshot::Sender<Result<Reply, AskError>>> {
        match self {
            Self::Open(pending) | Self::Draining(pending) => pending.remove(&id),
            Self::Closed => None,
        }
    }
}

/// A connection to a peer whose session is ready.
pub(crate) struct PeerConnection {
    pub(crate) peer: NodeId,
    pub(crate) name: String,
    /// The connection's number, the same on both sides.
    pub(crate) id: u64,
    /// The version of the wire format that both nodes have agreed on.
    pub(crate) wire: u16,
    queue: mpsc::Sender<Message>,
    pending: Mutex<PendingRequests>,
    next_request: AtomicU64,
    in_flight: Semaphore,
    began: Instant,
    /// When the last frame arrived, in milliseconds since `began`.
    last_frame_ms: AtomicU64,
    /// The round-trip time of the last ping, in microseconds.
    round_trip_us: AtomicU64,
    /// The peer's dispatchers, used in turn.
    dispatchers: Vec<ActorRef<GateMessage>>,
    next_dispatcher: AtomicUsize,
    /// The peer's requests that are handled here, their replies not queued yet.
    handling: TaskTracker,
    pong_received: Notify,
    go_away_acknowledged: Notify,
    /// Whether the peer has sent a frame that cannot be decoded.
    is_broken: AtomicBool,
}

impl PeerConnection {
    /// A connection whose session is ready, and the messages to be written on it.
    pub(crate) fn new(
        peer: &PeerInfo,
        dispatchers: Vec<ActorRef<GateMessage>>,
    ) -> (Self, mpsc::Receiver<Message>) {
        let (queue, queued) = mpsc::channel(QUEUE_LEN_MAX);
        let connection = Self {
            peer: peer.node,
            name: peer.name.clone(),
            id: peer.connection,
            wire: peer.wire,
            queue,
            pending: Mutex::new(PendingRequests::Open(HashMap::new())),
            next_request: AtomicU64::new(0),
            in_flight: Semaphore::new(IN_FLIGHT_MAX),
            began: Instant::now(),
            last_frame_ms: AtomicU64::new(0),
            round_trip_us: AtomicU64::new(0),
            dispatchers,
            next_dispatcher: AtomicUsize::new(0),
            handling: TaskTracker::new(),
            pong_received: Notify::new(),
            go_away_acknowledged: Notify::new(),
            is_broken: AtomicBool::new(false),
        };
        (connection, queued)
    }

    /// Sends a request to one of the peer's shards.
    pub(crate) async fn ask(
        &self,
        shard: ShardId,
        deadline: Deadline,
        trace: Option<Trace>,
        body: Vec<u8>,
    ) -> Result<Reply, AskError> {
        let _permit = self
            .in_flight
            .try_acquire()
            .map_err(|_| AskError::Overloaded)?;
        let id = self.next_request.fetch_add(1, Ordering::Relaxed);
        let (sender, mut reply) = oneshot::channel();
        // Also when the caller gives up.
        let _cancel = CancelOnDrop {
            connection: self,
            id,
        };
        let now = Instant::now();
        let remaining = deadline.instant().saturating_duration_since(now);
        let request = Request {
            id,
            shard: shard.0,
            remaining_ms: u32::try_from(remaining.as_millis()).unwrap_or(u32::MAX),
            trace,
            body,
        };
        self.queue_request(request, sender)?;
        let park_at = deadline.instant().min(now + PARK_AFTER);
        let mut received = timeout_at(park_at.into(), &mut reply).await;
        if received.is_err() && park_at < deadline.instant() {
            // Where too many are parked it keeps its permit: a request that was sent cannot be
            // taken back.
            let _ = admission::park();
            received = timeout_at(deadline.instant().into(), &mut reply).await;
        }
        match received {
            Ok(Ok(received)) => received,
            Ok(Err(_)) => Err(AskError::ConnectionLost),
            Err(_) => Err(AskError::DeadlineExceeded),
        }
    }

    /// Under the lock of the pending requests, so that no request is queued behind a GOAWAY's
    /// acknowledgement.
    fn queue_request(
        &self,
        request: Request,
        reply: oneshot::Sender<Result<Reply, AskError>>,
    ) -> Result<(), AskError> {
        let mut pending = self.pending();
        let PendingRequests::Open(open) = &mut *pending else {
            return Err(AskError::NotSent);
        };
        let id = request.id;
        let queued = self.queue.try_send(Message::Request(request));
        queued.map_err(|failure| match failure {
            mpsc::error::TrySendError::Full(_) => AskError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => AskError::NotSent,
        })?;
        open.insert(id, reply);
        Ok(())
    }

    /// Completes one of our requests. Its caller may have given up.
    pub(crate) fn complete(&self, id: u64, reply: Reply) {
        self.end_request(id, Ok(reply));
    }

    /// Fails one of our requests at once: its reply has arrived, and cannot be decoded.
    pub(crate) fn on_unreadable_reply(&self, id: u64) {
        self.end_request(id, Err(AskError::UnreadableReply));
    }

    fn end_request(&self, id: u64, result: Result<Reply, AskError>) {
        let caller = self.pending().remove(id);
        if let Some(caller) = caller {
            let _ = caller.send(result);
        }
    }

    /// Ends the connection after a frame that cannot be decoded, because the requests and replies
    /// in it are lost. Pending requests fail at once; the connection manager closes the rest within
    /// one heartbeat.
    pub(crate) fn on_unreadable_frame(&self) {
        self.is_broken.store(true, Ordering::Relaxed);
        self.close();
    }

    /// Whether the peer has sent a frame that cannot be decoded.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }

    /// Handles one of the peer's requests in a task of its own.
    pub(crate) fn spawn_handling(&self, handling: impl Future<Output = ()> + Send + 'static) {
        self.handling.spawn(handling);
    }

    /// Queues a message, and waits for capacity. On a closed connection it is dropped.
    pub(crate) async fn send(&self, message: Message) {
        let _ = self.queue.send(message).await;
    }

    /// Queues a message if there is capacity. Returns whether there was.
    pub(crate) fn try_send(&self, message: Message) -> bool {
        self.queue.try_send(message).is_ok()
    }

    /// Asks the peer to send no more requests, and waits for its acknowledgement.
    pub(crate) async fn go_away(&self) {
        self.send(Message::GoAway).await;
        self.go_away_acknowledged.notified().await;
    }

    /// Sends no more requests to the peer, because it is leaving, and acknowledges that behind all
    /// that were sent.
    pub(crate) async fn on_go_away(&self) {
        {
            let mut pending = self.pending();
            if let PendingRequests::Open(open) = &mut *pending {
                *pending = PendingRequests::Draining(std::mem::take(open));
            }
        }
        self.send(Message::GoAwayAck).await;
    }

    pub(crate) fn on_go_away_ack(&self) {
        self.go_away_acknowledged.notify_one();
    }

    /// Returns when all frames sent before have arrived on either side: each dispatcher has had a
    /// frame of its own there and back.
    pub(crate) async fn flush(&self) {
        for _ in &self.dispatchers {
            self.ping();
            self.pong_received.notified().await;
        }
    }

    /// Waits until the replies to all requests of the peer are queued.
    pub(crate) async fn requests_handled(&self) {
        self.handling.close();
        self.handling.wait().await;
    }

    /// Notes that a frame has arrived.
    pub(crate) fn on_frame(&self) {
        self.last_frame_ms.store(self.age_ms(), Ordering::Relaxed);
    }

    /// The time since the last frame from the peer.
    pub(crate) fn silent_for(&self) -> Duration {
        let last = self.last_frame_ms.load(Ordering::Relaxed);
        Duration::from_millis(self.age_ms().saturating_sub(last))
    }

    /// Sends a ping, if there is capacity.
    pub(crate) fn ping(&self) {
        let now = self.began.elapsed().as_micros() as u64;
        self.try_send(Message::Ping(now));
    }

    /// Notes the reply to a ping that was sent at `sent`.
    pub(crate) fn on_pong(&self, sent: u64) {
        let now = self.began.elapsed().as_micros() as u64;
        self.round_trip_us
            .store(now.saturating_sub(sent), Ordering::Relaxed);
        self.pong_received.notify_one();
    }

    /// The round-trip time of the last ping; `None` before the first.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        match self.round_trip_us.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros)),
        }
    }

    /// Marks the connection as closed: the outcome of pending requests is unknown, and no further
    /// one is sent.
    pub(crate) fn close(&self) {
        *self.pending() = PendingRequests::Closed;
    }

    fn age_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    fn pending(&self) -> MutexGuard<'_, PendingRequests> {
        self.pending.lock().expect("no holder panics")
    }

    /// Writes queued messages until the connection is closed.
    pub(crate) async fn write(&self, me: NodeId, mut queued: mpsc::Receiver<Message>) {
        let mut batch = Vec::with_capacity(FRAME_LEN_MAX);
        let (from, connection) = (*me.as_uuid().as_bytes(), self.id);
        while queued.recv_many(&mut batch, FRAME_LEN_MAX).await > 0 {
            let mut rest = batch.drain(..).peekable();
            while rest.peek().is_some() {
                let mut bytes = 0;
                let mut messages = Vec::new();
                while let Some(message) = rest.next_if(|message| {
                    bytes += size(message);
                    bytes <= FRAME_BYTES_MAX || bytes == size(message)
                }) {
                    messages.push(message);
                }
                let frame = Frame {
                    from,
                    connection,
                    messages,
                };
                let frame = envelope::encode(&frame, self.wire);
                let turn = self.next_dispatcher.fetch_add(1, Ordering::Relaxed);
                if self.dispatchers[turn % self.dispatchers.len()]
                    .send_message(GateMessage::Frame(frame))
                    .is_err()
                {
                    // Logged as "disconnected".
                    debug!(peer = %self.name, "the connection is closed");
                    self.close();
                    return;
                }
            }
        }
    }
}

/// About how many bytes a message takes in a frame.
fn size(message: &Message) -> usize {
    const HEADER: usize = 64;
    HEADER
        + match message {
            Message::Request(request) => request.body.len(),
            Message::Reply {
                reply: Reply::Success(body),
                ..
            } => body.len(),
            Message::OwnershipUpdates(updates) => updates.len() * HEADER,
            Message::Reply { .. }
            | Message::GoAway
            | Message::GoAwayAck
            | Message::Ping(_)
            | Message::Pong(_)
            | Message::Rebalance => 0,
        }
}

/// Removes a pending request when its caller returns or gives up.
struct CancelOnDrop<'c> {
    connection: &'c PeerConnection,
    id: u64,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        self.connection.pending().remove(self.id);
    }
}
