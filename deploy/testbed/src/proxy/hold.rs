//! Holding what a client has sent, and delivering it later, when the client may be long gone.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::messages::ClientMessage;

/// Writing a message to a socket on this machine.
const DELIVERY_MAX: Duration = Duration::from_secs(10);

type Condition = Box<dyn FnMut(&ClientMessage) -> bool + Send>;

/// From which message on a client's bytes are held.
pub struct HoldFrom(Condition);

impl HoldFrom {
    /// The first message for which this is so.
    pub fn when(condition: impl FnMut(&ClientMessage) -> bool + Send + 'static) -> Self {
        Self(Box::new(condition))
    }

    /// The first message that has these bytes in it. Where the traffic is not PostgreSQL's, or encrypted, a message is
    /// what was read at once.
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

    /// The message that has a statement carried out whose text holds `sql`, prepared or not. The server has seen nothing of
    /// its effect: so hold a `COMMIT` of an explicit transaction.
    #[must_use]
    pub fn execute_of(sql: &str) -> Self {
        let sql = sql.to_owned();
        Self::when(move |message| message.executes().is_some_and(|text| text.contains(&sql)))
    }

    /// The message that ends the group (`Sync`) in which such a statement was carried out, or the statement itself when it
    /// came by the simple protocol. A statement outside a transaction was carried out, and is committed by this.
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

/// A hold, seen by the test. Dropped, it releases.
#[derive(Debug)]
pub struct Hold(Arc<Cell>);

/// The same, seen by the proxy. Dropped before it held anything, it is over.
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
    /// The message has not come yet.
    Waiting,
    Held,
    Released,
    /// In the server's socket.
    Delivered,
    /// It will never be: discarded, or the server or the proxy is gone.
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
    /// Whether something is held now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        *self.0.lock() == Stage::Held
    }

    /// Waits until something is held, for at most so long; says whether it is.
    #[must_use]
    pub fn wait_held(&self, limit: Duration) -> bool {
        self.0.wait_while(limit, |stage| stage == Stage::Waiting) == Stage::Held
    }

    /// Delivers what is held, even when its client is gone, and all that the client sent after it. Says whether the
    /// system took it for the server; a hold that holds nothing yet lets everything pass, and delivers nothing.
    pub fn release(&self) -> bool {
        self.0.decide(Stage::Released);
        self.0
            .wait_while(DELIVERY_MAX, |stage| stage == Stage::Released)
            == Stage::Delivered
    }

    /// Throws away what is held, and closes its connection: the server never sees it.
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
    /// Whether this is the message. From then on something is held.
    pub(super) fn waits_for(&mut self, message: &ClientMessage) -> bool {
        let mut stage = self.cell.lock();
        if *stage != Stage::Waiting || !(self.from.0)(message) {
            return false;
        }
        *stage = Stage::Held;
        self.cell.changed.notify_all();
        true
    }

    /// Waits for the test's decision; says whether to deliver. The test's end is one.
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

    /// What the test decides, unless it is decided.
    fn decide(&self, next: Stage) {
        let mut stage = self.lock();
        match *stage {
            Stage::Held => *stage = next,
            // Nobody would answer.
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
