//! Why a database could not be opened, whichever store it is in.

use std::error::Error;

/// Why a database could not be opened for its events or cursors. The text names the database and
/// says what to do; it is that of [`ReadOnlyError`](crate::ReadOnlyError) or
/// [`PostgresError`](crate::PostgresError).
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct OpenError(Box<dyn Error + Send + Sync>);

impl OpenError {
    /// Keeps the error of a store.
    pub(crate) fn new(failure: impl Error + Send + Sync + 'static) -> Self {
        Self(Box::new(failure))
    }
}
