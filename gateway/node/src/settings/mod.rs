//! Settings: declared once, with unit, default and reason; read from a file, then the environment,
//! then flags, each overriding the ones before.

mod cluster;
mod front;
mod http;
mod kafka_properties;
mod listen_address;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use fritzy_domain::Currency;
use fritzy_kafka::{DEFAULT_SOURCE, KafkaBridgeConfig};
use fritzy_persistence::{DatabaseUrl, PostgresConfig, Sharing};
use fritzy_projections::Begin;
use fritzy_types::ShardCount;

use kafka_properties::KafkaProperties;
use values::{event_source, log_filter, origin, shards, topic_prefix};

pub use cluster::{ClusterSettings, Role, Secret};
pub use front::{FrontSettings, Switch};
pub use listen_address::ListenAddress;

/// The settings of a node.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Address or host name, and port, of the API. The default accepts connections from this
    /// machine only; use 0.0.0.0:8000 to accept them from others. Port 0 takes a free port
    #[arg(
        long,
        env = "FRITZY_LISTEN",
        default_value = "127.0.0.1:8000",
        global = true
    )]
    pub listen: ListenAddress,

    /// Folder of the SQLite database, created if missing. One node per folder. Unused with
    /// --database-url
    #[arg(long, env = "FRITZY_DATA_DIR", default_value = "./data", global = true)]
    pub data_dir: PathBuf,

    /// Database on PostgreSQL 15 or newer: postgres://user:password@host:5432/database, with
    /// options such as ?sslmode=verify-full. Several servers, of which one is the primary:
    /// postgres://user:password@a:5432,b:5432/database?target_session_attrs=read-write. Without it,
    /// a SQLite file in the data folder
    #[arg(
        long,
        env = "DATABASE_URL",
        value_name = "URL",
        global = true,
        hide_env_values = true
    )]
    pub database_url: Option<DatabaseUrl>,

    /// Seconds that a starting node waits for an unreachable PostgreSQL server
    #[arg(
        long, env = "FRITZY_DATABASE_WAIT_S", default_value = "10", global = true,
        value_parser = clap::value_parser!(u16).range(0..=3_600)
    )]
    pub database_wait_s: u16,

    /// Streaming replica of that database, which serves lists while it is fresh enough
    #[arg(
        long,
        env = "DATABASE_REPLICA_URL",
        value_name = "URL",
        global = true,
        hide_env_values = true,
        requires = "database_url"
    )]
    pub database_replica_url: Option<DatabaseUrl>,

    /// Allowed lag of the replica in milliseconds; otherwise the primary serves lists. A request
    /// with a consistency token always sees what the token stands for
    #[arg(
        long, env = "FRITZY_REPLICA_LAG_MS_MAX", default_value = "5000", global = true,
        value_parser = clap::value_parser!(u32).range(1_000..=60_000)
    )]
    pub replica_lag_ms_max: u32,

    /// Connections for reading, to the primary and to the replica each. A read takes a fraction of
    /// a millisecond
    #[arg(
        long, env = "FRITZY_DATABASE_CONNECTIONS", default_value = "8", global = true,
        value_parser = clap::value_parser!(u16).range(1..=1_000)
    )]
    pub database_connections: u16,

    /// Committers on PostgreSQL, each with its own connection. While one waits for its fsync, the
    /// other writes; more make batches smaller
    #[arg(
        long, env = "FRITZY_COMMITTERS", default_value = "2", global = true,
        value_parser = clap::value_parser!(u16).range(1..=64)
    )]
    pub committers: u16,

    /// Accept a PostgreSQL server with fsync or synchronous_commit off, which may lose acknowledged
    /// changes
    #[arg(
        long, env = "FRITZY_DATABASE_UNSAFE", default_value = "false", global = true,
        num_args = 0..=1, require_equals = true, default_missing_value = "true", action = clap::ArgAction::Set
    )]
    pub database_unsafe: bool,

    /// Whether to migrate the PostgreSQL schema at start; `fritzy migrate` only migrates
    #[arg(long, env = "FRITZY_MIGRATE", default_value = "on", global = true)]
    pub migrate: Migrate,

    /// Kafka brokers, host:port separated by commas: every event is published there. Without it,
    /// events stay in the journal
    #[arg(long, env = "KAFKA_BROKERS", value_name = "BROKERS", global = true)]
    pub kafka_brokers: Option<String>,

    /// File with further settings of the Kafka client, for TLS and SASL: security.protocol,
    /// ssl.ca.location, sasl.mechanism, sasl.username, sasl.password and others by librdkafka's
    /// names, one name=value a line
    #[arg(
        long,
        env = "KAFKA_PROPERTIES",
        value_name = "FILE",
        global = true,
        requires = "kafka_brokers"
    )]
    pub kafka_properties: Option<KafkaProperties>,

    /// Where publishing begins the first time: with the first event of the journal, or with new
    /// events
    #[arg(
        long,
        env = "FRITZY_KAFKA_BEGIN",
        default_value = "start",
        global = true
    )]
    pub kafka_begin: KafkaBegin,

    /// What the names of all topics begin with: shops or copies with different prefixes can share
    /// brokers
    #[arg(
        long,
        env = "FRITZY_KAFKA_TOPIC_PREFIX",
        default_value = "",
        value_name = "PREFIX",
        hide_default_value = true,
        global = true,
        value_parser = topic_prefix
    )]
    pub kafka_topic_prefix: String,

    /// The header ce_source of every message: a URI, or a part of one, that names this shop
    #[arg(
        long,
        env = "FRITZY_KAFKA_SOURCE",
        default_value = DEFAULT_SOURCE,
        value_name = "URI",
        global = true,
        value_parser = event_source
    )]
    pub kafka_source: String,

    /// Shards of a new database, 1 to 32768. Fixed at its creation; choose many more than there
    /// will be nodes, so that they spread evenly
    #[arg(long, env = "FRITZY_SHARDS", default_value = "1024", global = true, value_parser = shards)]
    pub shards: ShardCount,

    /// ISO 4217 code for prices given as plain numbers
    #[arg(long, env = "FRITZY_CURRENCY", default_value = "USD", global = true)]
    pub currency: Currency,

    /// Web origins whose pages may call the API, separated by commas, or * for any. The built-in
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

    /// Milliseconds for a request, including waiting; then it fails with DEADLINE_EXCEEDED
    #[arg(
        long, env = "FRITZY_REQUEST_TIMEOUT_MS", default_value = "10000", global = true,
        value_parser = clap::value_parser!(u64).range(1..=600_000)
    )]
    pub request_timeout_ms: u64,

    /// Concurrent requests; more wait (--queue-ms-max). By default as many as fill the batches of
    /// commits on two cores; more would wait longer without more throughput. In a cluster, as many
    /// again may be parked while they wait for another node
    #[arg(
        long, env = "FRITZY_REQUESTS_MAX", default_value = "256", global = true,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub requests_max: u16,

    /// Bytes of a request body at most. The largest order is some 10 KB
    #[arg(
        long, env = "FRITZY_BODY_BYTES_MAX", default_value = "1048576", global = true,
        value_parser = clap::value_parser!(u64).range(1_024..=67_108_864)
    )]
    pub body_bytes_max: u64,

    /// Accounts, products and orders in memory; beyond it, the least recently used are passivated.
    /// Each takes up to 16 KiB, so the default takes half a gigabyte at most. Each shard keeps one,
    /// even if that exceeds the limit
    #[arg(
        long, env = "FRITZY_ENTITIES_MAX", default_value = "32768", global = true,
        value_parser = clap::value_parser!(u32).range(1..=16_777_216)
    )]
    pub entities_max: u32,

    /// Seconds after which an unused account, product or order is passivated; its next use reads
    /// one row
    #[arg(
        long, env = "FRITZY_ENTITY_IDLE_S", default_value = "600", global = true,
        value_parser = clap::value_parser!(u32).range(1..=604_800)
    )]
    pub entity_idle_s: u32,

    /// Bytes of all request bodies in flight; more are rejected with OVERLOADED before they are
    /// read. It keeps many slow clients from filling the memory. A quarter is reserved for bodies
    /// of up to 16 KiB
    #[arg(
        long, env = "FRITZY_BODY_BYTES_TOTAL_MAX", default_value = "67108864", global = true,
        value_parser = clap::value_parser!(u64).range(1_048_576..=1_073_741_824)
    )]
    pub body_bytes_total_max: u64,

    /// Memory budget of one response in bytes, for its rows, values and text; a larger one fails
    /// with ANSWER_TOO_LARGE. A row of five fields takes some 2 KB
    #[arg(
        long, env = "FRITZY_ANSWER_BYTES_MAX", default_value = "268435456", global = true,
        value_parser = clap::value_parser!(u64).range(1_048_576..=4_294_967_296)
    )]
    pub answer_bytes_max: u64,

    /// Memory budget in bytes of all responses in flight, beyond 256 KiB for each, which most stay
    /// below; more fail with OVERLOADED. It keeps a few large ones from filling the memory
    #[arg(
        long, env = "FRITZY_ANSWER_BYTES_TOTAL_MAX", default_value = "536870912", global = true,
        value_parser = clap::value_parser!(u64).range(1_048_576..=1_099_511_627_776)
    )]
    pub answer_bytes_total_max: u64,

    /// Concurrent connections; more wait until one ends. Each costs some 20 KB, and up to 200 KB
    /// while it sends a request head
    #[arg(
        long, env = "FRITZY_CONNECTIONS_MAX", default_value = "4096", global = true,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub connections_max: u32,

    /// Milliseconds for a request head, including the idle time before it; then the connection is
    /// closed
    #[arg(
        long, env = "FRITZY_HEAD_TIMEOUT_MS", default_value = "60000", global = true,
        value_parser = clap::value_parser!(u64).range(1..=3_600_000)
    )]
    pub head_timeout_ms: u64,

    /// What the front end offers to clients.
    #[command(flatten)]
    pub front: FrontSettings,

    /// Settings of a node in a cluster.
    #[command(flatten)]
    pub cluster: ClusterSettings,

    /// Milliseconds for running requests after SIGTERM; then they are aborted
    #[arg(
        long, env = "FRITZY_SHUTDOWN_GRACE_MS", default_value = "15000", global = true,
        value_parser = clap::value_parser!(u64).range(0..=600_000)
    )]
    pub shutdown_grace_ms: u64,

    /// What to log: error, warn, info, debug, trace or off, also by module
    /// (info,fritzy_persistence=debug)
    #[arg(long, env = "FRITZY_LOG", default_value = "info", global = true, value_parser = log_filter)]
    pub log: String,

    /// Format of logs, which go to stderr: auto is text on a terminal and JSON otherwise
    #[arg(long, env = "FRITZY_LOG_FORMAT", default_value = "auto", global = true)]
    pub log_format: LogFormat,

    /// File that receives the port once the node listens; for scripts that use port 0
    #[arg(long, env = "FRITZY_PORT_FILE", value_name = "FILE", global = true)]
    pub port_file: Option<PathBuf>,
}

impl Settings {
    /// The SQLite file in the data folder.
    pub(crate) fn database(&self) -> PathBuf {
        self.data_dir.join("fritzy.db")
    }

    /// The PostgreSQL database, if one is set.
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

    /// The Kafka bridge, if brokers are set.
    pub(crate) fn kafka(&self) -> Option<KafkaBridgeConfig> {
        let properties = self.kafka_properties.as_ref().map(KafkaProperties::secret);
        Some(KafkaBridgeConfig {
            brokers: self
                .kafka_brokers
                .clone()
                .filter(|brokers| !brokers.is_empty())?,
            properties: properties.cloned().unwrap_or_default(),
            topic_prefix: self.kafka_topic_prefix.clone(),
            source: self.kafka_source.clone(),
            begin: match self.kafka_begin {
                KafkaBegin::Start => Begin::Start,
                KafkaBegin::Now => Begin::Now,
            },
        })
    }

    /// The database, described without passwords.
    pub(crate) fn database_shown(&self) -> String {
        match &self.database_url {
            Some(url) => format!("PostgreSQL {url:?}"),
            None => format!("SQLite file {}", self.database().display()),
        }
    }
}

/// Where publishing begins the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KafkaBegin {
    /// With the first event of the journal.
    Start,
    /// With events committed from then on.
    Now,
}

/// Whether a node migrates the schema of PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Migrate {
    /// At start, where migrations are missing.
    On,
    /// Never: an old schema stops the start.
    Off,
}

/// The format of logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// Human-readable lines, as on a terminal.
    Text,
    /// One JSON object a line.
    Json,
}
