//! The settings of a session: they are set by a statement after connecting, because poolers such as
//! PgBouncer refuse or ignore options of the connection.

use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

/// Limits that the server enforces, in milliseconds. A node that is stopped or cut off must not
/// hold locks that others wait for, and a statement must end before its caller has given up.
const LIMITS: [(&str, &str); 8] = [
    // A batch takes some milliseconds, a list some more; requests wait for 10 s.
    ("statement_timeout", "5000"),
    // A claim waits for a batch, and a batch for a claim; neither takes longer.
    ("lock_timeout", "2000"),
    ("idle_in_transaction_session_timeout", "2000"),
    // A peer that disappears is noticed within some 5 s (probes after 2 s, each second, 3 times).
    ("tcp_keepalives_idle", "2"),
    ("tcp_keepalives_interval", "1"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "5000"),
    // The database may have another default; batches depend on this level.
    ("default_transaction_isolation", "read committed"),
];

/// One statement: it is a transaction, so all settings are set in the same session.
const SET: &str = "
    SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS setting (name, value)";

/// The wanted settings that a session does not have. Settings of TCP are left out: they are 0 on
/// other sockets.
const MISSING: &str = "
    SELECT name FROM unnest($1::text[], $2::text[]) AS wanted (name, value)
    WHERE name NOT LIKE 'tcp%' AND value IS DISTINCT FROM
        CASE WHEN name LIKE 'fritzy.%' THEN current_setting(name, true)
        ELSE (SELECT setting FROM pg_settings WHERE pg_settings.name = wanted.name) END
    ORDER BY name = 'fritzy.session' DESC LIMIT 1";
/// A setting of fritzy's own, whose value no other session has.
const MARK: &str = "fritzy.session";

/// What a connection is for: the name that the server lists, and its settings besides the limits.
#[derive(Clone, Debug)]
pub(super) struct SessionConfig {
    name: &'static str,
    settings: Vec<(&'static str, String)>,
}

impl SessionConfig {
    pub(super) fn new(name: &'static str) -> Self {
        let limits = LIMITS.map(|(name, value)| (name, value.to_owned()));
        Self {
            name,
            settings: limits.into(),
        }
    }

    /// The same with other settings; the last value of a name counts.
    pub(super) fn options(
        mut self,
        settings: impl IntoIterator<Item = (&'static str, &'static str)>,
    ) -> Self {
        for (name, value) in settings {
            self.set(name, value);
        }
        self
    }

    /// The same with one more setting.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.to_owned()));
    }

    /// The same with a mark that distinguishes the session from others of this process.
    pub(super) fn marked(self, process: Uuid) -> Self {
        let mark = format!("{process} {}", self.name);
        self.with(MARK, &mark)
    }

    /// The mark of its sessions.
    pub(super) fn mark(&self) -> Option<&str> {
        let mut settings = self.settings.iter();
        let mark = settings.find(|(name, _)| *name == MARK);
        mark.map(|(_, value)| value.as_str())
    }

    /// The `application_name`.
    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// Sets the settings in a new session.
    pub(super) async fn apply(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let (names, values) = self.columns();
        let setting = sqlx::query(SET).bind(names).bind(values).persistent(false);
        setting.fetch_all(connection).await.map(drop)
    }

    /// The name of a setting that the session has lost. A pooler that gives it to other connections
    /// as well has lost the mark at least.
    pub(super) async fn lost(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Option<String>, sqlx::Error> {
        let (names, values) = self.columns();
        let missing = sqlx::query(MISSING).bind(names).bind(values);
        let row = missing.persistent(false).fetch_optional(connection).await?;
        row.map(|row| row.try_get(0)).transpose()
    }

    fn columns(&self) -> (Vec<&str>, Vec<&str>) {
        let settings = self.settings.iter();
        settings
            .map(|(name, value)| (*name, value.as_str()))
            .unzip()
    }
}
