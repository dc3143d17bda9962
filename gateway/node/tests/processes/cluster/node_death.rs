//! Nodes that die, pause, or lose the database, with clients on all nodes: others take over their
//! shards, nothing acknowledged is lost (I1), and no response is stale (I3).

use std::time::{Duration, Instant};

use fritzy_testbed::{HoldFrom, skip_unless};
use futures_util::future::join_all;
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::cluster::history::{
    ClientObservation, History, Observation, read, record, require_answers,
};
use crate::cluster::linearizability::{
    answered, between, require_kept, require_linearizable, require_sound,
};
use crate::cluster::nodes::{Nodes, shard_of};

/// From a fault until all shards have owners again; the requirement is 10 s.
pub(crate) const TAKEN_MAX: Duration = Duration::from_secs(10);
/// While the dead node's shards have no owner.
const MEANWHILE: Duration = Duration::from_secs(4);
/// More than can be executed and parked, which are 256 each.
const CROWD: usize = 600;
/// Longer than a lease, and than the time until a silent node is fenced.
const PAST_THE_LEASE: Duration = Duration::from_secs(8);

/// A part of the SQL that only a batch contains.
pub(crate) const FENCE: &str = "AS lease (shard, owner, epoch)";

#[tokio::test(flavor = "multi_thread")]
async fn i1_shards_of_a_killed_node_are_taken_over() {
    let mut nodes = skip_unless!(Nodes::start(3).await);
    // On the two nodes that stay: clients of the third end with it.
    let history = History::start(&nodes.apis()[..2]).await;
    history.wait_requests().await;
    let run = nodes.id_of("n3").await.expect("a running node");
    let mut of_others = nodes.shards_of("n1").await;
    of_others.extend(nodes.shards_of("n2").await);
    let killed = Instant::now();
    nodes.nodes.remove(2).process.kill();
    // Meanwhile the shards of the others are served, through either node.
    let [first, second] = [&nodes.nodes[0].api, &nodes.nodes[1].api];
    let (taken, by_first, by_second) = tokio::join!(
        nodes.wait_taken_over(run),
        require_answers(first, &history.accounts, &of_others, MEANWHILE),
        require_answers(second, &history.accounts, &of_others, MEANWHILE),
    );
    assert!(taken < TAKEN_MAX, "{taken:?}");
    // Every account is served again, through either node.
    for account in history.accounts.iter() {
        for node in &nodes.nodes {
            let observed = read(&node.api, account).await;
            assert!(matches!(observed, ClientObservation::At(_)), "{observed:?}");
        }
    }
    let served = killed.elapsed();
    assert!(served < TAKEN_MAX, "{served:?}");
    history.wait_requests().await;
    let observations = require_sound(history, nodes).await;
    let unknown = observations.iter();
    let unknown =
        unknown.filter(|observation| matches!(observation.observed, ClientObservation::Unknown(_)));
    println!(
        "owners after {taken:?}, all served after {served:?}; {} reads of the others' shards answered meanwhile, \
         {} changes not known",
        by_first + by_second,
        unknown.count()
    );
}

/// Many more requests than a node executes at once, all for shards without an owner: they wait or
/// are refused, and no other request is affected.
#[tokio::test(flavor = "multi_thread")]
async fn requests_for_dead_shards_do_not_block_others() {
    let mut nodes = skip_unless!(Nodes::start(3).await);
    let history = History::start(&nodes.apis()[..1]).await;
    history.wait_requests().await;
    let of_killed = nodes.shards_of("n3").await;
    let mut of_others = nodes.shards_of("n1").await;
    of_others.extend(nodes.shards_of("n2").await);
    nodes.nodes.remove(2).process.kill();
    let api = &nodes.nodes[0].api;
    let waited_for = history.accounts.iter();
    let waited_for = waited_for.filter(|account| of_killed.contains(&shard_of(account)));
    let crowd: Vec<_> = waited_for
        .cycle()
        .take(CROWD)
        .map(|account| {
            let (api, account) = (api.clone(), account.clone());
            tokio::spawn(async move { read(&api, &account).await })
        })
        .collect();
    sleep(Duration::from_millis(500)).await;
    let responses = require_answers(api, &history.accounts, &of_others, MEANWHILE / 2).await;
    let waited = join_all(crowd).await.into_iter();
    let waited: Vec<ClientObservation> =
        waited.map(|observed| observed.expect("no panic")).collect();
    let served = waited
        .iter()
        .filter(|observed| matches!(observed, ClientObservation::At(_)));
    let served = served.count();
    require_sound(history, nodes).await;
    println!(
        "{responses} reads of others' shards meanwhile; {served} of {CROWD} were served after it"
    );
    assert!(served >= 100, "{waited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn i3_node_paused_past_its_lease_serves_no_stale_reads() {
    let nodes = skip_unless!(Nodes::start(3).await);
    let history = History::start(&nodes.apis()).await;
    history.wait_requests().await;
    let (stopped, before) = (&nodes.nodes[2], nodes.id_of("n3").await);
    stopped.process.pause();
    let began = Instant::now();
    sleep(PAST_THE_LEASE).await;
    let taken = nodes.wait_taken_over(before.expect("a running node")).await + PAST_THE_LEASE;
    // Its memory is outdated now. Requests for all of it are waiting when it resumes.
    sleep(Duration::from_secs(1)).await;
    let asking: Vec<_> = history
        .accounts
        .iter()
        .cycle()
        .take(4 * history.accounts.len())
        .map(|account| {
            let (api, account) = (stopped.api.clone(), account.clone());
            tokio::spawn(async move { record(2, &account, read(&api, &account)).await })
        })
        .collect();
    sleep(Duration::from_millis(300)).await;
    stopped.process.resume();
    let went_on = Instant::now();
    let asked = join_all(asking).await.into_iter();
    let asked: Vec<Observation> = asked.map(|asked| asked.expect("no panic")).collect();
    nodes.wait_settled().await;
    let back = went_on.elapsed();
    let after = nodes.id_of("n3").await;
    assert!(after.is_some() && after != before, "the same incarnation");
    history.wait_requests().await;
    let mut observations = history.stop().await;
    println!(
        "stopped for {:?}, taken within {taken:?}, back with shards after {back:?}; of {} reads it answered {}",
        went_on - began,
        asked.len(),
        answered(&asked.iter().collect::<Vec<_>>()),
    );
    observations.extend(asked);
    let mut nodes = nodes;
    let found = nodes.kill_all().await;
    require_linearizable(&observations);
    require_kept(&observations, &found);
}

/// The node is paused when its batch has passed the fence and is not committed.
#[tokio::test(flavor = "multi_thread")]
async fn i3_node_paused_before_commit_commits_in_time_or_never() {
    let nodes = skip_unless!(Nodes::start(3).await);
    let history = History::start(&nodes.apis()).await;
    history.wait_requests().await;
    let stopped = &nodes.nodes[2];
    let hold = stopped.database.hold_client_bytes(HoldFrom::sync_of(FENCE));
    let is_held = block_in_place(|| hold.wait_held(Duration::from_secs(10)));
    assert!(is_held, "it does not write");
    let run = nodes.id_of("n3").await.expect("a running node");
    stopped.process.pause();
    let taken = nodes.wait_taken_over(run).await;
    // The commit arrives when other nodes own the shards.
    block_in_place(|| hold.release());
    sleep(Duration::from_secs(1)).await;
    stopped.process.resume();
    nodes.wait_settled().await;
    println!("taken after {taken:?}");
    require_sound(history, nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stalled_database_moves_no_shards() {
    let nodes = skip_unless!(Nodes::start(3).await);
    let history = History::start(&nodes.apis()).await;
    history.wait_requests().await;
    let before = nodes.ownership().await;
    nodes.server.pause().expect("it pauses");
    sleep(Duration::from_secs(10)).await;
    nodes.server.resume().expect("resumes");
    // Longer than the time until a silent node would be fenced.
    sleep(Duration::from_secs(6)).await;
    assert_eq!(nodes.ownership().await, before);
    let resumed = Instant::now();
    history.wait_requests().await;
    let observations = require_sound(history, nodes).await;
    assert!(
        answered(&between(&observations, resumed, Instant::now())) > 50,
        "it goes on"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn i3_node_without_database_stops_before_takeover() {
    let nodes = skip_unless!(Nodes::start(3).await);
    let history = History::start(&nodes.apis()).await;
    history.wait_requests().await;
    let (cut, before) = (&nodes.nodes[2], nodes.id_of("n3").await);
    cut.lose_database();
    let lost = Instant::now();
    let of_others = nodes
        .wait_until("its shards are taken over", async |nodes| {
            nodes.id_of("n3").await.is_none() && nodes.shards_of("n1").await.len() > 6
        })
        .await;
    assert!(of_others < TAKEN_MAX, "{of_others:?}");
    sleep(Duration::from_secs(4)).await;
    cut.database.heal();
    nodes.wait_settled().await;
    cut.wait_ready().await;
    assert_ne!(nodes.id_of("n3").await, before, "the same incarnation");
    let healed = Instant::now();
    history.wait_requests().await;
    let observations = require_sound(history, nodes).await;
    println!("taken after {of_others:?}");
    let through_it = |observations: Vec<&Observation>| {
        let observations = observations
            .into_iter()
            .filter(|observation| observation.node == 2);
        answered(&observations.collect::<Vec<_>>())
    };
    // Forwarded to the others, for their shards.
    let meanwhile = between(&observations, lost + of_others, healed);
    assert!(through_it(meanwhile) > 0, "no request was forwarded");
}
