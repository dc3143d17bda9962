//! What is reached over HTTP: a server's address, what to ask it, and the server itself where it is ours.

use std::net::SocketAddr;

use async_trait::async_trait;

use super::database::Database;
use super::{Conditions, Subject};
use crate::BenchError;
use crate::http::{HttpLoad, Requests};
use crate::load::{Measured, Plan};
use crate::process::{Role, ServerProcess};

/// Where requests go.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    /// Host and port, as the `host` header says them.
    pub(super) authority: String,
    pub(super) path: String,
    pub(super) address: SocketAddr,
}

impl Endpoint {
    /// The GraphQL endpoint of a server on this machine.
    pub(super) fn local(port: u16) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            authority: address.to_string(),
            path: "/graphql".to_owned(),
            address,
        }
    }

    /// As a URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}{}", self.authority, self.path)
    }
}

/// The requests of caller number n of a run.
pub(super) type MakeRequests = dyn Fn(&Plan, usize) -> Box<dyn Requests> + Send + Sync;

/// A server under load.
pub(super) struct HttpSubject {
    pub(super) server: Option<ServerProcess>,
    /// Where the server keeps its data, if not in its folder; gone after it.
    pub(super) database: Option<Database>,
    pub(super) address: SocketAddr,
    /// Connections of the next run.
    pub(super) connections: usize,
    pub(super) conditions: Conditions,
    pub(super) requests: Box<MakeRequests>,
}

#[async_trait]
impl Subject for HttpSubject {
    fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    async fn drive(&mut self, plan: &Plan) -> Result<Measured, BenchError> {
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
        stopped?;
        removed
    }
}
