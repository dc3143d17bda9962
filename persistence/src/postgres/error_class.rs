//! What a failure of PostgreSQL means for what was asked: whether it certainly did not happen, and whether
//! asking again can help.

use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// What is to be done about a failed statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The connection is gone, or going: the statement may have happened, or may still happen.
    Lost,
    /// Rolled back for a reason that passes: a deadlock, a lock not had in time, a server that is full
    /// of connections, starting, or a standby.
    Passing,
    /// Rolled back because of what it said: a key that exists, a value that cannot be.
    Refused,
    /// Rolled back because a check of ours in the statement did not hold.
    CheckFailed,
    /// Rolled back for a reason that asking again does not mend, such as a full disk.
    Failed,
}

/// SQLSTATE of the check in a batch's statement: a division by zero.
const CHECK_FAILED: &str = "22012";

/// Classes (two characters) and codes of [`Fault::Passing`].
const PASSING: [&str; 7] = [
    "40",    // serialization failure, deadlock
    "55P03", // lock_timeout
    "57014", // statement_timeout
    "53300", // too many connections
    "25006", // read-only: a standby that was a primary, or is not one yet
    "26000", // a prepared statement that a pooler has lost
    "0A000", // a cached plan that a migration has made stale
];

/// What `failure` means.
pub(super) fn fault(failure: &sqlx::Error) -> Fault {
    let sqlx::Error::Database(failure) = failure else {
        return match failure {
            // Our own mistakes in talking to the driver, found before anything is sent.
            sqlx::Error::Encode(_) | sqlx::Error::Configuration(_) => Fault::Failed,
            _ => Fault::Lost,
        };
    };
    let failure = failure.downcast_ref::<PgDatabaseError>();
    // A fatal error ends the session, maybe between a commit and its answer.
    if matches!(failure.severity(), PgSeverity::Fatal | PgSeverity::Panic) {
        return Fault::Lost;
    }
    by_code(failure.code())
}

fn by_code(code: &str) -> Fault {
    if code == CHECK_FAILED {
        Fault::CheckFailed
    } else if PASSING.iter().any(|passing| code.starts_with(passing)) {
        Fault::Passing
    } else if code.starts_with("22") || code.starts_with("23") {
        Fault::Refused
    } else {
        Fault::Failed
    }
}

/// Whether a connection is of no use after this failure, although it still stands.
pub(super) fn spoils_connection(failure: &sqlx::Error) -> bool {
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
    fn codes_are_told_apart() {
        for (code, fault) in [
            ("40001", Fault::Passing),
            ("40P01", Fault::Passing),
            ("55P03", Fault::Passing),
            ("53300", Fault::Passing),
            ("23505", Fault::Refused),
            ("22021", Fault::Refused),
            ("22012", Fault::CheckFailed),
            ("53100", Fault::Failed),
            ("58030", Fault::Failed),
            ("42P01", Fault::Failed),
        ] {
            assert_eq!(by_code(code), fault, "{code}");
        }
    }

    #[test]
    fn whatever_is_not_the_server_s_own_word_leaves_the_outcome_open() {
        let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert_eq!(fault(&sqlx::Error::Io(broken)), Fault::Lost);
        assert_eq!(fault(&sqlx::Error::PoolTimedOut), Fault::Lost);
    }
}
