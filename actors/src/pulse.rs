//! Whether a shard's actor comes to its messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

const ANSWERED: u8 = 0;
const ASKED: u8 = 1;
const UNRESPONSIVE: u8 = 2;

/// Whether a shard's actor answers. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pulse(Arc<AtomicU8>);

impl Pulse {
    /// The actor has come to the question.
    pub(crate) fn answer(&self) {
        self.0.store(ANSWERED, Ordering::Relaxed);
    }

    /// Begins a question. Returns `false` if one still waits.
    pub(crate) fn ask(&self) -> bool {
        let asking = self
            .0
            .compare_exchange(ANSWERED, ASKED, Ordering::Relaxed, Ordering::Relaxed);
        asking.is_ok()
    }

    /// Gives the question up. An answer that comes meanwhile counts.
    pub(crate) fn give_up(&self) {
        let _ = self
            .0
            .compare_exchange(ASKED, UNRESPONSIVE, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub(crate) fn is_unresponsive(&self) -> bool {
        self.0.load(Ordering::Relaxed) == UNRESPONSIVE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unanswered_question_is_given_up_and_a_late_answer_counts() {
        let pulse = Pulse::default();
        assert!(pulse.ask());
        assert!(!pulse.ask(), "one waits");
        assert!(!pulse.is_unresponsive());
        pulse.give_up();
        assert!(pulse.is_unresponsive());
        pulse.answer();
        assert!(!pulse.is_unresponsive() && pulse.ask());
    }
}
