//! The mutations. Each passes on the client's input, with the command that its idempotency key
//! identifies.

mod account;
mod order;
mod product;

use async_graphql::{Context, MergedObject};
use fritzy_actors::{Request, Target};
use fritzy_domain::{FingerprintBuilder, Flaw, Rejection, Version};

use super::errors::{FieldResult, rejected};
use super::idempotency::command_request;
use super::order_page::OrderPage;
use account::AccountMutations;
use order::OrderMutations;
use product::ProductMutations;

/// Mutations. Each takes an idempotency key, as an argument or, for all mutations of a request, as
/// the header `Idempotency-Key`: a retry with the same key and input returns the original result
/// and changes nothing. Mutations of an existing entity also take an `expectedVersion` for
/// optimistic locking: at any other version they fail.
#[derive(MergedObject)]
#[graphql(name = "Mutation")]
pub struct Mutation(OrderMutations, AccountMutations, ProductMutations);

impl Mutation {
    pub(crate) const fn new() -> Self {
        Self(OrderMutations, AccountMutations, ProductMutations)
    }
}

/// The result of a mutation that may fail without its siblings: inside an `Option`, an error nulls
/// only its field.
///
/// A page inside it that is invalid would null the whole result, after the mutation took effect. So
/// pages are checked before.
async fn failing_alone<T>(
    context: &Context<'_>,
    mutation: impl Future<Output = FieldResult<T>>,
) -> Option<FieldResult<T>> {
    if let Err(rejection) = OrderPage::check_inside(&context.field()) {
        return Some(Err(rejected(rejection)));
    }
    Some(mutation.await)
}

/// The arguments of every mutation of an existing entity.
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

    /// The request of the mutation; `content` adds its input besides id and version to the
    /// fingerprint.
    fn request(
        &self,
        context: &Context<'_>,
        mutation: &str,
        content: impl FnOnce(FingerprintBuilder) -> FingerprintBuilder,
    ) -> FieldResult<Request> {
        let expected = self.expected_version.map(|version| version.to_string());
        let content = |print: FingerprintBuilder| content(print.optional(expected.as_deref()));
        // Ids are case-insensitive.
        let id = self.id.to_ascii_lowercase();
        command_request(context, mutation, &id, self.key.as_deref(), content).map_err(rejected)
    }
}
