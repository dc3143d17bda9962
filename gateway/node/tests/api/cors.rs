//! Which web pages may call the API: only the node's own, unless the settings name others.

use fritzy_testbed_shop::{Api, Response};
use hyper::http::request::Builder;
use hyper::{Method, StatusCode};

use crate::node::TestNode;

const SHOP: &str = "https://shop.example";
const ADMIN: &str = "http://admin.example:8080";
const EVIL: &str = "https://evil.example";

async fn node_for(origins: &[&str]) -> TestNode {
    let origins = origins.iter().map(ToString::to_string).collect();
    TestNode::start_with(|settings| settings.cors_origins = origins).await
}

async fn query_from(api: &Api, origin: &str) -> Response {
    let request = api.post().header("origin", origin);
    api.send(request, r#"{"query":"{ accounts { id } }"}"#)
        .await
}

fn preflight(api: &Api, origin: &str, method: &str, headers: &str) -> Builder {
    api.request(Method::OPTIONS, "/graphql")
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", headers)
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers.get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// All names of the headers by which a response differs.
fn varies(response: &Response) -> String {
    let values = response.headers.get_all("vary").iter();
    let values = values.filter_map(|value| value.to_str().ok());
    values.collect::<Vec<_>>().join(", ")
}

/// A refusal has the form of every other error, for whoever looks at it in the browser's tools.
fn require_refusal(response: &Response) {
    assert_eq!(response.status, StatusCode::FORBIDDEN, "{response:?}");
    assert_eq!(
        header(response, "content-type"),
        "application/json; charset=utf-8"
    );
    assert_eq!(response.code(), "CORS_REFUSED", "{response:?}");
    assert!(!header(response, "x-request-id").is_empty(), "{response:?}");
    assert!(varies(response).contains("origin"), "{response:?}");
    require_no_permission(response);
}

fn require_no_permission(response: &Response) {
    let mut names = response.headers.keys();
    assert!(
        !names.any(|name| name.as_str().starts_with("access-control-")),
        "{response:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn cors_allows_no_origin_by_default() {
    for origins in [&[][..], &[""], &[" "]] {
        let node = node_for(origins).await;
        let response = query_from(&node.api, SHOP).await;
        assert_eq!(response.status, StatusCode::OK);
        require_no_permission(&response);
        let request = preflight(&node.api, SHOP, "POST", "content-type");
        let response = node.api.send(request, "").await;
        assert!(!response.status.is_success(), "{response:?}");
        require_no_permission(&response);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cors_allows_listed_origins() {
    let node = node_for(&[SHOP, &format!(" {ADMIN} ")]).await;
    for origin in [SHOP, ADMIN] {
        let response = query_from(&node.api, origin).await;
        assert_eq!(response.text, r#"{"data":{"accounts":[]}}"#);
        assert_eq!(header(&response, "access-control-allow-origin"), origin);
        let exposed = header(&response, "access-control-expose-headers");
        for name in ["x-request-id", "retry-after"] {
            assert!(exposed.contains(name), "{response:?}");
        }
        assert!(varies(&response).contains("origin"), "{response:?}");
        assert_eq!(header(&response, "access-control-allow-credentials"), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cors_preflight_allows_the_api_headers() {
    let node = node_for(&[SHOP]).await;
    let headers = "accept,authorization,baggage,content-type,idempotency-key,sentry-trace,\
                   traceparent,tracestate,x-request-id,apollo-require-preflight,\
                   apollographql-client-name,apollographql-client-version,\
                   x-apollo-operation-name,x-apollo-operation-type,graphql-cost";
    for method in ["POST", "GET"] {
        let request = preflight(&node.api, SHOP, method, headers);
        let response = node.api.send(request, "").await;
        assert!(response.status.is_success(), "{response:?}");
        assert_eq!(header(&response, "access-control-allow-origin"), SHOP);
        assert!(header(&response, "access-control-allow-methods").contains(method));
        let allowed = header(&response, "access-control-allow-headers").to_lowercase();
        for name in headers.split(',') {
            assert!(allowed.contains(name), "{name} in {response:?}");
        }
        assert_eq!(header(&response, "access-control-max-age"), "7200");
        let vary = varies(&response);
        for name in ["origin", "access-control-request-headers"] {
            assert!(vary.contains(name), "{response:?}");
        }
    }
    for request in [
        preflight(&node.api, SHOP, "DELETE", "content-type"),
        preflight(&node.api, SHOP, "POST", "x-else"),
    ] {
        let response = node.api.send(request, "").await;
        require_refusal(&response);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cors_rejects_unlisted_origins() {
    let node = node_for(&[SHOP]).await;
    for origin in [
        EVIL,
        "http://shop.example",
        "https://shop.example:444",
        "null",
    ] {
        let response = query_from(&node.api, origin).await;
        require_refusal(&response);
        let request = preflight(&node.api, origin, "POST", "content-type");
        require_refusal(&node.api.send(request, "").await);
        let request = node.api.post().header("origin", origin);
        let request = request.header("x-request-id", "mine");
        let response = node.api.send(request, "{}").await;
        assert_eq!(header(&response, "x-request-id"), "mine");
    }
    let response = node.api.run("{ accounts { id } }").await;
    assert_eq!(
        response.status,
        StatusCode::OK,
        "what is no page sends no origin"
    );
    require_no_permission(&response);
}

#[tokio::test(flavor = "multi_thread")]
async fn cors_star_allows_every_origin() {
    for origins in [&["*"][..], &[SHOP, "*"]] {
        let node = node_for(origins).await;
        for origin in [SHOP, EVIL, "null"] {
            let response = query_from(&node.api, origin).await;
            assert_eq!(response.status, StatusCode::OK);
            let allowed = header(&response, "access-control-allow-origin");
            assert!([origin, "*"].contains(&allowed), "{response:?}");
            let request = preflight(&node.api, origin, "POST", "content-type");
            let response = node.api.send(request, "").await;
            assert!(response.status.is_success(), "{response:?}");
        }
    }
}

/// Browsers send the origin with every POST, also to the page's own host. The node's own page needs
/// no setting.
#[tokio::test(flavor = "multi_thread")]
async fn cors_ignores_requests_of_the_same_origin() {
    for origins in [&[][..], &[SHOP]] {
        let node = node_for(origins).await;
        let own = format!("http://{}", node.address());
        let response = query_from(&node.api, &own).await;
        assert_eq!(response.status, StatusCode::OK, "{origins:?}: {response:?}");
        assert_eq!(response.text, r#"{"data":{"accounts":[]}}"#);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cors_allows_headers_of_the_settings() {
    let node = TestNode::start_with(|settings| {
        settings.cors_origins = vec![SHOP.to_owned()];
        settings.front.cors_headers = vec!["x-tenant".to_owned()];
    })
    .await;
    let request = preflight(&node.api, SHOP, "POST", "content-type, X-Tenant");
    let response = node.api.send(request, "").await;
    assert!(response.status.is_success(), "{response:?}");
    for names in ["x-tenants", "x-tenant, x-else", "x-not-apollo"] {
        let request = preflight(&node.api, SHOP, "POST", names);
        require_refusal(&node.api.send(request, "").await);
    }
}

/// Caches between must not give one origin's response to another, or to no origin.
#[tokio::test(flavor = "multi_thread")]
async fn cors_responses_without_origin_vary_by_it() {
    let node = node_for(&[SHOP]).await;
    let response = node.api.run("{ accounts { id } }").await;
    assert!(varies(&response).contains("origin"), "{response:?}");
    let node = node_for(&[]).await;
    let response = node.api.run("{ accounts { id } }").await;
    assert!(!varies(&response).contains("origin"), "{response:?}");
}
