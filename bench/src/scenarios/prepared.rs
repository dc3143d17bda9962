//! Requests that are built before the load starts, and chosen at random.

use std::sync::Arc;

use fastrand::Rng;

use super::http_system::MakeRequests;
use crate::http::{GraphqlRequest, Requests, check_graphql_response};
use crate::load::{Outcome, Plan};
use crate::random::seeded;

/// A request, and the start of its response.
pub(super) struct Prepared {
    request: Vec<u8>,
    response_start: Vec<u8>,
}

impl Prepared {
    /// The request with these variables, a JSON object.
    pub(super) fn new(request: &GraphqlRequest, variables: &[u8], response_start: String) -> Self {
        let mut bytes = Vec::new();
        request.write(&[variables], &mut bytes);
        Self {
            request: bytes,
            response_start: response_start.into_bytes(),
        }
    }
}

/// Random ones of these, of which there must be at least one.
pub(super) fn random_ones(prepared: Arc<[Prepared]>) -> Box<MakeRequests> {
    Box::new(move |plan: &Plan, number| {
        Box::new(RandomRequests {
            prepared: prepared.clone(),
            random: seeded(&[plan.seed, plan.repetition as u64, number as u64]),
            chosen: 0,
        })
    })
}

struct RandomRequests {
    prepared: Arc<[Prepared]>,
    random: Rng,
    chosen: usize,
}

impl Requests for RandomRequests {
    fn write_next(&mut self, buffer: &mut Vec<u8>) {
        self.chosen = self.random.usize(..self.prepared.len());
        buffer.extend_from_slice(&self.prepared[self.chosen].request);
    }

    fn check_response(&self, status: u16, body: &[u8]) -> Outcome {
        check_graphql_response(&self.prepared[self.chosen].response_start, status, body)
    }
}
