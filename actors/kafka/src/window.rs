//! The events of one shard that are in flight to Kafka; pure.

use std::collections::VecDeque;

use fritzy_domain::Position;

/// Events that were sent and are not confirmed, contiguous from `first` on.
#[derive(Debug)]
pub(super) struct Window {
    /// Distinguishes messages of this window from those of one that was dropped.
    pub(super) generation: u8,
    first: Position,
    /// The number of undelivered messages of each event.
    undelivered: VecDeque<u8>,
}

impl Window {
    pub(super) fn new(generation: u8, first: Position) -> Self {
        Self {
            generation,
            first,
            undelivered: VecDeque::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.undelivered.is_empty()
    }

    /// Adds the next event, which is sent to so many topics.
    pub(super) fn sent(&mut self, topics: u8) {
        self.undelivered.push_back(topics);
    }

    /// Notes a delivered message of the event at this position. Returns the position up to which
    /// all messages are delivered, if it has moved.
    pub(super) fn delivered(&mut self, position: Position) -> Option<Position> {
        let index = usize::try_from(position.checked_sub(self.first)?).ok()?;
        let undelivered = self.undelivered.get_mut(index)?;
        *undelivered = undelivered.saturating_sub(1);
        let before = self.first;
        while self.undelivered.front() == Some(&0) {
            self.undelivered.pop_front();
            self.first += 1;
        }
        (self.first > before).then(|| self.first - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_is_confirmed_after_all_its_and_earlier_messages() {
        let mut window = Window::new(0, 7);
        for topics in [3, 1, 2] {
            window.sent(topics);
        }
        assert_eq!(window.delivered(8), None);
        assert_eq!(window.delivered(7), None);
        assert_eq!(window.delivered(7), None);
        assert_eq!(window.delivered(7), Some(8));
        assert_eq!(window.delivered(9), None);
        assert_eq!(window.delivered(9), Some(9));
        assert!(window.is_empty());
        assert_eq!(window.delivered(9), None, "no longer in this window");
        assert_eq!(window.delivered(3), None);
    }
}
