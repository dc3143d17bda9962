//! Scenarios on PostgreSQL: their databases are their own, and gone after them.

use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use fritzy_bench::{Fsync, Store};
use fritzy_testbed::{TestPostgres, shared_postgres, skipped};
use rustix::process::{Signal, kill_process};
use tempfile::TempDir;

use crate::running::{
    FEW_THINGS, bench, blink, pid, require, require_sound, run, run_with_node, wait_for,
};

/// One at a time: each looks at which databases there are.
fn on_postgres(test: &str, body: impl FnOnce(&TestPostgres, &str)) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = match shared_postgres() {
        Ok(server) => server,
        Err(missing) if missing.is_missing() => return skipped(test, &missing.to_string()),
        Err(failure) => panic!("{failure}"),
    };
    body(&server, &format!("--postgres={}", server.url()));
    assert_eq!(databases(&server), [""; 0], "what was made is dropped");
}

/// Those that a run has made.
fn databases(server: &TestPostgres) -> Vec<String> {
    server.databases("fritzy_bench_").expect("asked")
}

#[test]
fn a_shop_in_process() {
    on_postgres("a_shop_in_process", |_, postgres| {
        let report = run(&blink(&["actors-place", "--committers=3", postgres]));
        require_sound(&report);
        let side = &report.subject;
        assert_eq!(side.settings.store, Some(Store::Postgres));
        assert_eq!(side.settings.committers_count, Some(3));
        let durability = &side.durability;
        assert_eq!(durability.fsync, Fsync::On);
        assert_eq!(durability.server_settings["synchronous_commit"], "on");
        assert!(report.to_string().contains("full_page_writes on"));
        assert!(side.figures["database_cpu_us_per_request"].median > 0.0);
        let report = run(&blink(&["actors-ask", "--accounts=20", postgres]));
        require_sound(&report);
    });
}

/// What is filled in is what a shop would have written, and a shop goes on behind it.
#[test]
fn a_filled_database_is_gone_on_with() {
    on_postgres("a_filled_database_is_gone_on_with", |_, postgres| {
        let few = ["--fill=500", "--accounts=20", "--products=10", postgres];
        let report = run(&blink(&[&["actors-place", "--keyed"], &few[..]].concat()));
        require_sound(&report);
        assert_eq!(report.subject.settings.fill_count, 500);
        require_sound(&run_with_node(&blink(&[&["place"], &few[..]].concat())));
        let report = run(&blink(&["actors-activate", "--fill=41000", postgres]));
        require_sound(&report);
        let too_few = bench(&["run", "actors-activate", "--fill=500", postgres]).output();
        let said = String::from_utf8_lossy(&too_few.expect("it starts").stderr).into_owned();
        assert!(said.contains("--fill=40960"), "{said}");
    });
}

#[test]
fn nodes() {
    on_postgres("nodes", |_, postgres| {
        let few = blink(&FEW_THINGS);
        let sides = ["place", "--against=read", "--committers=1", postgres];
        let report = run_with_node(&[&sides, few.as_slice()].concat());
        require_sound(&report);
        let read = report.baseline.as_ref().expect("a side");
        for side in [&report.subject, read] {
            assert_eq!(side.durability.fsync, Fsync::On);
            let settings = side.node_settings.as_ref().expect("our node");
            assert_eq!(settings["committers"], "1");
            assert!(side.figures.contains_key("database_cpu_us_per_request"));
        }
    });
}

/// A direction with a wide bound: what goes into one commit with many others costs the server less than half.
#[test]
fn grouped_commits_cost_the_server_less_than_one_order_a_transaction() {
    let test = "grouped_commits_cost_the_server_less_than_one_order_a_transaction";
    on_postgres(test, |_, postgres| {
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
            require_sound(&report);
            let one_by_one = report.baseline.as_ref().expect("a side");
            assert_eq!(one_by_one.figures["clients_count"].median, 16.0);
            let ratios = report.ratios.as_ref().expect("pairs");
            let cpu = ratios["database_cpu_us_per_request"].median;
            assert!(cpu < 0.6, "{cpu}");
            // Without optimisation this program has more to do than the server.
            let throughput = ratios["accepted_per_s"].median;
            assert!(cfg!(debug_assertions) || throughput > 1.2, "{throughput}");
        }
    });
}

#[test]
fn pgbench_with_the_clients_it_does_most_with() {
    let test = "pgbench_with_the_clients_it_does_most_with";
    on_postgres(test, |_, postgres| {
        let report = run(&[
            "pgbench",
            postgres,
            "--warmup-s=0.1",
            "--duration-s=0.3",
            "--repeat=1",
        ]);
        require_sound(&report);
        assert_eq!(report.subject.settings.in_flight_count, None);
        let clients = report.subject.figures["clients_count"].median;
        assert!([8.0, 16.0, 32.0, 64.0].contains(&clients), "{clients}");
    });
}

#[test]
fn an_interrupt_drops_the_database() {
    on_postgres("an_interrupt_drops_the_database", |server, postgres| {
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
    });
}

#[test]
fn a_server_that_is_not_named_or_not_there_is_told() {
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
        require(&output, code);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(named), "{said}");
    }
}
