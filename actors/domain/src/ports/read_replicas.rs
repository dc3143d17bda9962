//! Read replicas of the state rows. Lists may be read from one that lags a little, unless the
//! client holds a consistency token.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;

use super::ReadModel;

/// How far the database was at some time. Opaque to clients, which hold it as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsistencyToken {
    /// Identifies the database: a position in another one has no meaning.
    pub database: u32,
    /// A position in the write-ahead log of that database.
    pub position: u64,
}

impl fmt::Display for ConsistencyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:016x}", self.database, self.position)
    }
}

/// The text is not a consistency token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a consistency token of this API")]
pub struct InvalidToken;

impl FromStr for ConsistencyToken {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
        match text.split_once('-') {
            Some((database, position))
                if (database.len(), position.len()) == (8, 16)
                    && is_hex(database)
                    && is_hex(position) =>
            {
                Ok(Self {
                    database: u32::from_str_radix(database, 16).map_err(|_| InvalidToken)?,
                    position: u64::from_str_radix(position, 16).map_err(|_| InvalidToken)?,
                })
            }
            _ => Err(InvalidToken),
        }
    }
}

/// How recent the rows of a list must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consistency {
    /// Any replica whose lag is within the limit.
    BoundedStaleness,
    /// With every write that was acknowledged before the token was issued.
    AtLeast(ConsistencyToken),
    /// With every acknowledged write.
    Strong,
}

/// The primary and its read replicas.
#[async_trait]
pub trait ReadReplicas: Send + Sync {
    /// A token for every write acknowledged before this call; `None` where there are no replicas.
    async fn token(&self) -> Option<ConsistencyToken>;

    /// State rows that are recent enough. For lists only: no command is decided on them.
    async fn read_model(&self, consistency: Consistency) -> Arc<dyn ReadModel>;
}

/// A primary without replicas.
pub struct PrimaryOnly(pub Arc<dyn ReadModel>);

#[async_trait]
impl ReadReplicas for PrimaryOnly {
    async fn token(&self) -> Option<ConsistencyToken> {
        None
    }

    async fn read_model(&self, _consistency: Consistency) -> Arc<dyn ReadModel> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_round_trips_and_other_text_is_rejected() {
        let token = ConsistencyToken {
            database: 0xAB,
            position: 0x1_6B3C_9120,
        };
        assert_eq!(token.to_string(), "000000ab-000000016b3c9120");
        assert_eq!(token.to_string().parse(), Ok(token));
        let long = "000000ab-000000016b3c91201";
        for text in [
            "",
            "-",
            "000000ab",
            "000000ab-",
            long,
            "+00000ab-000000016b3c9120",
            "é",
        ] {
            assert_eq!(
                text.parse::<ConsistencyToken>(),
                Err(InvalidToken),
                "{text}"
            );
        }
    }
}
