//! A node that has lost its shards and must find that out by itself: by the fence, the lease or the
//! heartbeat, one of which is kept from it. Only the test changes the accounts in question, so that
//! the node's memory stays outdated (I3).

use std::time::{Duration, Instant};

use fritzy_testbed::{Hold, HoldFrom, ServiceError, skip_unless};
use fritzy_testbed_shop::Api;
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::sleep;

use crate::cluster::history::{ClientObservation, Observation, read, record, rename};
use crate::cluster::linearizability::{require_kept, require_linearizable};
use crate::cluster::node_death::FENCE;
use crate::cluster::nodes::{Node, Nodes, shard_of};

/// Parts of the SQL that only a heartbeat, a read of the cluster's state, or a fencing contains.
const RENEWAL: &str = "SET beat = beat + 1";
const LOOK: &str = "FROM cluster_version LEFT JOIN node";
const FENCING: &str = "SET fenced = true";
/// Without a response, a node repeats these every two or three seconds, on a new connection.
const ASKED_MAX: usize = 16;
/// Until a node sends what is held.
const HELD_MAX: Duration = Duration::from_secs(30);
/// A lease, and the interval of reading the cluster's state.
const PAST_THE_LEASE: Duration = Duration::from_secs(4);
const ACCOUNTS: usize = 4;
/// The timeout of a request, minus half a second.
const REQUEST_TIME: Duration = Duration::from_millis(9_500);
/// Names for accounts that the new owner has not changed.
const AT_ONCE: [[&str; 2]; ACCOUNTS / 2] = [["fourth", "fifth"], ["sixth", "seventh"]];
const POLL: Duration = Duration::from_millis(20);

/// A node that owns some accounts, at version 2 in its memory, and the one that will own them.
struct Pair {
    nodes: Nodes,
    accounts: Vec<String>,
    observations: Vec<Observation>,
}

impl Pair {
    async fn start() -> Result<Self, ServiceError> {
        let nodes = Nodes::start(2).await?;
        let mut pair = Self {
            nodes,
            accounts: Vec::new(),
            observations: Vec::new(),
        };
        let mut shards = pair.nodes.shards_of("n2").await;
        while pair.accounts.len() < ACCOUNTS {
            let create = "mutation { createAccount(account: { name: \"new\" }) { id } }";
            let created = pair.nodes.nodes[1].api.run(create).await;
            let id = created.text_at("/createAccount/id");
            // Each in a shard of its own: a write to one would reveal the owner of the other.
            if let Some(place) = shards.iter().position(|shard| *shard == shard_of(&id)) {
                shards.swap_remove(place);
                pair.accounts.push(id);
            }
        }
        for account in pair.accounts.clone() {
            let observation = pair.rename(1, &account, "first", None).await;
            assert!(
                matches!(observation.observed, ClientObservation::Changed(2, _)),
                "{observation:?}"
            );
        }
        Ok(pair)
    }

    /// The node that will own the accounts, and the one that does.
    fn both(&self) -> [&Node; 2] {
        [&self.nodes.nodes[0], &self.nodes.nodes[1]]
    }

    fn api(&self, node: usize) -> &Api {
        &self.nodes.nodes[node].api
    }

    async fn read(&mut self, node: usize, account: &str) -> Observation {
        let observation = record(node, account, read(self.api(node), account)).await;
        self.observations.push(observation.clone());
        observation
    }

    async fn rename(
        &mut self,
        node: usize,
        account: &str,
        what: &str,
        expected: Option<u64>,
    ) -> Observation {
        let name = format!("{what} of {account}");
        let renaming = rename(self.api(node), account, &name, expected, None);
        let observation = record(node, account, renaming).await;
        self.observations.push(observation.clone());
        observation
    }

    /// Renames an account in the background.
    fn renaming(&self, node: usize, account: &str, name: &'static str) -> JoinHandle<Observation> {
        let (api, account) = (self.api(node).clone(), account.to_owned());
        tokio::spawn(async move {
            record(node, &account, rename(&api, &account, name, None, None)).await
        })
    }

    /// Compares all observations with the journal, once both nodes are members again.
    async fn require_sound(mut self) {
        let found = self.nodes.kill_all().await;
        require_linearizable(&self.observations);
        require_kept(&self.observations, &found);
    }
}

/// Keeps every change of ownership from a node, whether through the database or through its peer.
/// All its other reads and writes work.
fn hide_ownership_changes([peer, node]: [&Node; 2]) -> Vec<Hold> {
    // The node that joined later connects to the other: there is no other connection between them.
    peer.peers.stall();
    let calls = [RENEWAL, LOOK].repeat(ASKED_MAX).into_iter();
    calls
        .map(|sql| node.database.hold_client_bytes(HoldFrom::execute_of(sql)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn i3_unaware_deposed_node_serves_no_stale_reads_or_writes() {
    let mut pair = skip_unless!(Pair::start().await);
    let run = pair.nodes.id_of("n2").await.expect("a running node");
    let dark = hide_ownership_changes(pair.both());
    pair.nodes.wait_taken_over(run).await;
    let accounts = pair.accounts.clone();
    let (changed, kept) = accounts.split_at(ACCOUNTS / 2);
    for account in changed {
        let observation = pair.rename(0, account, "second", Some(2)).await;
        assert!(
            matches!(observation.observed, ClientObservation::Changed(3, _)),
            "{observation:?}"
        );
    }
    for account in kept {
        // The new owner has it in memory, and does not read it again.
        let observation = pair.read(0, account).await;
        assert_eq!(
            observation.observed,
            ClientObservation::At(2),
            "{observation:?}"
        );
    }
    for account in changed {
        let observation = pair.read(1, account).await;
        assert_ne!(
            observation.observed,
            ClientObservation::At(2),
            "I3: a stale read"
        );
    }
    for account in changed {
        let observation = pair.rename(1, account, "third", Some(9)).await;
        assert_ne!(
            observation.observed,
            ClientObservation::At(2),
            "I3: a stale refusal"
        );
    }
    let mut waiting = Vec::new();
    for (account, [fourth, fifth]) in kept.iter().zip(AT_ONCE) {
        // Concurrently: what is queued behind a fenced write must be answered correctly as well.
        waiting.push(pair.renaming(1, account, fourth));
        pair.read(1, account).await;
        waiting.push(pair.renaming(1, account, fifth));
        pair.read(1, account).await;
        pair.read(0, account).await;
    }
    require_linearizable(&pair.observations);
    pair.nodes.nodes[0].peers.heal();
    drop(dark);
    for renaming in waiting {
        // It has asked the new owner as soon as it knew of it. Only an overloaded machine is
        // excused.
        let observation = renaming.await.expect("no panic");
        let is_excused = match observation.observed {
            ClientObservation::Changed(..) => true,
            ClientObservation::Nothing(_) => observation.ended - observation.began >= REQUEST_TIME,
            ClientObservation::Unknown(_) => pair.both()[1]
                .process
                .log()
                .contains("killing what is left"),
            ClientObservation::At(_) => false,
        };
        assert!(is_excused, "{observation:?}");
        pair.observations.push(observation);
    }
    pair.nodes.wait_settled().await;
    for account in accounts {
        let observation = pair.read(1, &account).await;
        assert!(
            matches!(observation.observed, ClientObservation::At(_)),
            "it is back: {observation:?}"
        );
    }
    pair.require_sound().await;
}

/// The commit arrives after another node has acquired the shard and read its state.
#[tokio::test(flavor = "multi_thread")]
async fn i3_batch_stalled_before_commit_is_fenced() {
    let mut pair = skip_unless!(Pair::start().await);
    let run = pair.nodes.id_of("n2").await.expect("a running node");
    let [_, node] = pair.both();
    let hold = node.database.hold_client_bytes(HoldFrom::sync_of(FENCE));
    let renaming = pair.renaming(1, &pair.accounts[0], "caught");
    assert!(
        block_in_place(|| hold.wait_held(HELD_MAX)),
        "it does not write"
    );
    node.process.pause();
    pair.nodes.wait_taken_over(run).await;
    let account = pair.accounts[0].clone();
    pair.read(0, &account).await;
    block_in_place(|| hold.release());
    pair.nodes.nodes[1].process.resume();
    let caught = renaming.await.expect("no panic");
    pair.observations.push(caught);
    pair.read(0, &account).await;
    require_linearizable(&pair.observations);
    pair.nodes.wait_settled().await;
    pair.require_sound().await;
}

/// A paused node resumes just before it is fenced.
#[tokio::test(flavor = "multi_thread")]
async fn i3_renewed_node_survives_an_outdated_fencing_statement() {
    let mut pair = skip_unless!(Pair::start().await);
    let account = pair.accounts[0].clone();
    let [peer, node] = pair.both();
    let fencing = peer
        .database
        .hold_client_bytes(HoldFrom::execute_of(FENCING));
    node.process.pause();
    assert!(
        block_in_place(|| fencing.wait_held(HELD_MAX)),
        "it is not fenced"
    );
    node.process.resume();
    // Answered from memory: its lease is valid, so it has sent a heartbeat.
    let began = Instant::now();
    while pair.read(1, &account).await.observed != ClientObservation::At(2) {
        assert!(began.elapsed() < HELD_MAX, "it does not resume");
    }
    let dark = hide_ownership_changes(pair.both());
    let renaming = pair.renaming(0, &pair.accounts[0], "by the next");
    block_in_place(|| fencing.release());
    let released = Instant::now();
    while released.elapsed() < PAST_THE_LEASE {
        pair.read(1, &account).await;
        sleep(POLL).await;
    }
    let renamed = renaming.await.expect("no panic");
    pair.observations.push(renamed);
    require_linearizable(&pair.observations);
    pair.nodes.nodes[0].peers.heal();
    drop(dark);
    pair.nodes.wait_settled().await;
    pair.require_sound().await;
}

/// The node leaves while a write is in flight to the database.
#[tokio::test(flavor = "multi_thread")]
async fn i3_shard_is_released_after_its_accepted_writes() {
    let mut pair = skip_unless!(Pair::start().await);
    let [_, node] = pair.both();
    let hold = node.database.hold_client_bytes(HoldFrom::execute_of(FENCE));
    let renaming = pair.renaming(1, &pair.accounts[0], "at the last moment");
    assert!(
        block_in_place(|| hold.wait_held(HELD_MAX)),
        "it does not write"
    );
    node.process.terminate();
    // Long enough for the other node to read the cluster's state and acquire what was released.
    sleep(Duration::from_secs(2)).await;
    block_in_place(|| hold.release());
    let renamed = renaming.await.expect("no panic");
    assert!(
        matches!(renamed.observed, ClientObservation::Changed(3, _)),
        "{renamed:?}"
    );
    pair.observations.push(renamed);
    let account = pair.accounts[0].clone();
    let after = pair.read(0, &account).await;
    assert_eq!(after.observed, ClientObservation::At(3), "{after:?}");
    pair.require_sound().await;
}
