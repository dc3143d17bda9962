//! Metrics of a node, as Prometheus reads them.

use std::time::{Duration, Instant};

use fritzy_testbed_shop::Api;
use hyper::Method;
use tokio::time::sleep;

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

/// Waits until a node's bridge has published everything.
pub(crate) async fn wait_published(api: &Api, limit: Duration) {
    let published = "fritzy_projection_lag_events{projection=\"kafka\"} 0\n";
    let (began, mut times) = (Instant::now(), 0);
    // Twice in a row: at its start, a node does not know its lag yet.
    while times < 2 {
        sleep(Duration::from_millis(1_500)).await;
        let scrape = api.request(Method::GET, "/metrics");
        let metrics = api.send(scrape, "").await.text;
        times = if metrics.contains(published) {
            times + 1
        } else {
            0
        };
        assert!(began.elapsed() < limit, "{metrics}");
    }
}
