//! A server that is reached over HTTP as the system under test: its address, its requests, and its
//! process if the run started it.

use std::net::SocketAddr;

use async_trait::async_trait;

use super::bench_topics::BenchTopics;
use super::database::Database;
use super::{Conditions, SystemUnderTest};
use crate::BenchError;
use crate::http::{HttpLoad, Requests};
use crate::load::{Measurement, Plan};
use crate::process::{Role, ServerProcess};

/// The target of the requests.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    /// Host and port, as in the `host` header.
    pub(super) authority: String,
    pub(super) path: String,
    pub(super) address: SocketAddr,
}

impl Endpoint {
    pub(super) fn local(port: u16) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            authority: address.to_string(),
            path: "/graphql".to_owned(),
            address,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}{}", self.authority, self.path)
    }
}

/// Creates the requests of caller number n of a run.
pub(super) type MakeRequests = dyn Fn(&Plan, usize) -> Box<dyn Requests> + Send + Sync;

pub(super) struct HttpSystem {
    pub(super) server: Option<ServerProcess>,
    /// The server's database, if its data is not in its folder; dropped after the server.
    pub(super) database: Option<Database>,
    /// The topics that the server publishes to.
    pub(super) topics: Option<BenchTopics>,
    pub(super) address: SocketAddr,
    /// Connections of the next [`SystemUnderTest::drive`].
    pub(super) connections: usize,
    pub(super) conditions: Conditions,
    pub(super) requests: Box<MakeRequests>,
}

#[async_trait]
impl SystemUnderTest for HttpSystem {
    fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    async fn drive(&mut self, plan: &Plan) -> Result<Measurement, BenchError> {
        let mut processes = vec![(Role::Generator, std::process::id())];
        if let Some(server) = &self.server {
            processes.push((Role::Server, server.pid()));
        }
        processes.extend(self.database.as_ref().and_then(Database::process));
        let requests = |number: usize| (self.requests)(plan, number);
        let load = HttpLoad {
            address: self.address,
            connections: self.connections,
            requests: &requests,
        };
        load.drive(plan, &processes).await
    }

    async fn tear_down(self: Box<Self>) -> Result<(), BenchError> {
        let stopped = match self.server {
            Some(server) => server.stop().await,
            None => Ok(()),
        };
        let removed = match self.database {
            Some(database) => database.remove().await,
            None => Ok(()),
        };
        let deleted = match &self.topics {
            Some(topics) => topics.delete().await,
            None => Ok(()),
        };
        stopped?;
        removed?;
        deleted
    }
}
