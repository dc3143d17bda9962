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
        assert!(exposed.contains("x-request-id"), "{response:?}");
        assert_eq!(header(&response, "access-control-allow-credentials"), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cors_preflight_allows_the_api_headers() {
    let node = node_for(&[SHOP]).await;
    let headers = "accept,authorization,content-type,idempotency-key,x-request-id";
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
    }
    for request in [
        preflight(&node.api, SHOP, "DELETE", "content-type"),
        preflight(&node.api, SHOP, "POST", "x-else"),
    ] {
        let response = node.api.send(request, "").await;
        assert_eq!(response.status, StatusCode::FORBIDDEN);
        require_no_permission(&response);
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
        require_no_permission(&response);
        let request = preflight(&node.api, origin, "POST", "content-type");
        let response = node.api.send(request, "").await;
        assert_eq!(response.status, StatusCode::FORBIDDEN, "{origin}");
        require_no_permission(&response);
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
