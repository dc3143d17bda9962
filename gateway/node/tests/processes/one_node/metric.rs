//! Metrics of a node, as Prometheus reads them.

use fritzy_testbed_shop::Api;
use hyper::Method;

/// The value of a metric without labels.
pub(super) async fn metric(api: &Api, name: &str) -> f64 {
    let request = api.request(Method::GET, "/metrics");
    let text = api.send(request, "").await.text;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = line.unwrap_or_else(|| panic!("no {name}: {text}"));
    value.parse().expect("a number")
}
