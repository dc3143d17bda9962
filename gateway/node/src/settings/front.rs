//! Settings of what the front end offers to clients.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::values::header_name;

/// The settings of what the front end offers to clients.
#[derive(Args, Clone, Debug)]
pub struct FrontSettings {
    /// Milliseconds that a request waits for one of the --requests-max places, in order of arrival;
    /// then it is rejected with OVERLOADED. A tenth of a second outlasts bursts of some hundred
    /// clients, and users hardly notice it. At most 2048 requests wait. 0 rejects at once
    #[arg(
        long, env = "FRITZY_QUEUE_MS_MAX", default_value = "100", global = true,
        value_parser = clap::value_parser!(u64).range(0..=60_000)
    )]
    pub queue_ms_max: u64,

    /// File with the documents of your clients, which they may then send by their hash: Apollo's
    /// persisted-query-manifest, or a JSON object of documents by hash, as relay-compiler and
    /// graphql-codegen write it. Read at the start; every document must be valid
    #[arg(long, env = "FRITZY_DOCUMENTS", value_name = "FILE", global = true)]
    pub documents: Option<PathBuf>,

    /// Execute the documents of --documents only, and refuse all others with DOCUMENT_NOT_ALLOWED.
    /// The page at / then cannot run what its users write
    #[arg(
        long, env = "FRITZY_DOCUMENTS_ONLY", default_value = "false", global = true,
        num_args = 0..=1, require_equals = true, default_missing_value = "true", action = clap::ArgAction::Set
    )]
    pub documents_only: bool,

    /// Whether clients may read the schema by __schema, __type and _service. If off, error messages
    /// suggest no names either
    #[arg(
        long,
        env = "FRITZY_INTROSPECTION",
        default_value = "on",
        global = true
    )]
    pub introspection: Switch,

    /// Whether the page at / is served
    #[arg(long, env = "FRITZY_EXPLORER", default_value = "on", global = true)]
    pub explorer: Switch,

    /// Whether responses of 2 KiB and more are compressed by gzip or br for clients that accept it.
    /// Switch it off where a proxy in front compresses
    #[arg(long, env = "FRITZY_COMPRESSION", default_value = "on", global = true)]
    pub compression: Switch,

    /// Request headers of your own that pages of --cors-origins may send, separated by commas.
    /// Those that the API, Apollo's clients and tracing use are allowed anyway
    #[arg(
        long,
        env = "FRITZY_CORS_HEADERS",
        default_value = "",
        global = true,
        value_delimiter = ',',
        value_parser = header_name
    )]
    pub cors_headers: Vec<String>,
}

/// Whether something is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// It is.
    On,
    /// It is not.
    Off,
}

impl Switch {
    pub(crate) fn is_on(self) -> bool {
        self == Self::On
    }
}
