//! A node: opens the stores, starts the shop, serves the API, and ends in order.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fritzy_actors::{Shop, ShopConfig};
use fritzy_cluster::{LocalLease, ShardMap};
use fritzy_gateway::{
    HttpMetrics, INTROSPECTION, InputTypes, Readiness, Schema, Scrape, build_schema, fields,
    routes, serve,
};
use fritzy_kafka::{KafkaBridge, KafkaSettingsError};
use fritzy_persistence::{SqliteConfig, Stores};
use fritzy_projections::{ProjectionStart, Projections};
use fritzy_search::NoEngine;
use fritzy_types::{Failure, NodeId, Roles};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::cluster::{self, Clustered};
use crate::settings::{ClusterSettings, Settings};
use crate::start_error::StartError;

/// A running node.
pub struct Node {
    address: SocketAddr,
    grace: Duration,
    readiness: Readiness,
    stores: Stores,
    shop: Arc<Shop>,
    projections: Arc<Projections>,
    clustered: Option<Clustered>,
    stop_serving: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Node {
    /// Starts a node: when this returns, it serves.
    ///
    /// # Errors
    /// [`StartError`], each in one line that says what to do.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        Self::start_until(settings, std::future::pending()).await
    }

    /// The same, but what it would wait for among other nodes ends when `unwanted` does.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_until(
        settings: Settings,
        unwanted: impl Future<Output = ()> + Send,
    ) -> Result<Self, StartError> {
        let address = settings.listen;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|failure| StartError::Listen { address, failure })?;
        let address = listener
            .local_addr()
            .map_err(|failure| StartError::Listen { address, failure })?;

        if settings.cluster.cluster_listen.is_some() && settings.database_url.is_none() {
            return Err(StartError::SqliteCluster);
        }
        refuse_if_alone(&settings.cluster)?;
        let network = cluster::network(&settings.cluster).await?;
        let followers = projections(&settings)?;
        let stores = open_stores(&settings).await?;
        let lease = match network {
            Some(_) => LocalLease::lapsed(),
            None => LocalLease::unlimited(),
        };
        let shop = Arc::new(start_shop(&settings, &stores, network.is_some(), &lease).await?);

        let schema = build_schema(
            shop.clone(),
            stores.copies.clone(),
            Arc::new(NoEngine),
            settings.currency,
        );
        let readiness = Readiness::default();
        let config = settings.http();
        let (stop_serving, stopped) = oneshot::channel();
        let mut registry = Registry::with_prefix("fritzy");
        if followers.is_empty() {
            info!("KAFKA_BROKERS is not set: events stay in the journal");
        }
        let projections = Projections::start(
            followers,
            shop.leases(),
            &stores.journal,
            &stores.cursors,
            &mut registry,
        );
        let projections = projections.await.map_err(|failure| {
            error!(%failure, "the projections did not start");
            Failure::Internal
        })?;
        let projections = Arc::new(projections);
        let (metrics, scrape) = metrics(registry, &schema, &shop, &stores).await;
        let types = schema
            .execute(INTROSPECTION)
            .await
            .data
            .into_json()
            .unwrap_or_default();
        let types = InputTypes::read(&types);
        let routes = routes(
            schema,
            config,
            readiness.clone(),
            types,
            metrics,
            scrape,
            Some(stores.copies.clone()),
        );
        let limits = settings.connections();
        let serving = tokio::spawn(serve(listener, routes, limits, async {
            // A dropped sender ends the node as well.
            let _ = stopped.await;
        }));
        let clustered = match network {
            None => {
                readiness.set(true);
                None
            }
            Some(network) => {
                let joining = Clustered::join(
                    &settings.cluster,
                    network,
                    &stores,
                    &shop,
                    projections.clone(),
                    lease,
                );
                match joining.await {
                    Ok(mut clustered) => {
                        let map = shop.shard_map();
                        clustered.begin(map, readiness.clone(), unwanted).await;
                        Some(clustered)
                    }
                    Err(failure) => {
                        serving.abort();
                        shop.stop().await;
                        projections.stop().await;
                        stores.close().await;
                        return Err(failure);
                    }
                }
            }
        };
        if let Err(failure) = write_port_file(settings.port_file.as_deref(), address) {
            serving.abort();
            shop.stop().await;
            projections.stop().await;
            stores.close().await;
            return Err(failure);
        }
        info!(%address, "serving");
        let grace = Duration::from_millis(settings.shutdown_grace_ms);
        Ok(Self {
            address,
            grace,
            readiness,
            stores,
            shop,
            projections,
            clustered,
            stop_serving,
            serving,
        })
    }

    /// The address it serves on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns when another node has taken the database, or nothing can be written here any more, with what is known of it. This
    /// one is of no use any more.
    pub async fn lost(&self) -> String {
        self.stores.lost().await
    }

    /// Stops in order: unready, no new connections, running requests finish, actors stop, what is
    /// queued is written.
    pub async fn stop(self) {
        self.readiness.end();
        if let Some(clustered) = &self.clustered {
            clustered.drain().await;
        }
        let _ = self.stop_serving.send(());
        if tokio::time::timeout(self.grace, self.serving)
            .await
            .is_err()
        {
            warn!(
                grace_ms = self.grace.as_millis(),
                "requests still run after the grace time; cut off"
            );
        }
        if let Some(clustered) = &self.clustered {
            clustered.leave().await;
        }
        self.shop.stop().await;
        self.projections.stop().await;
        self.stores.close().await;
        info!("stopped; everything acknowledged is on disk");
    }
}

/// Settings of a cluster on a node that is alone.
fn refuse_if_alone(settings: &ClusterSettings) -> Result<(), StartError> {
    if settings.cluster_listen.is_some() {
        return Ok(());
    }
    if settings.roles() != Roles::ALL {
        return Err(StartError::RolesAlone);
    }
    for (setting, is_said) in [
        ("--cluster-cookie", settings.cluster_cookie.is_some()),
        ("--node-name", settings.node_name.is_some()),
        ("--admin-listen", settings.admin_listen.is_some()),
    ] {
        if is_said {
            return Err(StartError::ClusterAlone { setting });
        }
    }
    Ok(())
}

async fn open_stores(settings: &Settings) -> Result<Stores, StartError> {
    if let Some(config) = settings.postgres() {
        return Ok(Stores::open_postgres(config).await?);
    }
    let folder = &settings.data_dir;
    fs::create_dir_all(folder).map_err(|failure| StartError::DataFolder {
        folder: folder.clone(),
        failure,
    })?;
    let config = SqliteConfig {
        shards: settings.shards,
        ..SqliteConfig::new(settings.database())
    };
    Ok(Stores::open_sqlite(config).await?)
}

/// The shop with all shards, or, among other nodes, with none yet.
async fn start_shop(
    settings: &Settings,
    stores: &Stores,
    is_clustered: bool,
    lease: &LocalLease,
) -> Result<Shop, Failure> {
    let (journal, read_model) = (stores.journal.clone(), stores.read_model.clone());
    let (config, ownership) = (shop_config(settings), stores.ownership.as_ref());
    if is_clustered {
        let map = Arc::new(ShardMap::new(ownership.shard_count()));
        let shop = Shop::empty(config, map, lease.clone(), journal, read_model).await?;
        // Clients are heard before this node is one of several.
        shop.expect_others();
        return Ok(shop);
    }
    let me = NodeId::from_uuid(Uuid::now_v7());
    Shop::start(config, me, journal, read_model, ownership).await
}

fn shop_config(settings: &Settings) -> ShopConfig {
    ShopConfig {
        entities_max: usize::try_from(settings.entities_max).unwrap_or(usize::MAX),
        idle_after: Duration::from_secs(settings.entity_idle_s.into()),
        ..ShopConfig::default()
    }
}

/// What follows the journal on this node.
fn projections(settings: &Settings) -> Result<Vec<Arc<dyn ProjectionStart>>, KafkaSettingsError> {
    let Some(kafka) = settings.kafka() else {
        return Ok(Vec::new());
    };
    let bridge = KafkaBridge::new(kafka)?;
    Ok(vec![Arc::new(bridge)])
}

/// Everything `/metrics` shows.
async fn metrics(
    mut registry: Registry,
    schema: &Schema,
    shop: &Shop,
    stores: &Stores,
) -> (HttpMetrics, Scrape) {
    let metrics = HttpMetrics::new(fields(schema).await, &mut registry);
    shop.register(&mut registry);
    stores.register(&mut registry);
    let queue = Gauge::default();
    let help = "Appends waiting for the committer";
    registry.register("commit_queue_appends", help, queue.clone());
    let stores = stores.clone();
    let queue_len = Box::new(move || stores.queue_len());
    (
        metrics,
        Scrape {
            registry,
            queue,
            queue_len,
        },
    )
}

fn write_port_file(file: Option<&Path>, address: SocketAddr) -> Result<(), StartError> {
    let Some(file) = file else { return Ok(()) };
    fs::write(file, address.port().to_string()).map_err(|failure| StartError::PortFile {
        file: file.to_owned(),
        failure,
    })
}
