//! What a caller says about a request, and the two ways it can end without a result.

use fritzy_domain::{Code, CommandId, Fingerprint, Rejection, Version};
use fritzy_types::{BudgetExceeded, Deadline, Failure};
use serde::{Deserialize, Serialize};

/// One request to change something.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Its id: derived from the idempotency key, or random.
    pub command: CommandId,
    /// What the client sent, if it gave a key.
    pub fingerprint: Option<Fingerprint>,
    /// When the client stops waiting. Between nodes only what remains of it travels.
    #[serde(skip, default = "crate::wire::now")]
    pub deadline: Deadline,
}

/// What a command goes to: its id as the client wrote it, and perhaps the version the client has seen.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The id.
    pub id: &'a str,
    /// At any other version the command is refused.
    pub expected_version: Option<Version>,
}

impl<'a> From<&'a str> for Target<'a> {
    fn from(id: &'a str) -> Self {
        Self {
            id,
            expected_version: None,
        }
    }
}

impl<'a> From<&'a String> for Target<'a> {
    fn from(id: &'a String) -> Self {
        id.as_str().into()
    }
}

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShopError {
    /// The caller asked for what cannot be. Nothing was written.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The world failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl ShopError {
    /// The code clients see.
    pub fn code(&self) -> Code {
        match self {
            Self::Rejected(rejection) => rejection.code(),
            Self::Failed(failure) => Code::from(failure),
        }
    }

    /// The same error with the argument's name seen from outside.
    pub fn inside(self, argument: &str) -> Self {
        match self {
            Self::Rejected(rejection) => Self::Rejected(rejection.inside(argument)),
            failed @ Self::Failed(_) => failed,
        }
    }
}

impl From<BudgetExceeded> for ShopError {
    fn from(no_room: BudgetExceeded) -> Self {
        match no_room {
            BudgetExceeded::PerResponse { bytes_max } => {
                Rejection::AnswerTooLarge { bytes_max }.into()
            }
            BudgetExceeded::Shared => Failure::Overloaded.into(),
        }
    }
}
