//! Nodes of the last release and of this version side by side, under load: a rolling upgrade and the
//! way back. Clients notice neither, and both versions find the journal sound.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Instant;

use fritzy_testbed::{
    Balancer, ClusterSettings, ExitedProcess, LAST_RELEASE, LocalCluster, PostgresConfig,
    PostgresServer, Workspace, last_release, node_binary, skip_unless,
};
use fritzy_testbed_shop::Api;
use tokio::task::block_in_place;

use crate::cluster::closed_loop::ClosedLoop;
use crate::cluster::rolling::{NODES, UNREADY_MS, wait_all_ready, wait_answered};

/// Enough for each client to change and read its account on nodes of both versions.
const CLIENTS: usize = 16;
/// Responses between two replacements of a node.
const BETWEEN: usize = 300;

/// A cluster in which nodes of two versions replace each other under load.
struct Upgrade {
    server: PostgresServer,
    cluster: LocalCluster,
    balancer: Balancer,
    load: ClosedLoop,
    released: PathBuf,
}

impl Upgrade {
    /// Replaces a node by one of the other version: `None` is this one.
    #[expect(clippy::print_stdout, reason = "a report of the test")]
    async fn replace(&mut self, name: &str, program: Option<&Path>) {
        let began = Instant::now();
        let (mut slot, exited) = block_in_place(|| self.cluster.terminate(name));
        assert_eq!(exited.code, Some(0), "{exited:?}");
        let log = &exited.stderr;
        assert!(
            !log.contains(" ERROR "),
            "{name} failed at something: {log}"
        );
        slot.set_program(program.map(Path::to_owned));
        block_in_place(|| self.cluster.start_in(slot));
        wait_all_ready(&self.balancer).await;
        let version = if program.is_some() {
            LAST_RELEASE
        } else {
            "this version"
        };
        println!("{name} runs {version} after {:?}", began.elapsed());
        wait_answered(&self.load, BETWEEN).await;
    }

    /// The migrations that were applied.
    fn migrations(&self) -> String {
        self.sql("SELECT string_agg(version::text, ' ' ORDER BY version) FROM _sqlx_migrations")
    }

    fn sql(&self, statement: &str) -> String {
        block_in_place(|| self.server.psql("postgres", statement)).expect("a statement")
    }

    /// `fritzy journal verify` of both versions, next to running nodes or without any.
    fn verify(&self) {
        for program in [&self.released, &node_binary()] {
            let exited = self.run(program, &["journal", "verify"]);
            assert_eq!(exited.code, Some(0), "{}: {exited:?}", program.display());
        }
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> ExitedProcess {
        let workspace = Workspace::new();
        let mut command = workspace.command_of(program, arguments);
        command.env("DATABASE_URL", self.server.url("postgres"));
        block_in_place(|| workspace.run(&mut command))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_upgrade_and_way_back_lose_and_fail_nothing() {
    let server = skip_unless!(PostgresServer::start(PostgresConfig::shared_by_tests()));
    let released = skip_unless!(block_in_place(last_release));
    let mut settings =
        ClusterSettings::new(server.url("postgres")).with("--unready-ms", UNREADY_MS);
    settings.program = Some(released.clone());
    let cluster = block_in_place(|| LocalCluster::start(settings, NODES)).expect("free ports");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let balancer = Balancer::start(any, &cluster.api_addresses()).expect("it listens");
    wait_all_ready(&balancer).await;
    let api = Api::at(balancer.address());
    let load = ClosedLoop::start(&api, CLIENTS).await;
    let mut upgrade = Upgrade {
        server,
        cluster,
        balancer,
        load,
        released,
    };
    wait_answered(&upgrade.load, BETWEEN).await;
    let before = upgrade.migrations();

    for name in ["n1", "n2", "n3"] {
        upgrade.replace(name, None).await;
        upgrade.verify();
    }
    let after = upgrade.migrations();
    assert!(
        after.starts_with(&before) && after != before,
        "{before}, then {after}"
    );
    let released = upgrade.released.clone();
    for name in ["n1", "n2", "n3"] {
        upgrade.replace(name, Some(&released)).await;
    }
    assert_eq!(upgrade.migrations(), after, "nothing is undone");

    upgrade.verify();
    let Upgrade { load, .. } = upgrade;
    let observed = load.stop().await;
    let failures = observed.failures();
    let (failed, of) = (failures.len(), observed.requests());
    assert!(
        failures.is_empty(),
        "{failed} of {of} failed: {failures:#?}"
    );
    observed.require_kept(&api).await;
}
