//! Brokers with TLS that authenticate clients, and clients that verify brokers.

use std::fs;
use std::path::{Path, PathBuf};

use fritzy_kafka::{KafkaBridge, Topics};
use fritzy_testbed::{KafkaCluster, KafkaConfig, KafkaSecurity, skip_unless};
use fritzy_testbed_shop::kafka::Consumed;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use tokio::task::block_in_place;

use crate::shop::{KafkaShop, TOPIC_SETTINGS};

const PASSWORD: &str = "right-4711";

/// A certificate authority, and the folder of its certificates.
struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
    root: PathBuf,
}

impl Authority {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let key = KeyPair::generate().expect("a key");
        let mut authority = CertificateParams::new(vec![]).expect("sound");
        // With the name of the subject, a certificate would look self-signed.
        let named = &mut authority.distinguished_name;
        named.push(DnType::CommonName, "an authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = authority.self_signed(&key).expect("signed").pem();
        let root = write(folder.path(), "root.pem", &root);
        let issuer = Issuer::new(authority, key);
        Self {
            folder,
            issuer,
            root,
        }
    }

    /// Signs a certificate for this name; returns its file and that of its key.
    fn sign(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        let folder = self.folder.path();
        (
            write(folder, &format!("{name}.pem"), &certificate.pem()),
            write(folder, &format!("{name}-key.pem"), &key.serialize_pem()),
        )
    }
}

fn write(folder: &Path, file: &str, text: &str) -> PathBuf {
    let path = folder.join(file);
    fs::write(&path, text).expect("written");
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_brokers_accept_valid_credentials_only() {
    let (ours, foreign) = (Authority::new(), Authority::new());
    let (certificate, key) = ours.sign("localhost");
    let (client, client_key) = ours.sign("fritzy");
    let config = KafkaConfig {
        security: Some(KafkaSecurity {
            certificate,
            key,
            client_authority: ours.root.clone(),
            user: ("ada".into(), PASSWORD.into()),
        }),
        ..KafkaConfig::default()
    };
    let cluster = skip_unless!(block_in_place(|| KafkaCluster::start(&config)));
    let ports = cluster.secure_ports()[0];
    let (by_password, by_certificate) = (ports.password, ports.certificate);
    let shown = |path: &Path| path.display().to_string();
    let (root, foreign_root) = (shown(&ours.root), shown(&foreign.root));
    let (client, client_key) = (shown(&client), shown(&client_key));
    let password = |mechanism, password, root| {
        vec![
            ("security.protocol", "SASL_SSL"),
            ("ssl.ca.location", root),
            ("sasl.mechanism", mechanism),
            ("sasl.username", "ada"),
            ("sasl.password", password),
        ]
    };
    let with_certificate = [
        ("security.protocol", "SSL"),
        ("ssl.ca.location", &*root),
        ("ssl.certificate.location", &*client),
        ("ssl.key.location", &*client_key),
    ];
    // Three valid ways to authenticate.
    let ways = [
        (by_password, password("PLAIN", PASSWORD, &root)),
        (by_password, password("SCRAM-SHA-512", PASSWORD, &root)),
        (by_certificate, with_certificate.to_vec()),
    ];
    for (number, (port, properties)) in ways.iter().enumerate() {
        let shop = KafkaShop::new(&format!("localhost:{port}"))
            .await
            .set(properties);
        let (_, remains) = shop.topics().apply().await.expect("accepted");
        assert!(remains.is_empty(), "{remains:?}");
        // The last one publishes everything.
        if number + 1 == ways.len() {
            let running = shop.bridge().await;
            shop.orders(20).await;
            shop.until_published(&running).await;
            running.stop().await;
            Consumed::all(&cluster.bootstrap()).require_whole(&shop.journal().await);
        }
    }
    // All others are rejected. Each takes the response time limit, so they run at once.
    let rejected = [
        (
            "localhost",
            by_password,
            password("PLAIN", "wrong-4712", &root),
            "uthentication",
        ),
        (
            "localhost",
            by_password,
            password("SCRAM-SHA-512", "wrong-4712", &root),
            "uthentication",
        ),
        (
            "localhost",
            by_password,
            password("PLAIN", PASSWORD, &foreign_root),
            "certificate",
        ),
        (
            "127.0.0.1",
            by_password,
            password("PLAIN", PASSWORD, &root),
            "certificate",
        ),
        (
            "localhost",
            by_certificate,
            with_certificate[..2].to_vec(),
            "certificate",
        ),
    ];
    let mut checks = Vec::new();
    for (host, port, properties, why) in rejected {
        let shop = KafkaShop::new(&format!("{host}:{port}"))
            .await
            .set(&properties);
        let topics = shop.topics();
        checks.push((host, why, tokio::spawn(async move { topics.check().await })));
    }
    for (host, why, check) in checks {
        let rejected = check.await.expect("it runs").expect_err("rejected");
        let text = rejected.to_string();
        assert!(text.contains(why), "{host}: {text}");
        assert!(!text.contains("4711") && !text.contains("4712"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_client_settings_are_rejected_at_creation() {
    let shop = KafkaShop::new("127.0.0.1:1").await;
    for (name, value, expected) in [
        ("sasl.pasword", "secret", "sasl.pasword"),
        ("security.protocol", "TLS", "security.protocol"),
        ("linger.ms", "soon", "linger.ms"),
    ] {
        let mut config = shop.config.clone();
        config.properties.insert(name.into(), value.into());
        let bridge = KafkaBridge::check(&config).err();
        let topics = Topics::new(&config, TOPIC_SETTINGS).err();
        for text in [
            bridge.expect("rejected").to_string(),
            topics.expect("rejected").to_string(),
        ] {
            assert!(
                text.contains(expected) && !text.contains("secret"),
                "{text}"
            );
        }
    }
    let mut config = shop.config.clone();
    config
        .properties
        .insert("security.protocol".into(), "SSL".into());
    config
        .properties
        .insert("ssl.ca.location".into(), "/nonexistent.pem".into());
    let rejected = KafkaBridge::check(&config)
        .expect_err("rejected")
        .to_string();
    assert!(rejected.contains("ssl.ca.location"), "{rejected}");
}
