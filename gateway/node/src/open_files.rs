//! The limit of open files: raised as far as the system allows, and compared with what the node may
//! open. A node without a free descriptor can neither accept nor reconnect.

use rustix::process::{Resource, getrlimit, setrlimit};
use tracing::{info, warn};

use crate::settings::Settings;
use crate::start_error::StartError;

/// Standard streams, the runtime, sockets to listen on, the SQLite files and the resolver: some 60.
const BASE: u64 = 128;
/// Connections to Kafka: two clients with two connections to each of some 16 brokers.
const KAFKA: u64 = 64;
/// Connections of cluster members: to 256 other nodes, 64 unauthenticated ones, and 64 of the admin
/// API.
const CLUSTER: u64 = 384;
/// Connections to the database besides those of readers and committers.
const DATABASE: u64 = 8;
/// Fewer client connections than this make no usable node.
const CONNECTIONS_MIN: u64 = 16;

/// Raises the limit if that is needed, and lowers `connections_max` to what fits, with a warning.
///
/// # Errors
/// [`StartError::OpenFiles`] when fewer than [`CONNECTIONS_MIN`] connections fit.
pub(crate) fn fit(settings: &mut Settings) -> Result<(), StartError> {
    let others = others(settings);
    let needed = others + u64::from(settings.connections_max);
    let Some(limit) = raised(needed) else {
        return Ok(());
    };
    if limit >= needed {
        return Ok(());
    }
    let fitting = limit.saturating_sub(others);
    if fitting < CONNECTIONS_MIN {
        let needed = others + CONNECTIONS_MIN;
        return Err(StartError::OpenFiles { limit, needed });
    }
    let wanted = settings.connections_max;
    warn!(
        limit,
        needed,
        "the system allows {limit} open files, and connections_max = {wanted} may need {needed}: it is lowered to \
         {fitting}. Raise the hard limit (ulimit -Hn, LimitNOFILE=, --ulimit nofile=), or set --connections-max"
    );
    settings.connections_max = u32::try_from(fitting).unwrap_or(u32::MAX);
    Ok(())
}

/// What the node opens at most besides connections of clients.
fn others(settings: &Settings) -> u64 {
    let mut count = BASE;
    if settings.database_url.is_some() {
        let pools = 1 + u64::from(settings.database_replica_url.is_some());
        count += DATABASE + u64::from(settings.committers);
        count += pools * u64::from(settings.database_connections);
    }
    if settings.kafka_brokers.is_some() {
        count += KAFKA;
    }
    if settings.cluster.cluster_listen.is_some() {
        count += CLUSTER;
    }
    count
}

/// The limit, raised to the hard limit if fewer than `needed` are allowed; `None` for no limit.
fn raised(needed: u64) -> Option<u64> {
    let mut limits = getrlimit(Resource::Nofile);
    let soft = limits.current?;
    if soft >= needed {
        return Some(soft);
    }
    // Without a hard limit, some systems have one of their own.
    let to = limits.maximum.unwrap_or(needed);
    limits.current = Some(to);
    match setrlimit(Resource::Nofile, limits) {
        Ok(()) if to > soft => {
            info!(from = soft, to, "raised the limit of open files");
            Some(to)
        }
        _ => Some(soft),
    }
}
