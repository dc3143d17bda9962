//! Settings: declared once, with unit, default and reason; read from a file, then the environment,
//! then flags, each overriding the one before.

mod cluster;
mod database_url;
mod http;
mod kafka_properties;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use fritzy_domain::Currency;
use fritzy_kafka::KafkaBridgeConfig;
use fritzy_persistence::{PostgresConfig, Sharing};
use fritzy_projections::Begin;
use fritzy_types::ShardCount;

use database_url::DatabaseUrl;
use kafka_properties::KafkaProperties;

pub use cluster::{ClusterSettings, Role, Secret};
pub(crate) use database_url::without_password;

/// The settings of a node.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Address and port to serve HTTP on. The default is reached from this machine only; use
    /// 0.0.0.0:8000 to be reached from others. Port 0 takes a free one
    #[arg(
        long,
        env = "FRITZY_LISTEN",
        default_value = "127.0.0.1:8000",
        global = true
    )]
    pub listen: SocketAddr,

    /// Folder for the database, created if missing. One node per folder. Not used with --database-url
    #[arg(long, env = "FRITZY_DATA_DIR", default_value = "./data", global = true)]
    pub data_dir: PathBuf,

    /// Database on PostgreSQL 15 or newer: postgres://user:password@host:5432/database, with ?sslmode=verify-full
    /// and the like behind it. Without it, a SQLite file in the data folder
    #[arg(
        long,
        env = "DATABASE_URL",
        value_name = "URL",
        global = true,
        hide_env_values = true
    )]
    pub database_url: Option<DatabaseUrl>,

    /// Seconds a start waits for a PostgreSQL server that does not answer yet
    #[arg(
        long, env = "FRITZY_DATABASE_WAIT_S", default_value = "10", global = true,
        value_parser = clap::value_parser!(u16).range(0..=3_600)
    )]
    pub database_wait_s: u16,

    /// Streaming replica of that database, which lists are read from when it is fresh enough
    #[arg(
        long,
        env = "DATABASE_REPLICA_URL",
        value_name = "URL",
        global = true,
        hide_env_values = true,
        requires = "database_url"
    )]
    pub database_replica_url: Option<DatabaseUrl>,

    /// Milliseconds that lists from the replica may be behind; older ones come from the primary. A request with
    /// a consistency token gets what the token stands for, however far behind the replica is
    #[arg(
        long, env = "FRITZY_REPLICA_LAG_MS_MAX", default_value = "5000", global = true,
        value_parser = clap::value_parser!(u32).range(1_000..=60_000)
    )]
    pub replica_lag_ms_max: u32,

    /// Connections to PostgreSQL for reading at most. A read takes a fraction of a millisecond
    #[arg(
        long, env = "FRITZY_DATABASE_CONNECTIONS", default_value = "8", global = true,
        value_parser = clap::value_parser!(u16).range(1..=1_000)
    )]
    pub database_connections: u16,

    /// Committers on PostgreSQL, each with a connection of its own. While one waits for its sync, the other
    /// writes; more make the batches smaller
    #[arg(
        long, env = "FRITZY_COMMITTERS", default_value = "2", global = true,
        value_parser = clap::value_parser!(u16).range(1..=64)
    )]
    pub committers: u16,

    /// Accept a PostgreSQL server with fsync or synchronous_commit off, which may lose what it has
    /// acknowledged
    #[arg(
        long, env = "FRITZY_DATABASE_UNSAFE", default_value = "false", global = true,
        num_args = 0..=1, require_equals = true, default_missing_value = "true", action = clap::ArgAction::Set
    )]
    pub database_unsafe: bool,

    /// Whether to bring the schema of PostgreSQL up to date at start; `fritzy migrate` does it by itself
    #[arg(long, env = "FRITZY_MIGRATE", default_value = "on", global = true)]
    pub migrate: Migrate,

    /// Addresses of Kafka brokers, host:port, separated by commas: every event is published there. Without them, events
    /// stay in the journal
    #[arg(long, env = "KAFKA_BROKERS", value_name = "BROKERS", global = true)]
    pub kafka_brokers: Option<String>,

    /// File with further settings of Kafka's client, for TLS and SASL: security.protocol, ssl.ca.location, sasl.mechanism,
    /// sasl.username, sasl.password and others by librdkafka's names, one name=value a line
    #[arg(
        long,
        env = "KAFKA_PROPERTIES",
        value_name = "FILE",
        global = true,
        requires = "kafka_brokers"
    )]
    pub kafka_properties: Option<KafkaProperties>,

    /// Where publishing begins when it is set the first time: with the first event of all, or with what comes then
    #[arg(
        long,
        env = "FRITZY_KAFKA_BEGIN",
        default_value = "start",
        global = true
    )]
    pub kafka_begin: KafkaBegin,

    /// Shards of a new database, 1 to 32768. Fixed when a database is created; more than nodes will
    /// ever be, so that they spread evenly
    #[arg(long, env = "FRITZY_SHARDS", default_value = "1024", global = true, value_parser = shards)]
    pub shards: ShardCount,

    /// Currency of prices given as plain numbers, by its ISO 4217 code
    #[arg(long, env = "FRITZY_CURRENCY", default_value = "USD", global = true)]
    pub currency: Currency,

    /// Web origins whose pages may call the API, separated by commas, or * for any. The node's own
    /// page needs none
    #[arg(
        long,
        env = "FRITZY_CORS_ORIGINS",
        default_value = "",
        global = true,
        value_delimiter = ',',
        value_parser = origin
    )]
    pub cors_origins: Vec<String>,

    /// Milliseconds a request may take, waiting included; then it is answered DEADLINE_EXCEEDED
    #[arg(
        long, env = "FRITZY_REQUEST_TIMEOUT_MS", default_value = "10000", global = true,
        value_parser = clap::value_parser!(u64).range(1..=600_000)
    )]
    pub request_timeout_ms: u64,

    /// Requests worked on at once; one more is answered OVERLOADED. On one core that refuses thousands meanwhile
    /// so many orders are answered within a tenth of a second: more would wait twice as long, and not go faster. In a
    /// cluster as many again may stand aside, which wait for another node
    #[arg(
        long, env = "FRITZY_REQUESTS_MAX", default_value = "128", global = true,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub requests_max: u16,

    /// Bytes of a request body at most. The largest order is some 10 KB
    #[arg(
        long, env = "FRITZY_BODY_BYTES_MAX", default_value = "1048576", global = true,
        value_parser = clap::value_parser!(u64).range(1_024..=67_108_864)
    )]
    pub body_bytes_max: u64,

    /// Accounts, products and orders kept in memory at once; beyond it the longest unused leave. Each takes 16 KiB at
    /// most, so the default takes half a gigabyte. Each shard keeps one, even if that is more
    #[arg(
        long, env = "FRITZY_ENTITIES_MAX", default_value = "32768", global = true,
        value_parser = clap::value_parser!(u32).range(1..=16_777_216)
    )]
    pub entities_max: u32,

    /// Seconds after which an unused account, product or order leaves memory; its next use reads one row
    #[arg(
        long, env = "FRITZY_ENTITY_IDLE_S", default_value = "600", global = true,
        value_parser = clap::value_parser!(u32).range(1..=604_800)
    )]
    pub entity_idle_s: u32,

    /// Bytes of all request bodies under way together; one more is answered OVERLOADED before it is
    /// read. Many slow clients would fill the memory otherwise. Those up to 16 KiB share a quarter of
    /// it, larger ones the rest
    #[arg(
        long, env = "FRITZY_BODY_BYTES_TOTAL_MAX", default_value = "67108864", global = true,
        value_parser = clap::value_parser!(u64).range(1_048_576..=1_073_741_824)
    )]
    pub body_bytes_total_max: u64,

    /// Bytes of memory one answer may take, its rows, values and text together; a larger one is refused as
    /// ANSWER_TOO_LARGE. A row of five fields takes some 2 KB
    #[arg(
        long, env = "FRITZY_ANSWER_BYTES_MAX", default_value = "268435456", global = true,
        value_parser = clap::value_parser!(u64).range(1_048_576..=4_294_967_296)
    )]
    pub answer_bytes_max: u64,

    /// Bytes of memory that all answers under way may take together, beyond 256 KiB of each, which most
    /// stay below; one more is answered OVERLOADED. A few large ones at once would fill the memory otherwise
    #[arg(
        long, env = "FRITZY_ANSWER_BYTES_TOTAL_MAX", default_value = "536870912", global = true,
        value_parser = clap::value_parser!(u64).range(1_048_576..=1_099_511_627_776)
    )]
    pub answer_bytes_total_max: u64,

    /// Connections at once; one more waits until another ends. Each costs some 20 KB, and up to
    /// 200 KB while it sends a head
    #[arg(
        long, env = "FRITZY_CONNECTIONS_MAX", default_value = "4096", global = true,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub connections_max: u32,

    /// Milliseconds a connection may take to send the head of a request, and may stay idle before it;
    /// then it is closed
    #[arg(
        long, env = "FRITZY_HEAD_TIMEOUT_MS", default_value = "60000", global = true,
        value_parser = clap::value_parser!(u64).range(1..=3_600_000)
    )]
    pub head_timeout_ms: u64,

    /// What a node needs to be one of several
    #[command(flatten)]
    pub cluster: ClusterSettings,

    /// Milliseconds that running requests get to finish after SIGTERM, before they are cut off
    #[arg(
        long, env = "FRITZY_SHUTDOWN_GRACE_MS", default_value = "15000", global = true,
        value_parser = clap::value_parser!(u64).range(0..=600_000)
    )]
    pub shutdown_grace_ms: u64,

    /// What to log: error, warn, info, debug or trace, also by module (info,fritzy_persistence=debug)
    #[arg(long, env = "FRITZY_LOG", default_value = "info", global = true, value_parser = log_filter)]
    pub log: String,

    /// How to log, on stderr: auto is text on a terminal and JSON otherwise
    #[arg(long, env = "FRITZY_LOG_FORMAT", default_value = "auto", global = true)]
    pub log_format: LogFormat,

    /// File to write the port into once the node listens; for scripts that use port 0
    #[arg(long, env = "FRITZY_PORT_FILE", value_name = "FILE", global = true)]
    pub port_file: Option<PathBuf>,
}

impl Settings {
    /// The database file in the data folder.
    pub(crate) fn database(&self) -> PathBuf {
        self.data_dir.join("fritzy.db")
    }

    /// The database on PostgreSQL, if one is set.
    pub(crate) fn postgres(&self) -> Option<PostgresConfig> {
        let url = self.database_url.as_ref()?;
        Some(PostgresConfig {
            shards: self.shards,
            readers: self.database_connections.into(),
            committers: self.committers,
            migrate: self.migrate == Migrate::On,
            allow_unsafe: self.database_unsafe,
            wait: Duration::from_secs(self.database_wait_s.into()),
            replica: self
                .database_replica_url
                .as_ref()
                .map(|url| url.secret().to_owned()),
            replica_lag_max: Duration::from_millis(self.replica_lag_ms_max.into()),
            sharing: match self.cluster.cluster_listen {
                Some(_) => Sharing::Cluster,
                None => Sharing::Alone,
            },
            ..PostgresConfig::new(url.secret())
        })
    }

    /// Kafka, if it is set.
    pub(crate) fn kafka(&self) -> Option<KafkaBridgeConfig> {
        let properties = self.kafka_properties.as_ref().map(KafkaProperties::secret);
        Some(KafkaBridgeConfig {
            brokers: self
                .kafka_brokers
                .clone()
                .filter(|brokers| !brokers.is_empty())?,
            properties: properties.cloned().unwrap_or_default(),
            begin: match self.kafka_begin {
                KafkaBegin::Start => Begin::Start,
                KafkaBegin::Now => Begin::Now,
            },
        })
    }

    /// The database as people may see it.
    pub(crate) fn database_shown(&self) -> String {
        match &self.database_url {
            Some(url) => format!("PostgreSQL {url:?}"),
            None => format!("SQLite file {}", self.database().display()),
        }
    }
}

/// Where publishing begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KafkaBegin {
    /// With the first event of the journal.
    Start,
    /// With what comes from then on.
    Now,
}

/// Whether a node migrates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Migrate {
    /// At its start.
    On,
    /// Never; it refuses a schema that lacks a step.
    Off,
}

/// How to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A web origin as browsers name it, without a path.
fn origin(text: &str) -> Result<String, String> {
    let text = text.trim();
    let is_origin = || {
        let (scheme, host) = text.split_once("://")?;
        Some(["http", "https"].contains(&scheme) && !host.is_empty() && !host.contains(['/', ' ']))
    };
    if text.is_empty() || text == "*" || is_origin() == Some(true) {
        Ok(text.to_owned())
    } else {
        Err("not a web origin such as https://shop.example".into())
    }
}

/// A level, or module=level, several separated by commas. A misspelt level alone would be taken for a
/// module, and silence everything else.
fn log_filter(text: &str) -> Result<String, String> {
    let levels = ["error", "warn", "info", "debug", "trace", "off"];
    let unclear = text.split(',').map(str::trim).find(|part| {
        let level = part.rsplit_once('=').map_or(*part, |(_, level)| level);
        !levels.contains(&level.to_ascii_lowercase().as_str())
    });
    match unclear {
        Some(part) => Err(format!(
            "`{part}` names none of the levels {}",
            levels.join(", ")
        )),
        None => Ok(text.to_owned()),
    }
}

fn shards(text: &str) -> Result<ShardCount, String> {
    text.parse()
        .ok()
        .and_then(ShardCount::new)
        .ok_or_else(|| "not a number from 1 to 32768".into())
}
