//! Classifies PostgreSQL's errors: whether the statement certainly had no effect, and whether a
//! retry can help.

use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// What an error says about the failed statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorClass {
    /// The connection is lost: the statement may have taken effect, or may still take effect.
    ConnectionLost,
    /// Rolled back for a transient reason: a deadlock, a lock timeout, a server that has no
    /// connections left, is starting, or is a standby.
    Transient,
    /// Rolled back because of its values: a key that exists, or a value that cannot be stored.
    Rejected,
    /// Rolled back because a check in the statement did not hold.
    CheckFailed,
    /// Rolled back for a reason that a retry does not remove, such as a full disk.
    Permanent,
}

/// SQLSTATE of the check in a batch's statement: a division by zero.
const CHECK_FAILED: &str = "22012";

/// Classes (two characters) and codes of [`ErrorClass::Transient`].
const TRANSIENT: [&str; 7] = [
    "40",    // serialization failure, deadlock
    "55P03", // lock_timeout
    "57014", // statement_timeout
    "53300", // too many connections
    "25006", // read-only: a standby that was a primary, or is not one yet
    "26000", // a prepared statement that a pooler has lost
    "0A000", // a cached plan that a migration has made stale
];

/// The class of an error.
pub(super) fn classify(failure: &sqlx::Error) -> ErrorClass {
    let sqlx::Error::Database(failure) = failure else {
        return match failure {
            // Mistakes in the use of the driver, found before anything is sent.
            sqlx::Error::Encode(_) | sqlx::Error::Configuration(_) => ErrorClass::Permanent,
            _ => ErrorClass::ConnectionLost,
        };
    };
    let failure = failure.downcast_ref::<PgDatabaseError>();
    // A fatal error ends the session, possibly between a commit and its result.
    if matches!(failure.severity(), PgSeverity::Fatal | PgSeverity::Panic) {
        return ErrorClass::ConnectionLost;
    }
    class_of_code(failure.code())
}

fn class_of_code(code: &str) -> ErrorClass {
    if code == CHECK_FAILED {
        ErrorClass::CheckFailed
    } else if TRANSIENT.iter().any(|prefix| code.starts_with(prefix)) {
        ErrorClass::Transient
    } else if code.starts_with("22") || code.starts_with("23") {
        ErrorClass::Rejected
    } else {
        ErrorClass::Permanent
    }
}

/// Whether a connection that is still open cannot be used after this error.
pub(super) fn requires_reconnect(failure: &sqlx::Error) -> bool {
    let sqlx::Error::Database(failure) = failure else {
        return true;
    };
    let code = failure.code().unwrap_or_default();
    ["25006", "26000", "0A000"].contains(&code.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstate_is_mapped_to_its_error_class() {
        for (code, class) in [
            ("40001", ErrorClass::Transient),
            ("40P01", ErrorClass::Transient),
            ("55P03", ErrorClass::Transient),
            ("53300", ErrorClass::Transient),
            ("23505", ErrorClass::Rejected),
            ("22021", ErrorClass::Rejected),
            ("22012", ErrorClass::CheckFailed),
            ("53100", ErrorClass::Permanent),
            ("58030", ErrorClass::Permanent),
            ("42P01", ErrorClass::Permanent),
        ] {
            assert_eq!(class_of_code(code), class, "{code}");
        }
    }

    #[test]
    fn error_without_sqlstate_leaves_the_outcome_open() {
        let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert_eq!(
            classify(&sqlx::Error::Io(broken)),
            ErrorClass::ConnectionLost
        );
        assert_eq!(
            classify(&sqlx::Error::PoolTimedOut),
            ErrorClass::ConnectionLost
        );
    }
}
