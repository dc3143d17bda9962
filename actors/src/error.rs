//! The two ways a request fails, and how failures of stores are reported to clients.

use fritzy_domain::{AppendError, Code, EntityId, Rejection};
use fritzy_types::{BudgetExceeded, Failure, StorageError};
use tracing::{error, warn};

/// Why a request has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShopError {
    /// The request breaks a rule; the client's fault. Nothing was written.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The system could not carry out the request; not the client's fault.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl ShopError {
    /// The error code of the API.
    pub fn code(&self) -> Code {
        match self {
            Self::Rejected(rejection) => rejection.code(),
            Self::Failed(failure) => Code::from(failure),
        }
    }

    /// The same error with its field nested under `argument`, as the client wrote it.
    pub fn inside(self, argument: &str) -> Self {
        match self {
            Self::Rejected(rejection) => Self::Rejected(rejection.inside(argument)),
            failed @ Self::Failed(_) => failed,
        }
    }
}

impl From<BudgetExceeded> for ShopError {
    fn from(exceeded: BudgetExceeded) -> Self {
        match exceeded {
            BudgetExceeded::PerResponse { bytes_max } => {
                Rejection::AnswerTooLarge { bytes_max }.into()
            }
            BudgetExceeded::Shared => Failure::Overloaded.into(),
        }
    }
}

/// Converts a failed read of a list. A list too large for its response is the client's fault,
/// everything else a failure.
pub(crate) fn list_error(error: StorageError) -> ShopError {
    match error {
        StorageError::BudgetExceeded(exceeded) => exceeded.into(),
        failure => read_failure(failure).into(),
    }
}

/// Converts a failed read. The store's reason is logged only: it can name servers and accounts.
pub(crate) fn read_failure(failure: StorageError) -> Failure {
    match failure {
        StorageError::Unavailable(reason) => {
            warn!(%reason, "the store cannot read");
            Failure::Unavailable("the database does not respond".into())
        }
        StorageError::Damaged(reason) => {
            warn!(%reason, "the store cannot be read");
            Failure::Unavailable("the database is damaged; a backup must be restored".into())
        }
        StorageError::Unreadable(reason) => {
            error!(%reason, "stored data cannot be read");
            Failure::Unavailable("stored data cannot be read by this version".into())
        }
        StorageError::BudgetExceeded(_) => Failure::Overloaded,
    }
}

/// The rejection of a command whose external reference another entity has.
pub(crate) fn already_taken(holder: EntityId) -> Rejection {
    Rejection::AlreadyTaken {
        field: "externalReference".into(),
        holder,
    }
}

/// Converts a failed append. The store's reason is left out: it can name servers and accounts, and
/// the committer has logged it.
pub(crate) fn append_failure(failure: &AppendError) -> Failure {
    match failure {
        AppendError::Overloaded => Failure::Overloaded,
        AppendError::Expired => Failure::DeadlineExceeded,
        // Reported as a rejection, where the argument is known.
        AppendError::ReferenceTaken { .. } | AppendError::Conflict => {
            Failure::Unavailable(failure.to_string())
        }
        AppendError::Fenced(_) => Failure::NotOwner,
        AppendError::Unavailable {
            certainly_not_written: true,
            ..
        } => Failure::Unavailable("the database cannot write".into()),
        AppendError::Unavailable {
            certainly_not_written: false,
            ..
        } => Failure::OutcomeUnknown("the database does not respond".into()),
    }
}
