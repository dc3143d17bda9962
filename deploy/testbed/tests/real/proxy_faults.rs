//! What a broken way does to a client of a real server.

use std::time::{Duration, Instant};

use fritzy_testbed::{ChaosProxy, PostgresConfig, PostgresServer, ServiceError, skip_unless};

use crate::psql::{A_MOMENT, Psql, SOON, by_way_of, eventually};
use crate::{is_there, make};

fn behind_proxy() -> Result<(PostgresServer, ChaosProxy), ServiceError> {
    let server = PostgresServer::start(PostgresConfig::default())?;
    let proxy = ChaosProxy::start(([127, 0, 0, 1], server.port()).into()).expect("a port");
    Ok((server, proxy))
}

#[test]
fn proxy_faults_start_and_heal() {
    let (server, proxy) = skip_unless!(behind_proxy());
    cut(&server, &proxy);
    stalled(&server, &proxy);
    answers_lost(&server, &proxy);
    slow(&server, &proxy);
    let deadline = Instant::now() + SOON;
    while proxy.connections() > 0 {
        assert!(
            Instant::now() < deadline,
            "connections without clients are forgotten"
        );
        std::thread::yield_now();
    }
}

fn cut(server: &PostgresServer, proxy: &ChaosProxy) {
    let mut client = Psql::connected(server, proxy.address());
    proxy.cut();
    client.says("SELECT 'cut'");
    assert!(client.row(SOON).is_err(), "it must have ended");
    let mut refused = Psql::started(server, proxy.address());
    refused.says("SELECT 'refused'");
    assert!(refused.row(SOON).is_err(), "it must have ended");
    proxy.heal();
    Psql::connected(server, proxy.address());
}

fn stalled(server: &PostgresServer, proxy: &ChaosProxy) {
    let mut old = Psql::connected(server, proxy.address());
    proxy.stall();
    let mut new = Psql::started(server, proxy.address());
    old.says(&make("stalled"));
    old.says("SELECT 'old'");
    new.says("SELECT 'new'");
    assert!(old.row(A_MOMENT).is_err());
    assert!(new.row(A_MOMENT).is_err());
    eventually(server, &is_there("stalled"), "f");
    proxy.heal();
    assert_eq!(old.row(SOON), Ok("old".to_owned()));
    assert_eq!(new.row(SOON), Ok("new".to_owned()));
}

fn answers_lost(server: &PostgresServer, proxy: &ChaosProxy) {
    let mut client = Psql::connected(server, proxy.address());
    proxy.drop_server_bytes();
    client.says(&make("unanswered"));
    client.says("SELECT 'answered'");
    eventually(server, &is_there("unanswered"), "t");
    assert!(client.row(A_MOMENT).is_err());
    proxy.heal();
    assert!(
        client.row(SOON).is_err(),
        "what comes next would be misunderstood"
    );
    Psql::connected(server, proxy.address());
}

fn slow(server: &PostgresServer, proxy: &ChaosProxy) {
    let mut client = Psql::connected(server, proxy.address());
    let each_way = Duration::from_millis(150);
    proxy.delay(each_way);
    let asked = Instant::now();
    client.says("SELECT 'late'");
    assert_eq!(client.row(SOON), Ok("late".to_owned()));
    assert!(asked.elapsed() >= 2 * each_way, "{:?}", asked.elapsed());
    proxy.heal();
}

#[test]
fn dropped_proxy_closes_its_connections() {
    let (server, proxy) = skip_unless!(behind_proxy());
    let mut client = Psql::connected(&server, proxy.address());
    proxy.stall();
    let url = by_way_of(&server, proxy.address());
    assert!(url.contains(&proxy.address().to_string()));
    drop(proxy);
    client.says("SELECT 'gone'");
    assert!(client.row(SOON).is_err());
}
