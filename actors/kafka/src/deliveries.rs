//! What became of each message, as the producer tells it.

use fritzy_domain::Position;
use fritzy_types::ShardId;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use tokio::sync::mpsc::UnboundedSender;

use crate::client::Complaints;

/// Hears of deliveries on the producer's own thread.
pub(super) struct Deliveries {
    /// Bounded by what is under way.
    pub(super) tell: UnboundedSender<Delivery>,
    pub(super) complaints: Complaints,
}

/// What became of one message.
pub(super) struct Delivery {
    pub(super) message: Ticket,
    pub(super) failure: Option<RDKafkaErrorCode>,
}

/// Which message it was, in one word: 16 bits of shard, 8 of generation, 40 of position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) shard: ShardId,
    pub(super) generation: u8,
    pub(super) position: Position,
}

/// Positions are told by so many bits; a shard of a trillion events is not to be expected.
const POSITION_BITS: u32 = 40;

impl Ticket {
    pub(super) fn packed(self) -> usize {
        let position = self.position & ((1 << POSITION_BITS) - 1);
        let packed =
            u64::from(self.shard.0) << 48 | u64::from(self.generation) << POSITION_BITS | position;
        usize::try_from(packed).expect("64 bits")
    }

    fn unpacked(packed: usize) -> Self {
        let packed = packed as u64;
        Self {
            shard: ShardId((packed >> 48) as u16),
            generation: (packed >> POSITION_BITS) as u8,
            position: packed & ((1 << POSITION_BITS) - 1),
        }
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.complaints.log(level, facility, message);
    }

    fn error(&self, failure: KafkaError, reason: &str) {
        self.complaints.error(failure, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, packed: usize) {
        let failure = match result {
            Ok(_) => None,
            Err((failure, _)) => Some(
                failure
                    .rdkafka_error_code()
                    .unwrap_or(RDKafkaErrorCode::Fail),
            ),
        };
        let message = Ticket::unpacked(packed);
        // An error means that the bridge is gone: nobody minds any more.
        let _ = self.tell.send(Delivery { message, failure });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_one_word() {
        for (shard, generation, position) in
            [(0, 0, 1), (u16::MAX, u8::MAX, (1 << 40) - 1), (17, 3, 42)]
        {
            let ticket = Ticket {
                shard: ShardId(shard),
                generation,
                position,
            };
            assert_eq!(Ticket::unpacked(ticket.packed()), ticket);
        }
    }
}
