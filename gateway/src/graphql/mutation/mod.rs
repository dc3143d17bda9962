//! The mutations. Each hands on what the client wrote, with the command its key stands for.

mod account;
mod order;
mod product;

use async_graphql::{Context, MergedObject};
use fritzy_actors::{Request, Target};
use fritzy_domain::{FingerprintBuilder, Flaw, Rejection, Version};

use super::errors::{FieldResult, rejected};
use super::idempotency::command_request;
use account::AccountMutations;
use order::OrderMutations;
use product::ProductMutations;

/// What can be changed. Every mutation takes an idempotency key, as an argument or for all mutations
/// of a request as the header `Idempotency-Key`: repeated with the same key and content it answers
/// what it answered first, and changes nothing more. Those that change something that exists take an
/// `expectedVersion` as well: at any other version they are refused.
#[derive(MergedObject)]
#[graphql(name = "Mutation")]
pub struct Mutation(OrderMutations, AccountMutations, ProductMutations);

impl Mutation {
    pub(crate) const fn new() -> Self {
        Self(OrderMutations, AccountMutations, ProductMutations)
    }
}

/// The arguments that every change of something that exists has.
struct Change {
    id: String,
    expected_version: Option<Version>,
    key: Option<String>,
}

impl Change {
    fn new(id: String, expected_version: Option<i32>, key: Option<String>) -> FieldResult<Self> {
        let expected_version = expected_version.map(Version::try_from).transpose();
        let expected_version = expected_version.map_err(|_| {
            let flaw = Flaw::OutOfRange {
                min: 0,
                max: i64::from(i32::MAX),
            };
            rejected(Rejection::invalid("expectedVersion", flaw))
        })?;
        Ok(Self {
            id,
            expected_version,
            key,
        })
    }

    fn target(&self) -> Target<'_> {
        Target {
            id: &self.id,
            expected_version: self.expected_version,
        }
    }

    /// The request behind the mutation; `content` adds what it sends beside id and version.
    fn request(
        &self,
        context: &Context<'_>,
        mutation: &str,
        content: impl FnOnce(FingerprintBuilder) -> FingerprintBuilder,
    ) -> FieldResult<Request> {
        let expected = self.expected_version.map(|version| version.to_string());
        let content = |print: FingerprintBuilder| content(print.optional(expected.as_deref()));
        // An id may be written in capitals; it is the same thing.
        let id = self.id.to_ascii_lowercase();
        command_request(context, mutation, &id, self.key.as_deref(), content).map_err(rejected)
    }
}
