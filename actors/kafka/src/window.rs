//! What of one shard is under way to Kafka; pure.

use std::collections::VecDeque;

use fritzy_domain::Position;

/// Events that were sent and are not known to have arrived, in a row from `first` on.
#[derive(Debug)]
pub(super) struct Window {
    /// Tells messages of this window from those of one that was forgotten.
    pub(super) generation: u8,
    first: Position,
    /// Of each event, messages that have not arrived.
    missing: VecDeque<u8>,
}

impl Window {
    pub(super) fn new(generation: u8, first: Position) -> Self {
        Self {
            generation,
            first,
            missing: VecDeque::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.missing.is_empty()
    }

    /// Adds the next event, which goes to so many topics.
    pub(super) fn sent(&mut self, topics: u8) {
        self.missing.push_back(topics);
    }

    /// Notes a message of the event at this position that has arrived; answers up to where all have, if that has moved.
    pub(super) fn arrived(&mut self, position: Position) -> Option<Position> {
        let index = usize::try_from(position.checked_sub(self.first)?).ok()?;
        let missing = self.missing.get_mut(index)?;
        *missing = missing.saturating_sub(1);
        let before = self.first;
        while self.missing.front() == Some(&0) {
            self.missing.pop_front();
            self.first += 1;
        }
        (self.first > before).then(|| self.first - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_done_when_all_its_messages_and_all_before_it_have_arrived() {
        let mut window = Window::new(0, 7);
        for topics in [3, 1, 2] {
            window.sent(topics);
        }
        assert_eq!(window.arrived(8), None);
        assert_eq!(window.arrived(7), None);
        assert_eq!(window.arrived(7), None);
        assert_eq!(window.arrived(7), Some(8));
        assert_eq!(window.arrived(9), None);
        assert_eq!(window.arrived(9), Some(9));
        assert!(window.is_empty());
        assert_eq!(window.arrived(9), None, "not of this window any more");
        assert_eq!(window.arrived(3), None);
    }
}
