//! Documents that the operator lists (`--documents`), alone (`--documents-only`) or beside others.

use std::path::PathBuf;

use fritzy_testbed_shop::{Api, Response};
use hyper::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::node::TestNode;

const ACCOUNTS: &str = "query Accounts { accounts { name } }";
const CREATE: &str =
    "mutation Create($name: String!) { createAccount(account: { name: $name }) { name } }";
const OTHER: &str = "{ products { id } }";

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As npm `@apollo/generate-persisted-query-manifest` writes it.
fn apollo_manifest() -> Value {
    json!({
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": [
            { "id": hash(ACCOUNTS), "name": "Accounts", "type": "query", "body": ACCOUNTS },
            { "id": hash(CREATE), "name": "Create", "type": "mutation", "body": CREATE },
        ],
    })
}

/// As relay-compiler and graphql-codegen write it; Relay's hashes are MD5.
fn map_manifest() -> Value {
    json!({ hash(ACCOUNTS): ACCOUNTS, "0123456789abcdef0123456789abcdef": CREATE })
}

struct Listing {
    node: TestNode,
    _folder: TempDir,
}

async fn node_listing(manifest: &Value, only: bool) -> Listing {
    let folder = TempDir::new().expect("a folder");
    let file: PathBuf = folder.path().join("documents.json");
    std::fs::write(&file, manifest.to_string()).expect("written");
    let node = TestNode::start_with(|settings| {
        settings.front.documents = Some(file);
        settings.front.documents_only = only;
    })
    .await;
    Listing {
        node,
        _folder: folder,
    }
}

async fn send(api: &Api, body: Value) -> Response {
    api.send(api.post(), body.to_string()).await
}

async fn by_hash(api: &Api, hash: &str, variables: Value) -> Response {
    let extension = json!({ "version": 1, "sha256Hash": hash });
    let extensions = json!({ "persistedQuery": extension });
    send(
        api,
        json!({ "extensions": extensions, "variables": variables }),
    )
    .await
}

fn require_not_allowed(response: &Response) {
    assert_eq!(response.status, StatusCode::FORBIDDEN, "{response:?}");
    assert_eq!(response.code(), "DOCUMENT_NOT_ALLOWED");
}

#[tokio::test(flavor = "multi_thread")]
async fn listed_documents_are_executed_by_id() {
    for only in [false, true] {
        for (manifest, create) in [
            (apollo_manifest(), hash(CREATE)),
            (map_manifest(), "0123456789abcdef0123456789abcdef".into()),
        ] {
            let listing = node_listing(&manifest, only).await;
            let api = &listing.node.api;
            let created = by_hash(api, &create, json!({ "name": "Ada" })).await;
            assert_eq!(created.data("/createAccount/name"), "Ada");
            let accounts = by_hash(api, &hash(ACCOUNTS), json!({})).await;
            assert_eq!(accounts.data("/accounts"), json!([{ "name": "Ada" }]));
            let by_id = send(api, json!({ "documentId": hash(ACCOUNTS) })).await;
            assert_eq!(by_id.data("/accounts/0/name"), "Ada");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_listed_documents_are_executed() {
    let listing = node_listing(&apollo_manifest(), true).await;
    let api = &listing.node.api;
    let listed = api.run(ACCOUNTS).await;
    assert_eq!(listed.data("/accounts"), json!([]), "by its text as well");
    let nearly = ACCOUNTS.replace("name", "name id");
    for text in [OTHER, &nearly, "{ __typename }", "{ nope }", "{", ""] {
        require_not_allowed(&api.run(text).await);
    }
    // Nobody registers others.
    let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash(OTHER) } });
    require_not_allowed(&by_hash(api, &hash(OTHER), json!({})).await);
    let body = json!({ "query": OTHER, "extensions": extensions });
    require_not_allowed(&send(api, body).await);
    require_not_allowed(&by_hash(api, &hash(OTHER), json!({})).await);
    require_not_allowed(&send(api, json!({ "documentId": "nope" })).await);
    // A listed id does not carry another text in.
    let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash(ACCOUNTS) } });
    let body = json!({ "query": OTHER, "extensions": extensions });
    require_not_allowed(&send(api, body).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn listed_documents_leave_others_to_clients() {
    let listing = node_listing(&map_manifest(), false).await;
    let api = &listing.node.api;
    assert_eq!(api.run(OTHER).await.data("/products"), json!([]));
    let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash(OTHER) } });
    let unknown = by_hash(api, &hash(OTHER), json!({})).await;
    assert_eq!(unknown.code(), "PERSISTED_QUERY_NOT_FOUND");
    let body = json!({ "query": OTHER, "extensions": extensions });
    assert_eq!(send(api, body).await.data("/products"), json!([]));
    let known = by_hash(api, &hash(OTHER), json!({})).await;
    assert_eq!(known.data("/products"), json!([]));
}
