//! A standby follows, and takes over when the first server is lost; clients are led there by the proxy.

use fritzy_testbed::{ChaosProxy, PostgresConfig, PostgresServer, skip_unless};

use crate::psql::{Psql, SOON, eventually};
use crate::{is_there, make};

#[test]
fn standby_follows_and_is_promoted() {
    let config = PostgresConfig::default().with("max_connections", "110");
    let first = skip_unless!(PostgresServer::start(config));
    first.psql("postgres", &make("before")).unwrap();
    let second = first.standby(PostgresConfig::default()).unwrap();
    first.psql("postgres", &make("after")).unwrap();
    eventually(&second, &is_there("after"), "t");
    assert_eq!(second.psql("postgres", &is_there("before")).unwrap(), "t");
    let refused = second
        .psql("postgres", &make("refused"))
        .unwrap_err()
        .to_string();
    assert!(refused.contains("read-only transaction"), "{refused}");

    let address = |port: u16| ([127, 0, 0, 1], port).into();
    let proxy = ChaosProxy::start(address(first.port())).unwrap();
    let mut client = Psql::connected(&first, proxy.address());
    first.kill().unwrap();
    second.promote().unwrap();
    proxy.set_upstream(address(second.port()));
    client.says("SELECT 'still there'");
    assert!(client.row(SOON).is_err(), "its server is gone");
    let mut client = Psql::connected(&second, proxy.address());
    client.says(&make("afterwards"));
    client.says(&is_there("afterwards"));
    assert_eq!(client.row(SOON), Ok("t".to_owned()));
}

#[test]
fn synchronous_commit_waits_for_the_standby() {
    let first = skip_unless!(PostgresServer::start(PostgresConfig::default()));
    let second = first.standby(PostgresConfig::default()).unwrap();
    first.set("synchronous_standby_names", "*").unwrap();
    second.pause().unwrap();
    let mut client = Psql::connected(&first, ([127, 0, 0, 1], first.port()).into());
    client.says(&make("waiting"));
    client.says("SELECT 'committed'");
    assert!(client.row(crate::psql::A_MOMENT).is_err());
    second.resume().unwrap();
    assert_eq!(client.row(SOON), Ok("committed".to_owned()));
}
