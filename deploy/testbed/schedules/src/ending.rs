//! After all faults: what every node says of every entity, and that everything is published.

use std::time::{Duration, Instant};

use fritzy_testbed_shop::Api;
use hyper::Method;
use tokio::time::sleep;

use crate::client::{PATIENCE, Shared};
use crate::observation::{Attempt, Outcome, Request};
use crate::shop::{self, Kind, PatientApi};

/// For a read of a healed cluster: shards may still move.
const READ_MAX: Duration = Duration::from_secs(20);
/// Until everything is published: a broker that was away may just have returned.
const PUBLISHED_MAX: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Between two looks at the lag, both of which must show none: at its start, a node does not know
/// its lag yet.
const LAG_INTERVAL: Duration = Duration::from_millis(1_500);
const PUBLISHED: &str = "fritzy_projection_lag_events{projection=\"kafka\"} 0\n";

/// Reads every entity and its history through every node.
///
/// # Errors
/// With the last outcome when one cannot be read within 20 s.
pub(crate) async fn final_reads(shared: &Shared, client: usize) -> Result<Vec<Attempt>, String> {
    let accounts = shared.accounts.iter().map(|id| (Kind::Account, id.clone()));
    let products = shared.products.iter().map(|id| (Kind::Product, id.clone()));
    let orders = shared.orders().into_iter().map(|id| (Kind::Order, id));
    let entities: Vec<_> = accounts.chain(products).chain(orders).collect();
    let mut attempts: Vec<Attempt> = Vec::new();
    for (node, api) in shared.apis.iter().cloned().enumerate() {
        let patience = PATIENCE;
        let api = PatientApi { api, patience };
        for (kind, id) in &entities {
            for wanted in [Request::Read, Request::ReadHistory] {
                let asked = Instant::now();
                loop {
                    let began_us = shared.now_us();
                    let said = shop::send(&api, *kind, id, &wanted).await;
                    let attempt = Attempt {
                        client,
                        request: attempts.len() as u64,
                        node,
                        entity: Some(id.clone()),
                        wanted: wanted.clone(),
                        began_us,
                        ended_us: shared.now_us(),
                        outcome: said.outcome,
                        quote: None,
                    };
                    let is_open =
                        matches!(attempt.outcome, Outcome::Unknown(_) | Outcome::NotDone(_));
                    if is_open && asked.elapsed() > READ_MAX {
                        let outcome = attempt.outcome;
                        return Err(format!(
                            "{id} cannot be read through n{} within {READ_MAX:?}: {outcome:?}",
                            node + 1
                        ));
                    }
                    attempts.push(attempt);
                    if !is_open {
                        break;
                    }
                    sleep(POLL_INTERVAL).await;
                }
            }
        }
    }
    Ok(attempts)
}

/// Waits until every node has published all events of its shards.
///
/// # Errors
/// With the metrics of a node that has not within 60 s.
pub(crate) async fn wait_published(apis: &[Api]) -> Result<(), String> {
    let (began, mut times) = (Instant::now(), 0);
    loop {
        sleep(LAG_INTERVAL).await;
        let mut late = None;
        for api in apis {
            let scrape = api.request(Method::GET, "/metrics");
            let metrics = api.try_send(scrape, "").await.map(|response| response.text);
            if !metrics.as_ref().is_ok_and(|text| text.contains(PUBLISHED)) {
                late = Some(metrics);
            }
        }
        times = if late.is_none() { times + 1 } else { 0 };
        if times == 2 {
            return Ok(());
        }
        if began.elapsed() > PUBLISHED_MAX {
            return Err(format!(
                "I6: not published within {PUBLISHED_MAX:?}: {late:?}"
            ));
        }
    }
}
