//! Invalid input (requirement A7): the response names the argument and the reason, nothing is
//! written, and the node continues.

mod annotations;
mod arguments;
mod keys;
mod orders;
mod pages;
mod prices;
mod requests;
mod texts;

use fritzy_testbed_shop::ApiError;
use serde_json::Value;

use crate::node::TestNode;

/// An id in this shop's format that no entity has.
const NOBODY: &str = "0192d3a0-1111-7222-8333-444455556666";

/// Texts that are not ids: each id has exactly one spelling.
const NO_IDS: [&str; 6] = [
    "",
    "account-id",
    "0192d3a0111172228333444455556666",
    "{0192d3a0-1111-7222-8333-444455556666}",
    " 0192d3a0-1111-7222-8333-44445555666",
    "0192d3a0-1111-7222-8333-44445555666g",
];

/// A shop with some data, so that an unwanted write is noticed.
struct FilledShop {
    node: TestNode,
    account: String,
    product: String,
    before: String,
}

impl FilledShop {
    async fn start() -> Self {
        let node = TestNode::start().await;
        let account = node.api.new_account("Ada").await;
        let product = node.api.new_product("Lamp", 14.66).await;
        node.api.new_order(&account, &[(&product, 2)]).await;
        let before = node.api.everything().await;
        Self {
            node,
            account,
            product,
            before,
        }
    }

    /// Requires that a document is refused with this error and changes nothing.
    async fn require_refused(&self, document: &str, variables: Value, expected: &ApiError) {
        let response = self.node.api.run_with(document, variables.clone()).await;
        assert_eq!(response.api_error(), *expected, "{variables}: {response:?}");
        self.require_unchanged(&variables).await;
    }

    /// Requires that a document with a value outside its type is refused by GraphQL.
    async fn require_no_value(&self, document: &str, variables: Value) {
        let response = self.node.api.run_with(document, variables.clone()).await;
        let code = response.code();
        assert!(
            ["BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"].contains(&code.as_str()),
            "{variables}: {response:?}"
        );
        self.require_unchanged(&variables).await;
    }

    async fn require_unchanged(&self, sent: &Value) {
        let after = self.node.api.everything().await;
        assert_eq!(after, self.before, "written by {sent}");
    }
}
