//! Delivery reports: what became of each message, as the producer reports it.

use fritzy_domain::Position;
use fritzy_types::ShardId;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use tokio::sync::mpsc::UnboundedSender;

use crate::client::ClientErrors;

/// Receives delivery reports on the producer's own thread, and forwards them to the bridge.
pub(super) struct DeliveryContext {
    /// Bounded by the messages in flight.
    pub(super) sender: UnboundedSender<Delivery>,
    pub(super) errors: ClientErrors,
}

/// What became of one message.
pub(super) struct Delivery {
    pub(super) token: DeliveryToken,
    pub(super) error: Option<RDKafkaErrorCode>,
}

/// Identifies a message in one machine word: 16 bits of shard, 8 of generation, 40 of position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DeliveryToken {
    pub(super) shard: ShardId,
    pub(super) generation: u8,
    pub(super) position: Position,
}

/// Bits of the position: enough for a trillion events in a shard.
const POSITION_BITS: u32 = 40;

impl DeliveryToken {
    /// The token of every marker. Shards are fewer.
    pub(super) const MARKER: Self = Self {
        shard: ShardId(u16::MAX),
        generation: u8::MAX,
        position: 0,
    };

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

impl ClientContext for DeliveryContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.errors.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.errors.error(error, reason);
    }
}

impl ProducerContext for DeliveryContext {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, packed: usize) {
        let error = match result {
            Ok(_) => None,
            Err((error, _)) => Some(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)),
        };
        let token = DeliveryToken::unpacked(packed);
        // An error means that the bridge is gone, and nobody needs the report.
        let _ = self.sender.send(Delivery { token, error });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delivery_token_round_trips_through_one_word() {
        for (shard, generation, position) in
            [(0, 0, 1), (u16::MAX, u8::MAX, (1 << 40) - 1), (17, 3, 42)]
        {
            let token = DeliveryToken {
                shard: ShardId(shard),
                generation,
                position,
            };
            assert_eq!(DeliveryToken::unpacked(token.packed()), token);
        }
    }
}
