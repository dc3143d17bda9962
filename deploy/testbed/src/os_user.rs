//! The Unix user that servers run as: PostgreSQL refuses to run as root.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crate::error::ServiceError;

/// Candidates, best first: Debian's package creates the first, every system has the second.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

const PASSWD: &str = "/etc/passwd";

/// The user that servers run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OsUser {
    /// The current user, who is not root.
    Own,
    /// An unprivileged user, because the current one is root.
    Other { uid: u32, gid: u32 },
}

impl OsUser {
    /// The current user, or an unprivileged one when that is root.
    ///
    /// # Errors
    /// When root finds no such user.
    pub(crate) fn for_servers() -> Result<Self, ServiceError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Own);
        }
        let file = Path::new(PASSWD);
        let users = fs::read_to_string(file).map_err(ServiceError::io("read", file))?;
        let chosen = CANDIDATES.iter().find_map(|name| find(&users, name));
        chosen.ok_or_else(|| {
            let detail = format!(
                "root may not run it, and there is neither {}",
                CANDIDATES.join(" nor ")
            );
            ServiceError::failed("choosing an account for PostgreSQL", detail)
        })
    }

    /// Makes a command run as this user.
    pub(crate) fn apply_to(self, command: &mut Command) {
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
    }

    /// Changes the owner of a file or directory to this user.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn give_ownership(self, path: &Path) -> Result<(), ServiceError> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid } => {
                chown(path, Some(uid), Some(gid)).map_err(ServiceError::io("give away", path))
            }
        }
    }
}

/// Parses lines such as `postgres:x:101:104:PostgreSQL
/// administrator,,,:/var/lib/postgresql:/bin/bash`.
fn find(users: &str, name: &str) -> Option<OsUser> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_it = fields.next() == Some(name);
        let (_, uid, gid) = (fields.next()?, fields.next()?, fields.next()?);
        is_it.then_some(OsUser::Other {
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let users = "root:x:0:0:root::\npostgresql:x:7:8:::\npostgres:x:101:104:a,,,:/b:/c\n";
        let expected = OsUser::Other { uid: 101, gid: 104 };
        assert_eq!(find(users, "postgres"), Some(expected));
        assert_eq!(find(users, "nobody"), None);
    }
}
