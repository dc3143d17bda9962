//! Copies of the state rows: lists may be read from one that lags a little, unless the client has a token of
//! what it must see.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;

use super::ReadModel;

/// How far the database had come at some moment. Clients hold it as text, and need not understand it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsistencyToken {
    /// Tells databases apart: a position in another one says nothing.
    pub database: u32,
    /// A position in its log.
    pub position: u64,
}

impl fmt::Display for ConsistencyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:016x}", self.database, self.position)
    }
}

/// A text that is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a token that this API has handed out")]
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

/// How new the rows of a list must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consistency {
    /// As new as the limit of lag demands.
    BoundedStaleness,
    /// With everything that the token stands for.
    AtLeast(ConsistencyToken),
    /// With everything that was acknowledged.
    Strong,
}

/// The state rows and their copies.
#[async_trait]
pub trait ReadReplicas: Send + Sync {
    /// A token for everything that was acknowledged before this call; `None` where there are no copies.
    async fn token(&self) -> Option<ConsistencyToken>;

    /// State rows that are fresh enough. For lists only: nothing is decided or settled by them.
    async fn lists(&self, freshness: Consistency) -> Arc<dyn ReadModel>;
}

/// State rows without copies.
pub struct PrimaryOnly(pub Arc<dyn ReadModel>);

#[async_trait]
impl ReadReplicas for PrimaryOnly {
    async fn token(&self) -> Option<ConsistencyToken> {
        None
    }

    async fn lists(&self, _freshness: Consistency) -> Arc<dyn ReadModel> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_as_they_were_and_nothing_else_does() {
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
