//! The way to one peer: what is asked and answered gathers, and goes in frames. No timer: while one frame is written,
//! the next one fills.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use fritzy_types::{Deadline, NodeId, ShardId};
use ractor::ActorRef;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio::time::timeout_at;
use tracing::warn;

use crate::protocol::frame::{Ask, Entry, Frame, Reply, Trace};
use crate::routing::admission;
use crate::transport::dispatcher::GateMessage;
use crate::transport::handshake::Met;

/// Asks under way to one peer at most; one more is refused as overload. At 100 000 asks a second nobody among them waits
/// for longer than a twentieth of a second.
const IN_FLIGHT_MAX: usize = 4_096;
/// What waits to be written at most: our asks, answers to as many of theirs, and some news.
const QUEUE_LEN_MAX: usize = 3 * IN_FLIGHT_MAX;
/// Entries in one frame at most, so that the first need not wait long to be read.
const FRAME_LEN_MAX: usize = 128;
/// Bytes in one frame at most, but for a single larger entry.
const FRAME_BYTES_MAX: usize = 256 << 10;

/// Whoever asked stands aside when no answer came by then: a busy peer answers sooner, one that is silent does not.
const SOON: Duration = Duration::from_millis(500);

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskError {
    /// It was not sent: nothing was done.
    NotSent,
    /// Too much is under way: nothing was done.
    Overloaded,
    /// It may have been done or not.
    Lost,
    /// The deadline passed first.
    Late,
}

type All = HashMap<u64, oneshot::Sender<Reply>>;

/// Whoever waits for an answer, by the ask's number.
enum Waiting {
    Open(All),
    /// The peer leaves: nothing more is asked.
    Leaving(All),
    /// The connection is down.
    Down,
}

impl Waiting {
    fn remove(&mut self, id: u64) -> Option<oneshot::Sender<Reply>> {
        match self {
            Self::Open(all) | Self::Leaving(all) => all.remove(&id),
            Self::Down => None,
        }
    }
}

/// The way to one peer, as long as one connection lasts.
pub(crate) struct Link {
    pub(crate) peer: NodeId,
    /// The peer's name.
    pub(crate) name: String,
    /// The connection's number.
    pub(crate) connection: u64,
    queue: mpsc::Sender<Entry>,
    waiting: Mutex<Waiting>,
    next: AtomicU64,
    in_flight: Semaphore,
    began: Instant,
    /// When the peer was last heard, in milliseconds since `began`.
    heard_ms: AtomicU64,
    /// The last ping's way there and back, in microseconds.
    round_trip_us: AtomicU64,
    pub(crate) gates: Vec<ActorRef<GateMessage>>,
    turn: AtomicUsize,
    /// The peer's asks that are being done here, their answers not queued yet.
    pub(crate) serving: AtomicUsize,
    /// Told when a ping is answered.
    pub(crate) ponged: Notify,
    /// Told when the peer has heard that this node leaves.
    pub(crate) farewell_heard: Notify,
}

impl Link {
    /// A link over a connection that is ready, and what is to be written on it.
    pub(crate) fn new(
        met: &Met,
        gates: Vec<ActorRef<GateMessage>>,
    ) -> (Self, mpsc::Receiver<Entry>) {
        let (queue, queued) = mpsc::channel(QUEUE_LEN_MAX);
        let link = Self {
            peer: met.node,
            name: met.name.clone(),
            connection: met.connection,
            queue,
            waiting: Mutex::new(Waiting::Open(HashMap::new())),
            next: AtomicU64::new(0),
            in_flight: Semaphore::new(IN_FLIGHT_MAX),
            began: Instant::now(),
            heard_ms: AtomicU64::new(0),
            round_trip_us: AtomicU64::new(0),
            gates,
            turn: AtomicUsize::new(0),
            serving: AtomicUsize::new(0),
            ponged: Notify::new(),
            farewell_heard: Notify::new(),
        };
        (link, queued)
    }

    /// Asks one of the peer's shards.
    pub(crate) async fn ask(
        &self,
        shard: ShardId,
        deadline: Deadline,
        trace: Option<Trace>,
        body: Vec<u8>,
    ) -> Result<Reply, AskError> {
        let _place = self
            .in_flight
            .try_acquire()
            .map_err(|_| AskError::Overloaded)?;
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, mut answered) = oneshot::channel();
        // Also when whoever asks gives up.
        let _forgotten = Forgotten { link: self, id };
        let now = Instant::now();
        let remaining = deadline.moment().saturating_duration_since(now);
        let ask = Ask {
            id,
            shard: shard.0,
            remaining_ms: u32::try_from(remaining.as_millis()).unwrap_or(u32::MAX),
            trace,
            body,
        };
        self.queue_ask(id, ask, answer)?;
        let soon = deadline.moment().min(now + SOON);
        let mut heard = timeout_at(soon.into(), &mut answered).await;
        if heard.is_err() && soon < deadline.moment() {
            // Where so many stand already it keeps its place: what is sent cannot be taken back.
            let _ = admission::stand();
            heard = timeout_at(deadline.moment().into(), &mut answered).await;
        }
        match heard {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(AskError::Lost),
            Err(_) => Err(AskError::Late),
        }
    }

    /// Under the lock of those who wait, so that nothing is queued behind the word that nothing more is asked.
    fn queue_ask(&self, id: u64, ask: Ask, answer: oneshot::Sender<Reply>) -> Result<(), AskError> {
        let mut waiting = self.waiting();
        let Waiting::Open(all) = &mut *waiting else {
            return Err(AskError::NotSent);
        };
        let queued = self.queue.try_send(Entry::Ask(ask));
        queued.map_err(|failure| match failure {
            mpsc::error::TrySendError::Full(_) => AskError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => AskError::NotSent,
        })?;
        all.insert(id, answer);
        Ok(())
    }

    /// Asks the peer nothing more, for it is leaving, and says so behind all that was asked.
    pub(crate) async fn hear_farewell(&self) {
        {
            let mut waiting = self.waiting();
            if let Waiting::Open(all) = &mut *waiting {
                *waiting = Waiting::Leaving(std::mem::take(all));
            }
        }
        self.send(Entry::FarewellHeard).await;
    }

    /// Puts an answer, or news, among what is to be written. Waits for room; without a connection nobody waits for it.
    pub(crate) async fn send(&self, entry: Entry) {
        let _ = self.queue.send(entry).await;
    }

    /// The same, unless there is no room: whether there was.
    pub(crate) fn try_send(&self, entry: Entry) -> bool {
        self.queue.try_send(entry).is_ok()
    }

    /// Takes the answer to one of our asks. Nobody may wait for it any more.
    pub(crate) fn answered(&self, id: u64, answer: Reply) {
        let waiting = self.waiting().remove(id);
        if let Some(waiting) = waiting {
            let _ = waiting.send(answer);
        }
    }

    /// Notes that the peer lives.
    pub(crate) fn heard(&self) {
        self.heard_ms.store(self.age_ms(), Ordering::Relaxed);
    }

    /// For how long nothing was heard of the peer.
    pub(crate) fn silent_for(&self) -> Duration {
        let heard = self.heard_ms.load(Ordering::Relaxed);
        Duration::from_millis(self.age_ms().saturating_sub(heard))
    }

    /// Asks the peer whether it lives.
    pub(crate) fn ping(&self) {
        let now = self.began.elapsed().as_micros() as u64;
        self.try_send(Entry::Ping(now));
    }

    /// Notes the answer to a ping.
    pub(crate) fn pong(&self, sent: u64) {
        let now = self.began.elapsed().as_micros() as u64;
        self.round_trip_us
            .store(now.saturating_sub(sent), Ordering::Relaxed);
        self.ponged.notify_one();
    }

    /// The last ping's way there and back; `None` before the first.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        match self.round_trip_us.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros)),
        }
    }

    /// Notes that the connection is down: what was asked may have been done, and is not any more from now on.
    pub(crate) fn down(&self) {
        *self.waiting() = Waiting::Down;
    }

    fn age_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("nobody panics with it")
    }

    /// Writes what is queued, until the connection is down.
    pub(crate) async fn write(&self, me: NodeId, wire: u16, mut queued: mpsc::Receiver<Entry>) {
        let mut gathered = Vec::with_capacity(FRAME_LEN_MAX);
        let (from, connection) = (*me.as_uuid().as_bytes(), self.connection);
        while queued.recv_many(&mut gathered, FRAME_LEN_MAX).await > 0 {
            let mut rest = gathered.drain(..).peekable();
            while rest.peek().is_some() {
                let mut bytes = 0;
                let mut entries = Vec::new();
                while let Some(entry) = rest.next_if(|entry| {
                    bytes += size(entry);
                    bytes <= FRAME_BYTES_MAX || bytes == size(entry)
                }) {
                    entries.push(entry);
                }
                let frame = Frame {
                    from,
                    connection,
                    entries,
                };
                let frame = frame.encode(wire);
                let gate = self.turn.fetch_add(1, Ordering::Relaxed) % self.gates.len();
                if self.gates[gate]
                    .send_message(GateMessage::Frame(frame))
                    .is_err()
                {
                    warn!(peer = %self.name, "the connection is gone");
                    self.down();
                    return;
                }
            }
        }
    }
}

/// About how many bytes an entry takes in a frame.
fn size(entry: &Entry) -> usize {
    const HEAD: usize = 64;
    HEAD + match entry {
        Entry::Ask(ask) => ask.body.len(),
        Entry::Reply {
            answer: Reply::Reply(body),
            ..
        } => body.len(),
        Entry::News(news) => news.len() * HEAD,
        Entry::Reply { .. }
        | Entry::Farewell
        | Entry::FarewellHeard
        | Entry::Ping(_)
        | Entry::Pong(_)
        | Entry::Rebalance => 0,
    }
}

struct Forgotten<'l> {
    link: &'l Link,
    id: u64,
}

impl Drop for Forgotten<'_> {
    fn drop(&mut self) {
        self.link.waiting().remove(self.id);
    }
}
