//! The settings of a session: they are set by a statement after connecting, because poolers such as
//! PgBouncer refuse or ignore options of the connection.

use sqlx::postgres::PgConnection;

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

    /// The `application_name`.
    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// Sets the settings in a new session.
    pub(super) async fn apply(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let (names, values): (Vec<&str>, Vec<&str>) = self
            .settings
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .unzip();
        let setting = sqlx::query(SET).bind(names).bind(values).persistent(false);
        setting.fetch_all(connection).await.map(drop)
    }
}
