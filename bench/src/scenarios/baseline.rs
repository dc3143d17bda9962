//! `ceiling`: the document of `read`, sent to a server with the same HTTP code and the same GraphQL
//! types whose resolver reads from a hash map. The difference between `read` and this is the cost
//! of actors.

use std::ffi::OsString;
use std::path::Path;

use async_trait::async_trait;

use super::allowed_settings::Setting;
use super::durability::{Durability, Fsync};
use super::http_system::{Endpoint, HttpSystem};
use super::shop_data::account_name;
use super::{Conditions, Reach, Scenario, SetUp, SystemUnderTest, read};
use crate::process::{Launch, ServerProcess};
use crate::random::seeded;
use crate::{BenchError, GraphqlClient};

pub(super) struct BaselineScenario;

#[async_trait]
impl Scenario for BaselineScenario {
    fn name(&self) -> &'static str {
        "ceiling"
    }

    fn about(&self) -> &'static str {
        "the query of read, served by the same front end from a hash map"
    }

    fn reach(&self) -> Reach {
        Reach::Http
    }

    fn takes(&self) -> &'static [Setting] {
        &[
            Setting::InFlight,
            Setting::Rate,
            Setting::Connections,
            Setting::Accounts,
        ]
    }

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn SystemUnderTest>, BenchError> {
        let count = set_up.settings.accounts_count;
        let server = start_baseline_server(set_up, count).await?;
        let endpoint = Endpoint::local(server.port());
        let accounts = baseline_accounts(set_up.seed, count);
        let ids: Vec<String> = accounts.into_iter().map(|(id, _)| id).collect();
        read::check_each(&GraphqlClient::new(&endpoint.url())?, &ids).await?;
        Ok(Box::new(HttpSystem {
            server: Some(server),
            database: None,
            topics: None,
            address: endpoint.address,
            connections: set_up.settings.connections_count.unwrap_or(1),
            conditions: without_store(),
            requests: read::requests(&endpoint, &ids),
        }))
    }
}

/// The accounts of a baseline server, id and name. The server and the load generator derive the
/// same accounts from the seed.
#[must_use]
pub fn baseline_accounts(seed: u64, count: usize) -> Vec<(String, String)> {
    let mut random = seeded(&[seed]);
    let account = |number| {
        let bytes = [random.u64(..), random.u64(..)].map(u64::to_be_bytes);
        let bytes = std::array::from_fn(|index| bytes[index / 8][index % 8]);
        let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
        (id.to_string(), account_name(number))
    };
    (0..count).map(account).collect()
}

/// Starts this program as a baseline server in another process.
pub(super) async fn start_baseline_server(
    set_up: &SetUp<'_>,
    accounts: usize,
) -> Result<ServerProcess, BenchError> {
    let program = std::env::current_exe().unwrap_or_else(|_| Path::new("fritzy-bench").to_owned());
    let seed = format!("--seed={}", set_up.seed);
    let accounts = format!("--accounts={accounts}");
    let launch = Launch {
        program,
        arguments: ["ceiling-server", &seed, &accounts]
            .map(OsString::from)
            .to_vec(),
        environment: Vec::new(),
        has_data: false,
        within: set_up.within.to_owned(),
        core: set_up.cores.map(|cores| cores.server),
    };
    Ok(launch.start().await?)
}

/// The conditions of a server without a store.
pub(super) fn without_store() -> Conditions {
    Conditions {
        durability: Durability::without(Fsync::NoStore, "nothing is written"),
        node_settings: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_determined_by_the_seed() {
        let accounts = baseline_accounts(1, 3);
        assert_eq!(accounts, baseline_accounts(1, 3));
        assert_eq!(accounts[..2], baseline_accounts(1, 2));
        assert_ne!(accounts, baseline_accounts(2, 3));
        assert_eq!(accounts[2].1, "c00002");
        assert!(accounts.iter().all(|(id, _)| id.len() == 36));
    }
}
