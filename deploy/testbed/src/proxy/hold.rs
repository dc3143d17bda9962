//! Holds a client's message, and delivers it later, possibly after the client has disconnected.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::messages::ClientMessage;

/// Writing a message to a socket on this machine.
const DELIVERY_MAX: Duration = Duration::from_secs(10);

type Condition = Box<dyn FnMut(&ClientMessage) -> bool + Send>;

/// Selects the message from which a client's bytes are held.
pub struct HoldFrom(Condition);

impl HoldFrom {
    /// The first message for which the condition is true.
    pub fn when(condition: impl FnMut(&ClientMessage) -> bool + Send + 'static) -> Self {
        Self(Box::new(condition))
    }

    /// The first message that contains these bytes. In traffic that is not PostgreSQL's, or is
    /// encrypted, a message is what was read at once.
    #[must_use]
    pub fn bytes(pattern: impl Into<Vec<u8>>) -> Self {
        let pattern = pattern.into();
        assert!(!pattern.is_empty(), "an empty pattern is in every message");
        Self::when(move |message| {
            message
                .bytes()
                .windows(pattern.len())
                .any(|bytes| bytes == pattern)
        })
    }

    /// The message that executes a statement whose text contains `sql`, prepared or not. The server
    /// has not seen it: use this to hold the `COMMIT` of an explicit transaction.
    #[must_use]
    pub fn execute_of(sql: &str) -> Self {
        let sql = sql.to_owned();
        Self::when(move |message| message.executes().is_some_and(|text| text.contains(&sql)))
    }

    /// The `Sync` that ends a group in which such a statement was executed, or the statement itself
    /// in the simple protocol. A statement outside a transaction was executed, and this message
    /// commits it.
    #[must_use]
    pub fn sync_of(sql: &str) -> Self {
        let sql = sql.to_owned();
        Self::when(move |message| {
            message
                .ends_group_with()
                .iter()
                .any(|text| text.contains(&sql))
        })
    }
}

impl fmt::Debug for HoldFrom {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HoldFrom")
    }
}

/// A hold, as the test controls it. Dropping it releases the message.
#[derive(Debug)]
pub struct Hold(Arc<Cell>);

/// A hold, as the proxy sees it. Dropped before it held anything, it is over.
#[derive(Debug)]
pub(super) struct Armed {
    from: HoldFrom,
    cell: Arc<Cell>,
}

#[derive(Debug)]
struct Cell {
    stage: Mutex<Stage>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The message has not arrived yet.
    Waiting,
    Held,
    Released,
    /// Written to the server's socket.
    Delivered,
    /// It will never be delivered: discarded, or the server or the proxy is gone.
    Lost,
}

pub(super) fn arm(from: HoldFrom) -> (Armed, Hold) {
    let cell = Arc::new(Cell {
        stage: Mutex::new(Stage::Waiting),
        changed: Condvar::new(),
    });
    let hold = Hold(cell.clone());
    (Armed { from, cell }, hold)
}

impl Hold {
    /// Whether a message is held now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        *self.0.lock() == Stage::Held
    }

    /// Waits until a message is held, for at most `limit`. Returns whether one is.
    #[must_use]
    pub fn wait_held(&self, limit: Duration) -> bool {
        self.0.wait_while(limit, |stage| stage == Stage::Waiting) == Stage::Held
    }

    /// Delivers the held message, even when its client is gone, and everything that the client sent
    /// after it. Returns whether it was written to the server. A hold without a message lets
    /// everything pass, and returns false.
    pub fn release(&self) -> bool {
        self.0.decide(Stage::Released);
        self.0
            .wait_while(DELIVERY_MAX, |stage| stage == Stage::Released)
            == Stage::Delivered
    }

    /// Discards the held message, and closes its connection: the server never sees it.
    pub fn discard(&self) {
        self.0.decide(Stage::Lost);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.decide(Stage::Released);
    }
}

impl Armed {
    /// Whether this is the message, which is held from now on.
    pub(super) fn waits_for(&mut self, message: &ClientMessage) -> bool {
        let mut stage = self.cell.lock();
        if *stage != Stage::Waiting || !(self.from.0)(message) {
            return false;
        }
        *stage = Stage::Held;
        self.cell.changed.notify_all();
        true
    }

    /// Waits for the test's decision. Returns whether to deliver; the end of the test delivers.
    pub(super) fn wait_for_release(&self) -> bool {
        let mut stage = self.cell.lock();
        while *stage == Stage::Held {
            stage = self
                .cell
                .changed
                .wait(stage)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *stage == Stage::Released
    }

    pub(super) fn delivered(self, whole: bool) {
        self.cell
            .set(if whole { Stage::Delivered } else { Stage::Lost });
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        let mut stage = self.cell.lock();
        if *stage != Stage::Delivered {
            *stage = Stage::Lost;
        }
        self.cell.changed.notify_all();
    }
}

impl Cell {
    /// A panic under this lock leaves nothing half done: the stage is one word.
    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, next: Stage) {
        *self.lock() = next;
        self.changed.notify_all();
    }

    /// Applies the test's decision, unless there was one.
    fn decide(&self, next: Stage) {
        let mut stage = self.lock();
        match *stage {
            Stage::Held => *stage = next,
            // There is nothing to decide about.
            Stage::Waiting => *stage = Stage::Lost,
            Stage::Released | Stage::Delivered | Stage::Lost => {}
        }
        self.changed.notify_all();
    }

    fn wait_while(&self, limit: Duration, is_so: impl Fn(Stage) -> bool) -> Stage {
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), limit, |stage| is_so(*stage));
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
