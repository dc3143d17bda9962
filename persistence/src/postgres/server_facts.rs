//! What decides whether a node can use a server: its version, and how durable its commits are.

use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::error::PostgresError;

/// The oldest supported server, as `server_version_num`.
const VERSION_MIN: i32 = 150_000;

/// The facts about a server that decide whether it can be used.
pub(super) struct ServerFacts {
    /// The setting `server_version_num`, such as 150004.
    number: i32,
    version: String,
    fsync: String,
    synchronous_commit: String,
    pub(super) is_standby: bool,
    encoding: String,
}

impl ServerFacts {
    pub(super) async fn read(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let row = sqlx::query(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'),
                current_setting('fsync'), current_setting('synchronous_commit'), pg_is_in_recovery(),
                current_setting('server_encoding')",
        )
        .persistent(false)
        .fetch_one(connection)
        .await?;
        Ok(Self {
            number: row.try_get(0)?,
            version: row.try_get(1)?,
            fsync: row.try_get(2)?,
            synchronous_commit: row.try_get(3)?,
            is_standby: row.try_get(4)?,
            encoding: row.try_get(5)?,
        })
    }

    /// Checks whether a node can use this server; `server` is its address.
    pub(super) fn check(self, server: String, allow_unsafe: bool) -> Result<(), PostgresError> {
        if self.number < VERSION_MIN {
            let found = self.version;
            return Err(PostgresError::OldServer { server, found });
        }
        if self.encoding != "UTF8" {
            let found = self.encoding;
            return Err(PostgresError::Encoding { server, found });
        }
        if self.is_standby {
            return Err(PostgresError::Standby { server });
        }
        let durability = [
            ("fsync", self.fsync),
            ("synchronous_commit", self.synchronous_commit),
        ];
        for (setting, found) in durability {
            if found == "off" && !allow_unsafe {
                return Err(PostgresError::NotDurable {
                    server,
                    setting,
                    found,
                });
            }
        }
        Ok(())
    }
}
