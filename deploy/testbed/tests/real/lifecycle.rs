//! A server starts, stops, crashes, is killed, is paused; what it acknowledged is there afterwards.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use fritzy_testbed::{PostgresConfig, PostgresServer, ServiceError, TlsFiles, skip, skip_unless};

use crate::psql::{A_MOMENT, Psql, SOON};
use crate::{is_there, make};

type End = fn(&PostgresServer) -> Result<(), ServiceError>;

fn address(server: &PostgresServer) -> std::net::SocketAddr {
    ([127, 0, 0, 1], server.port()).into()
}

#[test]
fn server_serves_and_leaves_nothing() {
    let config = PostgresConfig::default().with("max_connections", "17");
    let server = skip_unless!(PostgresServer::start(config));
    let show = |name: &str| server.psql("postgres", &format!("SHOW {name}")).unwrap();
    assert_eq!(
        (show("max_connections"), show("fsync")),
        ("17".to_owned(), "on".to_owned())
    );
    assert_eq!(
        (show("server_encoding"), show("lc_collate")),
        ("UTF8".to_owned(), "C".to_owned())
    );
    assert!(server.version().contains("(PostgreSQL)"));
    assert!(
        fs::read_to_string(server.log())
            .unwrap()
            .contains("ready to accept connections")
    );
    let refused = server
        .psql("postgres", "SELECT 1/0")
        .unwrap_err()
        .to_string();
    assert!(refused.contains("division by zero"), "{refused}");

    let (pid, data, address) = (server.pid().unwrap(), server.data_dir(), address(&server));
    drop(server);
    assert!(!data.parent().unwrap().exists());
    assert!(TcpStream::connect(address).is_err());
    let process = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    assert!(!process.contains(data.to_str().unwrap()), "{process}");
}

#[test]
fn committed_data_survives_every_kind_of_stop() {
    let server = skip_unless!(PostgresServer::start(PostgresConfig::default()));
    let port = server.port();
    let ends: [(&str, End); 3] = [
        ("fast", PostgresServer::stop_fast),
        ("immediate", PostgresServer::stop_immediate),
        ("killed", PostgresServer::kill),
    ];
    for (name, end) in ends {
        server.psql("postgres", &make(name)).unwrap();
        end(&server).unwrap();
        assert_eq!(server.pid(), None);
        assert!(server.psql("postgres", "SELECT 1").is_err(), "{name}");
        assert!(
            matches!(end(&server), Err(ServiceError::NotRunning)),
            "{name}"
        );
        server.restart().unwrap();
        assert!(
            server.restart().is_err(),
            "{name}: a running server is not started"
        );
        assert_eq!(
            server.psql("postgres", &is_there(name)).unwrap(),
            "t",
            "{name}"
        );
    }
    assert_eq!(server.port(), port);
}

#[test]
fn paused_server_answers_after_its_resume() {
    let server = skip_unless!(PostgresServer::start(PostgresConfig::default()));
    let mut old = Psql::connected(&server, address(&server));
    server.pause().unwrap();
    let mut new = Psql::started(&server, address(&server));
    old.says("SELECT 'old'");
    new.says("SELECT 'new'");
    assert!(old.row(A_MOMENT).is_err());
    assert!(new.row(A_MOMENT).is_err());
    server.resume().unwrap();
    assert_eq!(old.row(SOON), Ok("old".to_owned()));
    assert_eq!(new.row(SOON), Ok("new".to_owned()));
    // Even what is paused can be ended, by a stop and by the end of the test.
    server.pause().unwrap();
    server.stop_fast().unwrap();
    server.restart().unwrap();
    server.pause().unwrap();
    let data = server.data_dir();
    drop(server);
    assert!(!data.exists());
}

#[test]
fn settings_apply_at_reload_or_restart() {
    let server = skip_unless!(PostgresServer::start(PostgresConfig::default()));
    let show = |name: &str| server.psql("postgres", &format!("SHOW {name}")).unwrap();
    server.set("statement_timeout", "1234").unwrap();
    assert_eq!(show("statement_timeout"), "1234ms");
    server.set("max_connections", "31").unwrap();
    assert_eq!(show("max_connections"), "100");
    server.stop_fast().unwrap();
    server.set("work_mem", "5MB").unwrap();
    server.restart().unwrap();
    assert_eq!(
        (show("max_connections"), show("work_mem")),
        ("31".to_owned(), "5MB".to_owned())
    );
}

#[test]
fn failed_start_reports_the_reason() {
    let config = PostgresConfig::default().with("max_connections", "many");
    let error = match PostgresServer::start(config) {
        Ok(_) => panic!("it must not start"),
        Err(error) if error.is_missing() => skip!(error),
        Err(error) => error.to_string(),
    };
    assert!(
        error.contains("invalid value for parameter \"max_connections\": \"many\""),
        "{error}"
    );
}

#[test]
fn server_uses_the_configured_directory_and_log() {
    let root = tempfile::tempdir().unwrap();
    // The server's account must get through.
    fs::set_permissions(
        root.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o711),
    )
    .unwrap();
    let log = root.path().join("server.log");
    let config = PostgresConfig {
        data_root: Some(root.path().to_path_buf()),
        log: Some(log.clone()),
        ..PostgresConfig::default()
    };
    let server = skip_unless!(PostgresServer::start(config));
    assert!(server.data_dir().starts_with(root.path()));
    drop(server);
    let left: Vec<_> = root
        .path()
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(left, [log]);
}

#[test]
fn server_with_a_certificate_offers_tls() {
    let folder = tempfile::tempdir().unwrap();
    let Some(tls) = certificate(folder.path()) else {
        skip!("openssl, which creates the certificate, is not installed");
    };
    let certificate = tls.certificate.clone();
    let config = PostgresConfig {
        tls: Some(tls),
        ..PostgresConfig::default()
    };
    let server = skip_unless!(PostgresServer::start(config));
    let verified = format!(
        "postgres?sslmode=verify-full&sslrootcert={}",
        certificate.display()
    );
    assert_eq!(server.psql(&verified, "SHOW ssl").unwrap(), "on");
    assert_eq!(
        server.psql("postgres?sslmode=disable", "SHOW ssl").unwrap(),
        "on"
    );
}

/// One that signs itself, for 127.0.0.1.
fn certificate(folder: &Path) -> Option<TlsFiles> {
    let tls = TlsFiles {
        certificate: folder.join("own.crt"),
        key: folder.join("own.key"),
    };
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args([
            "-subj",
            "/CN=127.0.0.1",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
        ])
        .arg("-out")
        .arg(&tls.certificate)
        .arg("-keyout")
        .arg(&tls.key)
        .output();
    made.is_ok_and(|made| made.status.success()).then_some(tls)
}
