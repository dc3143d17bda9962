//! A node: opens the stores, starts the shop, serves the API, and stops gracefully.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fritzy_actors::{Shop, ShopConfig};
use fritzy_cluster::{LocalLease, ShardMap};
use fritzy_gateway::{AnySchema, HttpMetrics, Readiness, Scrape, build_schema, routes, serve};
use fritzy_persistence::{Lost, SqliteConfig, Stores};
use fritzy_projections::Projections;
use fritzy_search::NoEngine;
use fritzy_types::{Failure, NodeId, Roles};
use futures_util::FutureExt as _;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::cluster::{self, ClusterMembership, ClusterMetrics, Sockets};
use crate::documents;
use crate::listening::{listen_on_first, resolve};
use crate::logging;
use crate::open_files;
use crate::projections;
use crate::settings::{ClusterSettings, Settings};
use crate::start_error::StartError;

/// For the parts of a node to stop that starts over: committers and projections give up within 3 s.
const ABANDON_MAX: Duration = Duration::from_secs(8);
/// For the connections of clients to end then, which hold the address of the API.
const CONNECTIONS_MAX: Duration = Duration::from_millis(200);

/// A running node: the API, the shop behind it, and its place in a cluster.
pub struct Node {
    address: SocketAddr,
    grace: Duration,
    readiness: Readiness,
    core: Core,
    cluster: Option<ClusterMembership>,
    server: Server,
    /// Makes the node unready when its database is damaged.
    _damage_watch: AbortOnDropHandle<()>,
}

/// The components behind the API.
struct Core {
    stores: Stores,
    shop: Arc<Shop>,
    projections: Arc<Projections>,
    lease: LocalLease,
}

struct Server {
    /// Stops accepting connections when dropped.
    stop: DropGuard,
    /// Ends when all requests have ended.
    serving: JoinHandle<()>,
}

impl Node {
    /// Starts a node. It serves when this returns.
    ///
    /// # Errors
    /// [`StartError`], each in one line that says what to do.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        Self::start_until(settings, std::future::pending()).await
    }

    /// Like [`Self::start`], but stops waiting for other nodes when `cancelled` completes.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_until(
        mut settings: Settings,
        cancelled: impl Future<Output = ()> + Send,
    ) -> Result<Self, StartError> {
        open_files::fit(&mut settings)?;
        let error = |failure| StartError::Listen {
            address: settings.listen.clone(),
            failure,
        };
        let addresses = resolve("--listen", &settings.listen).await?;
        let listener = listen_on_first(&addresses, TcpListener::bind).await;
        let listener = listener.map_err(error)?;
        let address = listener.local_addr().map_err(error)?;

        if settings.cluster.cluster_listen.is_some() && settings.database_url.is_none() {
            return Err(StartError::SqliteCluster);
        }
        refuse_cluster_settings_alone(&settings.cluster)?;
        let listed = documents::list(&settings.front)?;
        let sockets = cluster::bind(&settings.cluster).await?;
        let mut registry = Registry::with_prefix("fritzy");
        let metrics = ClusterMetrics::default();
        if sockets.is_some() {
            metrics.register(&mut registry);
        }
        let core = Core::start(&settings, sockets.is_some(), &mut registry).await?;
        let readiness = Readiness::default();
        let schema = core.schema(&settings).listing(listed);
        let server = serve_api(&settings, &core, schema, registry, listener, &readiness).await;
        let started = async {
            let cluster = match sockets {
                None => {
                    readiness.set(true);
                    None
                }
                Some(sockets) => {
                    let mut cluster = core.join(&settings, sockets).await?;
                    let map = core.shop.shard_map();
                    let readying = cluster.await_ready(map, readiness.clone(), metrics, cancelled);
                    readying.await;
                    Some(cluster)
                }
            };
            write_port_file(settings.port_file.as_deref(), address)?;
            Ok(cluster)
        };
        let cluster = match started.await {
            Ok(cluster) => cluster,
            Err(failure) => {
                server.serving.abort();
                core.stop().await;
                return Err(failure);
            }
        };
        info!(%address, "serving");
        let damage_watch = unready_when_damaged(core.stores.clone(), readiness.clone());
        Ok(Self {
            address,
            grace: Duration::from_millis(settings.shutdown_grace_ms),
            readiness,
            core,
            cluster,
            server,
            _damage_watch: AbortOnDropHandle::new(tokio::spawn(damage_watch)),
        })
    }

    /// The address of its API.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns when the database is of no further use to this node; see [`Lost`].
    pub async fn lost(&self) -> Lost {
        self.core.stores.lost().await
    }

    /// Stops at once, since the database has another history than this node knows: nothing is
    /// handed off, and requests in flight fail.
    pub async fn abandon(self) {
        self.readiness.end();
        self.core.lease.end();
        let Server { stop, serving } = self.server;
        drop(stop);
        let aborting = serving.abort_handle();
        if timeout(ABANDON_MAX, self.core.stop()).await.is_err() {
            warn!("some parts of this node did not stop in time; starting over without them");
        }
        // Idle connections have ended by now.
        if timeout(CONNECTIONS_MAX, serving).await.is_err() {
            aborting.abort();
        }
    }

    /// Stops gracefully: becomes unready, hands off shards, accepts no more connections, waits for
    /// running requests, stops the actors, and writes whatever is queued.
    pub async fn stop(self) {
        self.readiness.end();
        if let Some(cluster) = &self.cluster {
            cluster.drain().await;
        }
        let Server { stop, serving } = self.server;
        drop(stop);
        if timeout(self.grace, serving).await.is_err() {
            warn!(
                grace_ms = self.grace.as_millis(),
                "requests still run after the grace period; aborting them"
            );
        }
        if let Some(cluster) = &self.cluster {
            cluster.leave().await;
        }
        let is_damaged = self.core.stores.damaged().now_or_never().is_some();
        self.core.stop().await;
        match is_damaged {
            true => warn!("stopped; the database is damaged, and nothing more was written into it"),
            false => info!("stopped; all acknowledged changes are on disk"),
        }
    }
}

impl Core {
    /// Opens the stores, and starts the shop and the projections.
    async fn start(
        settings: &Settings,
        is_clustered: bool,
        registry: &mut Registry,
    ) -> Result<Self, StartError> {
        projections::check(settings)?;
        let stores = open_stores(settings).await?;
        let configured = projections::configured(settings, &stores);
        let lease = if is_clustered {
            LocalLease::lapsed()
        } else {
            LocalLease::unlimited()
        };
        let shop = Arc::new(start_shop(settings, &stores, is_clustered, &lease).await?);
        if configured.is_empty() {
            info!("KAFKA_BROKERS is not set: events stay in the journal");
        }
        let projections = Projections::start(
            configured,
            shop.leases(),
            &stores.journal,
            &stores.cursors,
            registry,
        );
        let projections = projections.await.map_err(|failure| {
            error!(%failure, "the projections did not start");
            Failure::Internal
        })?;
        Ok(Self {
            stores,
            shop,
            projections: Arc::new(projections),
            lease,
        })
    }

    fn schema(&self, settings: &Settings) -> AnySchema {
        let (shop, replicas) = (self.shop.clone(), self.stores.replicas.clone());
        build_schema(shop, replicas, Arc::new(NoEngine), settings.currency).into()
    }

    async fn join(
        &self,
        settings: &Settings,
        sockets: Sockets,
    ) -> Result<ClusterMembership, StartError> {
        let (projections, lease) = (self.projections.clone(), self.lease.clone());
        let (cluster, stores) = (&settings.cluster, &self.stores);
        ClusterMembership::join(cluster, sockets, stores, &self.shop, projections, lease).await
    }

    async fn stop(&self) {
        self.shop.stop().await;
        self.projections.stop().await;
        self.stores.close().await;
    }
}

/// Serves the API, the page at `/`, health and metrics.
async fn serve_api(
    settings: &Settings,
    core: &Core,
    schema: AnySchema,
    registry: Registry,
    listener: TcpListener,
    readiness: &Readiness,
) -> Server {
    let Core { stores, shop, .. } = core;
    let (metrics, scrape) = metrics(registry, &schema, shop, stores).await;
    let routes = routes(
        schema,
        settings.http(),
        readiness.clone(),
        metrics,
        scrape,
        Some(stores.replicas.clone()),
    );
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    let serving = serve(listener, routes, settings.connections(), stopped);
    Server {
        stop: stop.drop_guard(),
        serving: tokio::spawn(serving),
    }
}

/// Nothing can be written then, so requests should go elsewhere. The node goes on: what it has in
/// memory is sound, and a restart would not help.
async fn unready_when_damaged(stores: Stores, readiness: Readiness) {
    stores.damaged().await;
    readiness.end();
}

/// Refuses settings of a cluster on a node without one.
fn refuse_cluster_settings_alone(settings: &ClusterSettings) -> Result<(), StartError> {
    if settings.cluster_listen.is_some() {
        return Ok(());
    }
    if settings.roles() != Roles::ALL {
        return Err(StartError::RolesAlone);
    }
    for (setting, is_set) in [
        ("--cluster-cookie", settings.cluster_cookie.is_some()),
        ("--node-name", settings.node_name.is_some()),
        ("--admin-listen", settings.admin_listen.is_some()),
    ] {
        if is_set {
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

/// The shop: with all shards, or in a cluster with none yet.
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
        // Requests of clients may arrive before this node has joined.
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

/// All metrics of the node.
async fn metrics(
    mut registry: Registry,
    schema: &AnySchema,
    shop: &Shop,
    stores: &Stores,
) -> (HttpMetrics, Scrape) {
    let metrics = HttpMetrics::new(schema.operations().await, &mut registry);
    shop.register(&mut registry);
    stores.register(&mut registry);
    logging::register(&mut registry);
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
