//! `hello`: the shortest response of the front end, the probe `live`, without GraphQL. It measures
//! the cost of HTTP, the client and this machine. `overload` chooses rates below it, so that the
//! generator is not the bottleneck.

use async_trait::async_trait;

use super::allowed_settings::Setting;
use super::baseline::{start_baseline_server, without_store};
use super::http_system::{Endpoint, HttpSystem};
use super::{Reach, Scenario, SetUp, SystemUnderTest};
use crate::BenchError;
use crate::http::{Requests, get};
use crate::load::{Outcome, Rejection};

pub(super) struct Hello;

#[async_trait]
impl Scenario for Hello {
    fn name(&self) -> &'static str {
        "hello"
    }

    fn about(&self) -> &'static str {
        "GET /healthz/live over HTTP: the server and the client without GraphQL"
    }

    fn reach(&self) -> Reach {
        Reach::Http
    }

    fn takes(&self) -> &'static [Setting] {
        &[Setting::InFlight, Setting::Rate, Setting::Connections]
    }

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn SystemUnderTest>, BenchError> {
        let server = start_baseline_server(set_up, 1).await?;
        let endpoint = Endpoint::local(server.port());
        let request = get(&endpoint.authority, "/healthz/live");
        Ok(Box::new(HttpSystem {
            server: Some(server),
            database: None,
            topics: None,
            address: endpoint.address,
            connections: set_up.settings.connections_count.unwrap_or(1),
            conditions: without_store(),
            requests: Box::new(move |_, _| Box::new(HelloRequests(request.clone()))),
        }))
    }
}

struct HelloRequests(Vec<u8>);

impl Requests for HelloRequests {
    fn write_next(&mut self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.0);
    }

    fn check_response(&self, status: u16, body: &[u8]) -> Outcome {
        match (status, body) {
            (200, b"live\n") => Outcome::Accepted,
            (200, _) => Outcome::Rejected(Rejection::WrongResponse),
            _ => Outcome::Rejected(Rejection::HttpStatus(status)),
        }
    }
}
