//! How evenly shards are assigned, how many move when a node joins or leaves, how long an
//! assignment takes, and the load of membership on the database. Run it with `cargo run --release
//! -p fritzy-cluster --example simulate -- [OPTIONS]`; the options are `--nodes 1000`, `--shards
//! 65536` and `--seed 1`.

#![expect(clippy::print_stdout, reason = "prints a report")]

mod measure;

use std::process::ExitCode;
use std::time::Duration;

use measure::{Placements, all_fenced_after, database_load, node_ids, placements};

/// How often each size is drawn: enough for a mean of small clusters, few enough for large ones to
/// take seconds.
const DRAWS: (usize, usize) = (100, 10);
/// From how many nodes on a cluster is large here.
const LARGE: usize = 100;

struct Options {
    nodes: usize,
    shards: u32,
    seed: u64,
}

fn options() -> Option<Options> {
    let mut options = Options {
        nodes: 1_000,
        shards: 65_536,
        seed: 1,
    };
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        let value = args.next()?;
        match flag.as_str() {
            "--nodes" => options.nodes = value.parse().ok().filter(|n| *n > 0)?,
            "--shards" => options.shards = value.parse().ok().filter(|n| *n > 0)?,
            "--seed" => options.seed = value.parse().ok()?,
            _ => return None,
        }
    }
    Some(options)
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        println!("options: --nodes NUMBER --shards NUMBER --seed NUMBER");
        return ExitCode::FAILURE;
    };
    let mut rng = fastrand::Rng::with_seed(options.seed);
    println!("seed {}\n", options.seed);
    print_placements(&options, &mut rng);
    print_membership(&options, &mut rng);
    ExitCode::SUCCESS
}

fn print_placements(options: &Options, rng: &mut fastrand::Rng) {
    println!("of the mean: the fullest and the emptiest node, worst draw");
    println!(
        "moved: shards when one node joins or leaves, on average, and as a multiple of what it gets or had (worst draw)"
    );
    println!();
    println!(
        "| shards | nodes | fullest | emptiest | moved by a join | moved by a leave | time of one assignment |"
    );
    println!("|---|---|---|---|---|---|---|");
    let small = [3, 4, 5, 10, 30].map(|nodes| (1_024, nodes));
    let large = [3, 4, 5, 10, 30, 100, 300].map(|nodes| (options.shards, nodes));
    let requested = [(options.shards, options.nodes)];
    for (shards, nodes) in small.into_iter().chain(large).chain(requested) {
        let draws = if nodes < LARGE { DRAWS.0 } else { DRAWS.1 };
        let of = placements(nodes, shards, draws, rng);
        print_row(shards, nodes, draws, &of);
    }
    println!();
}

fn print_row(shards: u32, nodes: usize, draws: usize, of: &Placements) {
    let moved = |moves: measure::Moves, worst: f64| {
        let each = moves.moved as f64 / draws as f64;
        format!("{each:.1}, {:.2}x (worst {worst:.2}x)", moves.ratio())
    };
    println!(
        "| {shards} | {nodes} | {:.3} | {:.3} | {} | {} | {:.1} ms |",
        of.fullest,
        of.emptiest,
        moved(of.join, of.join_worst),
        moved(of.leave, of.leave_worst),
        of.assign_took.as_secs_f64() * 1e3,
    );
}

fn print_membership(options: &Options, rng: &mut fastrand::Rng) {
    println!(
        "statements: one heartbeat and one poll a second for each node; rows: the heartbeats that those polls read; fenced: after the last heartbeat"
    );
    println!();
    println!(
        "| nodes | statements/s | rows read/s | one dies: fenced after | a third dies at once: all fenced after |"
    );
    println!("|---|---|---|---|---|");
    for nodes in [3, 10, 17, 30, 100, 300, options.nodes] {
        let ids = node_ids(nodes, rng);
        let load = database_load(&ids);
        let fenced = |dead: usize| match dead {
            0 => "-".to_owned(),
            dead => seconds(all_fenced_after(&ids, dead)),
        };
        println!(
            "| {nodes} | {} | {} | {} | {} |",
            load.statements_per_s,
            load.rows_read_per_s,
            fenced(usize::from(nodes > 1)),
            fenced(nodes / 3),
        );
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
