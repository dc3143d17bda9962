//! `ceiling`: the document of `read`, asked of a server with the same HTTP code and the same GraphQL types whose
//! resolver answers from a hash map. What `read` costs beyond it is the cost of actors.

use std::ffi::OsString;
use std::path::Path;

use async_trait::async_trait;

use super::allowed_settings::Setting;
use super::durability::{Durability, Fsync};
use super::http_system::{Endpoint, HttpSubject};
use super::shop_data::account_name;
use super::{Conditions, Reach, Scenario, SetUp, Subject, read};
use crate::process::{Launch, ServerProcess};
use crate::random::SplitMix64;
use crate::{BenchError, GraphqlClient};

/// The scenario.
pub(super) struct CeilingScenario;

#[async_trait]
impl Scenario for CeilingScenario {
    fn name(&self) -> &'static str {
        "ceiling"
    }

    fn about(&self) -> &'static str {
        "what read asks, answered by the same front end from a hash map"
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

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn Subject>, BenchError> {
        let count = set_up.settings.accounts_count;
        let server = start_server(set_up, count).await?;
        let endpoint = Endpoint::local(server.port());
        let accounts = ceiling_accounts(set_up.seed, count);
        let ids: Vec<String> = accounts.into_iter().map(|(id, _)| id).collect();
        read::check_each(&GraphqlClient::new(&endpoint.url())?, &ids).await?;
        Ok(Box::new(HttpSubject {
            server: Some(server),
            database: None,
            address: endpoint.address,
            connections: set_up.settings.connections_count.unwrap_or(1),
            conditions: without_store(),
            requests: read::requests(&endpoint, &ids),
        }))
    }
}

/// The accounts of a ceiling server, id and name: the server and those who ask it make the same from the seed.
#[must_use]
pub fn ceiling_accounts(seed: u64, count: usize) -> Vec<(String, String)> {
    let mut random = SplitMix64::of(&[seed]);
    let account = |number| {
        let bytes = [random.next_u64(), random.next_u64()].map(u64::to_be_bytes);
        let bytes = std::array::from_fn(|index| bytes[index / 8][index % 8]);
        let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
        (id.to_string(), account_name(number))
    };
    (0..count).map(account).collect()
}

/// Starts this program again, as a server.
pub(super) async fn start_server(
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

/// The conditions of a server that keeps nothing.
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
    fn accounts_follow_from_the_seed() {
        let accounts = ceiling_accounts(1, 3);
        assert_eq!(accounts, ceiling_accounts(1, 3));
        assert_eq!(accounts[..2], ceiling_accounts(1, 2));
        assert_ne!(accounts, ceiling_accounts(2, 3));
        assert_eq!(accounts[2].1, "c00002");
        assert!(accounts.iter().all(|(id, _)| id.len() == 36));
    }
}
