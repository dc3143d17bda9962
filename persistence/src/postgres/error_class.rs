//! What a failure of PostgreSQL means for what was asked: whether it certainly did not happen, and whether
//! asking again can help.

use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// What is to be done about a failed statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorClass {
    /// The connection is gone, or going: the statement may have happened, or may still happen.
    ConnectionLost,
    /// Rolled back for a reason that passes: a deadlock, a lock not had in time, a server that is full
    /// of connections, starting, or a standby.
    Transient,
    /// Rolled back because of what it said: a key that exists, a value that cannot be.
    Rejected,
    /// Rolled back because a check of ours in the statement did not hold.
    CheckFailed,
    /// Rolled back for a reason that asking again does not mend, such as a full disk.
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

/// What `failure` means.
pub(super) fn classify(failure: &sqlx::Error) -> ErrorClass {
    let sqlx::Error::Database(failure) = failure else {
        return match failure {
            // Our own mistakes in talking to the driver, found before anything is sent.
            sqlx::Error::Encode(_) | sqlx::Error::Configuration(_) => ErrorClass::Permanent,
            _ => ErrorClass::ConnectionLost,
        };
    };
    let failure = failure.downcast_ref::<PgDatabaseError>();
    // A fatal error ends the session, maybe between a commit and its answer.
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

/// Whether a connection is of no use after this failure, although it still stands.
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
