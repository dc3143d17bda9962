//! Scenarios on PostgreSQL: each run creates its own database and drops it.

use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use fritzy_bench::{Fsync, Store};
use fritzy_testbed::{
    NODE_TIME_MAX, ServiceError, TestPostgres, Workspace, node_binary, shared_postgres, skip_unless,
};
use rustix::process::{Signal, kill_process};
use tempfile::TempDir;

use crate::running::{
    SMALL_DATASET, assert_complete, assert_exit_code, bench, pid, run, run_with_node, short,
    wait_for,
};

/// One test at a time, because each lists the databases of the server. Call it in
/// [`skip_unless!`](fritzy_testbed::skip_unless).
fn on_postgres(body: impl FnOnce(&TestPostgres, &str)) -> Result<(), ServiceError> {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = shared_postgres()?;
    body(&server, &format!("--postgres={}", server.url()));
    assert_eq!(databases(&server), [""; 0], "all databases are dropped");
    Ok(())
}

/// The databases that runs have created.
fn databases(server: &TestPostgres) -> Vec<String> {
    server.databases("fritzy_bench_").expect("listed")
}

#[test]
fn shop_in_process_uses_its_own_database() {
    skip_unless!(on_postgres(|_, postgres| {
        // Long and busy enough for CPU time, which the system counts in steps of 10 ms.
        let busy = [
            "--warmup-s=0.1",
            "--duration-s=2",
            "--repeat=1",
            "--in-flight=64",
        ];
        let report = run(&[&["actors-place", "--committers=3", postgres], &busy[..]].concat());
        assert_complete(&report);
        let variant = &report.subject;
        assert_eq!(variant.settings.store, Some(Store::Postgres));
        assert_eq!(variant.settings.committers_count, Some(3));
        let durability = &variant.durability;
        assert_eq!(durability.fsync, Fsync::On);
        assert_eq!(durability.server_settings["synchronous_commit"], "on");
        assert!(report.to_string().contains("full_page_writes on"));
        assert!(variant.figures["database_cpu_us_per_request"].median > 0.0);
        let report = run(&short(&["actors-ask", "--accounts=20", postgres]));
        assert_complete(&report);
    }));
}

/// Generated rows are those that a shop would have written, and a shop continues after them.
#[test]
fn filled_database_is_usable_by_shop_and_node() {
    skip_unless!(on_postgres(|_, postgres| {
        let few = ["--fill=500", "--accounts=20", "--products=10", postgres];
        let report = run(&short(&[&["actors-place", "--keyed"], &few[..]].concat()));
        assert_complete(&report);
        assert_eq!(report.subject.settings.fill_count, 500);
        assert_complete(&run_with_node(&short(&[&["place"], &few[..]].concat())));
        let report = run(&short(&["actors-activate", "--fill=41000", postgres]));
        assert_complete(&report);
        let few_orders = bench(&["run", "actors-activate", "--fill=500", postgres]).output();
        let stderr = String::from_utf8_lossy(&few_orders.expect("it starts").stderr).into_owned();
        assert!(stderr.contains("--fill=40960"), "{stderr}");
    }));
}

/// Each of two variants gets its own copy; what they write does not reach the original.
#[test]
fn copied_database_keeps_its_orders_and_serves_both_variants() {
    skip_unless!(on_postgres(|server, postgres| {
        let original = server.fresh_database().expect("a database");
        let (_, name) = original.rsplit_once('/').expect("a URL with a database");
        let workspace = Workspace::new();
        let mut node = workspace.node_with(&["--database-url", &original]);
        let url = format!("--url=http://{}/graphql", node.address());
        assert_complete(&run(&short(&["place", &url, "--accounts=20"])));
        node.terminate();
        node.wait_exit(NODE_TIME_MAX);
        let verified = || {
            let verify = ["journal", "verify", "--json", "--database-url", &original];
            let exited = workspace.run(&mut workspace.command(&verify));
            assert_eq!(exited.code, Some(0), "{exited:?}");
            exited.stdout
        };
        let before = verified();

        let copy = format!("place:copy-of={name}");
        let pair = [copy.as_str(), "--against", &copy, postgres];
        let report = run_with_node(&short(&[&pair, &SMALL_DATASET[..]].concat()));

        assert_complete(&report);
        assert_eq!(report.subject.settings.copy_of.as_deref(), Some(name));
        assert_eq!(verified(), before);
        server.drop_database(&original).expect("dropped");
    }));
}

#[test]
fn lists_of_a_filled_database_are_read() {
    skip_unless!(on_postgres(|_, postgres| {
        let few = ["--fill=6000", "--accounts=20", "--products=10", postgres];
        assert_complete(&run_with_node(&short(
            &[&["list-orders"], &few[..]].concat(),
        )));
        let too_few = [
            "run",
            "list-orders",
            "--fill=3000",
            "--accounts=20",
            postgres,
        ];
        let node = format!("--node={}", node_binary().display());
        let output = bench(&too_few).arg(node).output().expect("it starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains("too few"), "{stderr}");
    }));
}

#[test]
fn nodes_on_postgres_use_their_own_database() {
    skip_unless!(on_postgres(|_, postgres| {
        let few = short(&SMALL_DATASET);
        let variants = ["place", "--against=read", "--committers=1", postgres];
        let report = run_with_node(&[&variants, few.as_slice()].concat());
        assert_complete(&report);
        let read = report.baseline.as_ref().expect("a baseline");
        for variant in [&report.subject, read] {
            assert_eq!(variant.durability.fsync, Fsync::On);
            let settings = variant.node_settings.as_ref().expect("a started node");
            assert_eq!(settings["committers"], "1");
            assert!(variant.figures.contains_key("database_cpu_us_per_request"));
        }
    }));
}

/// A direction with a wide bound: an order in a group commit needs less than 60 % of the server's
/// CPU time.
#[test]
fn group_commit_needs_less_server_cpu_than_single_orders() {
    skip_unless!(on_postgres(|_, postgres| {
        for pgbench in [
            "--against=pgbench:in-flight=16",
            "--against=pgbench:in-flight=16,single-statement",
        ] {
            let report = run(&[
                "actors-place",
                pgbench,
                postgres,
                "--warmup-s=0.2",
                "--duration-s=1",
                "--repeat=1",
                "--accounts=20",
                "--products=10",
            ]);
            assert_complete(&report);
            let pgbench = report.baseline.as_ref().expect("a baseline");
            assert_eq!(pgbench.figures["clients_count"].median, 16.0);
            let ratios = report.ratios.as_ref().expect("pairs");
            let cpu = ratios["database_cpu_us_per_request"].median;
            assert!(cpu < 0.6, "{cpu}");
            // Without optimisation this program needs more CPU time than the server.
            let throughput = ratios["accepted_per_s"].median;
            assert!(cfg!(debug_assertions) || throughput > 1.2, "{throughput}");
        }
    }));
}

#[test]
fn pgbench_chooses_the_best_number_of_clients() {
    skip_unless!(on_postgres(|_, postgres| {
        let report = run(&[
            "pgbench",
            postgres,
            "--warmup-s=0.1",
            "--duration-s=0.3",
            "--repeat=1",
        ]);
        assert_complete(&report);
        assert_eq!(report.subject.settings.in_flight_count, None);
        let clients = report.subject.figures["clients_count"].median;
        assert!([8.0, 16.0, 32.0, 64.0].contains(&clients), "{clients}");
    }));
}

#[test]
fn interrupt_drops_the_database() {
    skip_unless!(on_postgres(|server, postgres| {
        let folder = TempDir::new().expect("a folder");
        for scenario in ["actors-place", "pgbench"] {
            let running = bench(&["run", scenario, postgres, "--duration-s=60"])
                .arg("--data-in")
                .arg(folder.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            let mut running = running.expect("it starts");
            wait_for(|| (databases(server).len() == 1).then_some(()));
            kill_process(pid(running.id()), Signal::INT).expect("it runs");
            let ended = wait_for(|| running.try_wait().expect("a child"));
            assert_eq!(ended.code(), Some(130));
            assert_eq!(databases(server), [""; 0]);
        }
    }));
}

#[test]
fn missing_or_unreachable_server_is_reported() {
    for (arguments, code, named) in [
        (
            vec!["actors-place", "--store=postgres"],
            2,
            "--postgres URL",
        ),
        (vec!["pgbench"], 2, "--postgres URL"),
        (
            vec!["pgbench", "--postgres=postgres://127.0.0.1:1/x"],
            1,
            "may create databases",
        ),
    ] {
        let output = bench(&["run"]).args(arguments).output();
        let output = output.expect("it starts");
        assert_exit_code(&output, code);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains(named), "{stderr}");
    }
}
