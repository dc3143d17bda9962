//! Connections to a server over TLS: encrypted, and only to the server that the certificate names.

use std::fs;
use std::path::{Path, PathBuf};

use fritzy_persistence::{PostgresConfig, PostgresError, Stores};
use fritzy_testbed::{PostgresServer, TlsFiles, skip_unless};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// Makes the certificate of an authority, and the files of a server with this name that the
/// authority has signed.
fn certificates(folder: &Path, name: &str) -> (PathBuf, TlsFiles) {
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new(vec![]).expect("valid");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = authority.self_signed(&authority_key).expect("signed");
    let issuer = Issuer::new(authority, authority_key);
    let server_key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(vec![name.to_owned()]).expect("a valid name");
    let server = server.signed_by(&server_key, &issuer).expect("signed");
    let write = |file: &str, text: String| {
        let path = folder.join(file);
        fs::write(&path, text).expect("written");
        path
    };
    let files = TlsFiles {
        certificate: write("server.pem", server.pem()),
        key: write("server-key.pem", server_key.serialize_pem()),
    };
    (write("root.pem", root.pem()), files)
}

async fn open(url: String) -> Result<Stores, PostgresError> {
    Stores::open_postgres(PostgresConfig {
        wait: std::time::Duration::ZERO,
        ..PostgresConfig::new(url)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_encrypts_and_verifies_the_server() {
    let (ours, other) = (
        TempDir::new().expect("a folder"),
        TempDir::new().expect("a folder"),
    );
    let (root, files) = certificates(ours.path(), "localhost");
    let (foreign_root, _) = certificates(other.path(), "localhost");
    let config = fritzy_testbed::PostgresConfig {
        tls: Some(files),
        ..fritzy_testbed::PostgresConfig::default()
    };
    let server = skip_unless!(PostgresServer::start(config));
    let by_address = server.url("postgres");
    let by_name = by_address.replace("@127.0.0.1:", "@localhost:");
    let verified = |url: &str, root: &Path| {
        format!("{url}?sslmode=verify-full&sslrootcert={}", root.display())
    };
    for url in [
        format!("{by_address}?sslmode=require"),
        verified(&by_name, &root),
    ] {
        let stores = open(url.clone())
            .await
            .unwrap_or_else(|refused| panic!("{url}: {refused}"));
        let connections = "SELECT count(*) FILTER (WHERE ssl), count(*) FROM pg_stat_ssl
            JOIN pg_stat_activity USING (pid) WHERE application_name LIKE 'fritzy%'";
        let printed = server.psql("postgres", connections).expect("runs");
        let (encrypted, all) = printed.trim().split_once('|').expect("two columns");
        assert_eq!(encrypted, all, "{url}");
        assert_ne!(all, "0", "{url}");
        stores.close().await;
    }
    for (url, why) in [
        (verified(&by_name, &foreign_root), "another authority"),
        (verified(&by_address, &root), "another name"),
        (
            verified(&by_name, Path::new("/nonexistent/root.pem")),
            "no authority",
        ),
    ] {
        let refused = open(url)
            .await
            .err()
            .unwrap_or_else(|| panic!("{why} was accepted"));
        let text = refused.to_string();
        assert!(
            !text.contains('\n') && !text.contains("postgres:"),
            "{why}: {text}"
        );
        println!("{why}: {text}");
    }
}
