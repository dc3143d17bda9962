//! Why a connection was not opened.

use sqlx::error::DatabaseError;

use super::error::PostgresError;

/// The error about a pooler that has lost this setting of a session.
pub(super) fn shared(server: String, setting: &str) -> PostgresError {
    let reason = format!("the setting {setting} of a connection is lost while it is open");
    PostgresError::SharedSessions { server, reason }
}

/// The error of a connection that was not opened. A server that states a reason keeps to it,
/// unless it is starting, stopping or has no connections left.
pub(super) fn connect_error(server: String, failure: &sqlx::Error) -> PostgresError {
    let reason = failure.to_string();
    let code = failure.as_database_error().and_then(DatabaseError::code);
    let transient = ["57P", "53"];
    // A prepared statement that another connection has made, or lost: sessions are shared.
    let shared = ["42P05", "26000"];
    match code {
        Some(code) if shared.contains(&&*code) => PostgresError::SharedSessions { server, reason },
        Some(code) if !transient.iter().any(|prefix| code.starts_with(prefix)) => {
            PostgresError::Refused { server, reason }
        }
        _ => PostgresError::Unreachable { server, reason },
    }
}
