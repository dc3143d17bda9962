//! External references and metadata outside their limits.

use fritzy_testbed_shop::ApiError;
use serde_json::json;

use super::FilledShop;
use crate::references::{BY_REFERENCE, entries};

const CREATE_ACCOUNT: &str =
    "mutation($account: AccountInput!) { createAccount(account: $account) { id } }";

#[tokio::test(flavor = "multi_thread")]
async fn invalid_annotations_are_refused_by_their_place() {
    let shop = FilledShop::start().await;
    let (long, key) = ("é".repeat(129), "k".repeat(41));
    let many: Vec<(String, String)> = (0..21).map(|n| (format!("k{n}"), String::new())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let large = "x".repeat(500);
    let large: Vec<(&str, &str)> = many[..17]
        .iter()
        .map(|(k, _)| (*k, large.as_str()))
        .collect();
    for (input, field, reason) in [
        (
            json!({ "externalReference": "" }),
            "externalReference",
            "EMPTY",
        ),
        (
            json!({ "externalReference": "\u{200b}\u{3164} " }),
            "externalReference",
            "EMPTY",
        ),
        (
            json!({ "externalReference": "a\nb" }),
            "externalReference",
            "CONTROL_CHARACTER",
        ),
        (
            json!({ "externalReference": "a\u{2029}b" }),
            "externalReference",
            "CONTROL_CHARACTER",
        ),
        (
            json!({ "externalReference": "a\u{0}" }),
            "externalReference",
            "CONTROL_CHARACTER",
        ),
        (
            json!({ "externalReference": long }),
            "externalReference",
            "TOO_LONG",
        ),
        (
            json!({ "metadata": entries(&[("a", ""), ("a b", "")]) }),
            "metadata[1].key",
            "NOT_A_KEY",
        ),
        (
            json!({ "metadata": entries(&[("", "")]) }),
            "metadata[0].key",
            "EMPTY",
        ),
        (
            json!({ "metadata": entries(&[(&key, "")]) }),
            "metadata[0].key",
            "TOO_LONG",
        ),
        (
            json!({ "metadata": entries(&[("a", ""), ("a", "")]) }),
            "metadata[1].key",
            "REPEATED",
        ),
        (
            json!({ "metadata": entries(&[("a", "\u{0}")]) }),
            "metadata[0].value",
            "CONTROL_CHARACTER",
        ),
        (
            json!({ "metadata": entries(&[("a", &"x".repeat(501))]) }),
            "metadata[0].value",
            "TOO_LONG",
        ),
        (
            json!({ "metadata": entries(&many) }),
            "metadata",
            "TOO_MANY",
        ),
        (
            json!({ "metadata": entries(&large) }),
            "metadata",
            "TOO_LONG",
        ),
    ] {
        let mut account = input.clone();
        account["name"] = json!("Ada");
        let expected = ApiError::argument(&format!("account.{field}"), reason);
        shop.require_refused(CREATE_ACCOUNT, json!({ "account": account }), &expected)
            .await;
    }
    for reference in ["", "a\nb", &long] {
        let variables = json!({ "reference": reference });
        let refused = shop.node.api.run_with(BY_REFERENCE, variables).await.json();
        let errors = refused["errors"].as_array();
        assert_eq!(errors.map(Vec::len), Some(3), "{refused}");
        assert_eq!(
            refused["errors"][0]["extensions"]["field"],
            "externalReference"
        );
    }
}
