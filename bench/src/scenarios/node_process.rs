//! The node of a measurement: started for it, or an external one with a URL.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tokio::net::lookup_host;

use super::bench_topics::BenchTopics;
use super::database::Database;
use super::durability::{Durability, Fsync};
use super::http_system::Endpoint;
use super::{Conditions, SetUp, Store, VariantSettings};
use crate::process::{Launch, ServerProcess, without_settings};
use crate::{BenchError, GraphqlClient};

pub(super) struct NodeProcess {
    /// `None` for an external node.
    pub(super) server: Option<ServerProcess>,
    /// The node's database, if its data is not in its folder.
    pub(super) database: Option<Database>,
    /// The topics that the node publishes to.
    pub(super) topics: Option<BenchTopics>,
    pub(super) endpoint: Endpoint,
    pub(super) client: GraphqlClient,
    pub(super) conditions: Conditions,
}

impl NodeProcess {
    /// Starts a node, or connects to the external one.
    pub(super) async fn start(set_up: &SetUp<'_>) -> Result<Self, BenchError> {
        if let Some(url) = &set_up.settings.url {
            return Self::at(url).await;
        }
        let program = node_program(set_up.settings)?;
        let mut arguments: Vec<OsString> =
            set_up.settings.node_args.iter().map(Into::into).collect();
        let committers = set_up.settings.committers_count;
        arguments.extend(committers.map(|count| format!("--committers={count}").into()));
        let mut topics = None;
        if let Some(brokers) = &set_up.settings.kafka {
            let created = BenchTopics::create(brokers).await?;
            arguments.push(format!("--kafka-brokers={brokers}").into());
            arguments.push(format!("--kafka-topic-prefix={}", created.prefix()).into());
            topics = Some(created);
        }
        let database = match set_up.settings.store {
            Some(Store::Postgres) => Some(Database::open(set_up).await?),
            _ => None,
        };
        let url = database.iter().map(|database| database.url().to_owned());
        let environment: Vec<_> = url.map(|url| ("DATABASE_URL", url)).collect();
        let node_settings = effective_settings(&program, &arguments, &environment)?;
        let launch = Launch {
            program,
            arguments,
            environment,
            has_data: true,
            within: set_up.within.to_owned(),
            core: set_up.cores.map(|cores| cores.server),
        };
        let server = launch.start().await?;
        let endpoint = Endpoint::local(server.port());
        let client = GraphqlClient::new(&endpoint.url())?;
        let conditions = Conditions {
            durability: match &database {
                Some(database) => database.durability(),
                None => Durability::of_sqlite(server.folder()),
            },
            node_settings: Some(node_settings),
        };
        Ok(Self {
            server: Some(server),
            database,
            topics,
            endpoint,
            client,
            conditions,
        })
    }

    async fn at(url: &str) -> Result<Self, BenchError> {
        let client = GraphqlClient::new(url)?;
        let conditions = Conditions {
            durability: Durability::without(Fsync::Unknown, "the node is external (--url)"),
            node_settings: None,
        };
        Ok(Self {
            server: None,
            database: None,
            topics: None,
            endpoint: endpoint_of(url).await?,
            client,
            conditions,
        })
    }
}

/// `--node`, or `fritzy` in the folder of this program.
fn node_program(settings: &VariantSettings) -> Result<PathBuf, BenchError> {
    if let Some(program) = &settings.node {
        return Ok(program.clone());
    }
    let beside = std::env::current_exe().map(|program| program.with_file_name("fritzy"));
    let beside = beside.unwrap_or_else(|_| "fritzy".into());
    if beside.exists() {
        return Ok(beside);
    }
    Err(BenchError::Settings(format!(
        "there is no node at {}: build it with `cargo build --release`, or pass --node",
        beside.display()
    )))
}

/// The node's effective settings, from `fritzy config --json`.
fn effective_settings(
    program: &Path,
    arguments: &[OsString],
    environment: &[(&'static str, String)],
) -> Result<BTreeMap<String, String>, BenchError> {
    #[derive(Deserialize)]
    struct Setting {
        value: String,
    }
    let preparing = |reason: String| BenchError::Preparing {
        what: "the node's settings",
        reason,
    };
    let output = without_settings(program)
        .args(["config", "--json"])
        .args(arguments)
        .envs(environment.iter().cloned())
        .output()
        .map_err(|failure| preparing(format!("{}: {failure}", program.display())))?;
    if !output.status.success() {
        return Err(preparing(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ));
    }
    let settings: BTreeMap<String, Setting> =
        serde_json::from_slice(&output.stdout).map_err(|error| preparing(error.to_string()))?;
    // These differ in every run and do not influence figures.
    let run_specific = [
        "listen",
        "data_dir",
        "database_url",
        "port_file",
        "kafka_topic_prefix",
    ];
    let settings = settings
        .into_iter()
        .map(|(name, setting)| (name, setting.value));
    Ok(settings
        .filter(|(name, _)| !run_specific.contains(&name.as_str()))
        .collect())
}

async fn endpoint_of(url: &str) -> Result<Endpoint, BenchError> {
    let unusable = |reason: String| BenchError::Preparing {
        what: "the address of the node",
        reason,
    };
    let uri: hyper::Uri = url
        .parse()
        .map_err(|_| unusable(format!("{url} is not a URL")))?;
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(80);
    let mut addresses = lookup_host((host.trim_matches(['[', ']']), port))
        .await
        .map_err(|failure| unusable(format!("{host}: {failure}")))?;
    let address: SocketAddr = addresses
        .next()
        .ok_or_else(|| unusable(format!("{host} has no address")))?;
    Ok(Endpoint {
        authority: uri.authority().map(ToString::to_string).unwrap_or_default(),
        path: uri.path().to_owned(),
        address,
    })
}
