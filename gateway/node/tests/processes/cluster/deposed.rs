//! A node that is not the owner any more, at the moments at which it must find that out by itself: what only the fence, the
//! lease or the beat can tell it is kept from it. The accounts in question are changed by nobody but the test, so that what a
//! node has in memory stays old (I3).

use std::time::{Duration, Instant};

use fritzy_testbed::{Hold, HoldFrom, ServiceError, skip_unless};
use fritzy_testbed_shop::Api;
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::sleep;

use crate::cluster::node_death::FENCE;
use crate::cluster::history::{Note, Told, noted, read, rename, require_kept, require_linearizable};
use crate::cluster::nodes::{Node, Nodes, shard_of};

/// What the statements of a renewal, a look and a fencing, and no others, have in them.
const RENEWAL: &str = "SET beat = beat + 1";
const LOOK: &str = "FROM cluster_version LEFT JOIN node";
const FENCING: &str = "SET fenced = true";
/// A node that hears nothing asks again every two or three seconds, on a new connection.
const ASKED_MAX: usize = 16;
/// For a node to come to what is held.
const HELD_MAX: Duration = Duration::from_secs(30);
/// A lease, and a look.
const PAST_THE_LEASE: Duration = Duration::from_secs(4);
const ACCOUNTS: usize = 4;
/// That a request has, less a moment.
const REQUEST_TIME: Duration = Duration::from_millis(9_500);
/// Names that are given to accounts which the new owner has not changed.
const AT_ONCE: [[&str; 2]; ACCOUNTS / 2] = [["fourth", "fifth"], ["sixth", "seventh"]];
const POLL: Duration = Duration::from_millis(20);

/// A node that owns some accounts, at version 2 in its memory, and another that will.
struct Pair {
    nodes: Nodes,
    accounts: Vec<String>,
    notes: Vec<Note>,
}

impl Pair {
    async fn start() -> Result<Self, ServiceError> {
        let nodes = Nodes::start(2).await?;
        let mut pair = Self {
            nodes,
            accounts: Vec::new(),
            notes: Vec::new(),
        };
        let mut shards = pair.nodes.shards_of("n2").await;
        while pair.accounts.len() < ACCOUNTS {
            let create = "mutation { createAccount(account: { name: \"new\" }) { id } }";
            let created = pair.nodes.nodes[1].api.run(create).await;
            let id = created.text_at("/createAccount/id");
            // No two in one shard: what is written for one would give the writers of the other away.
            if let Some(place) = shards.iter().position(|shard| *shard == shard_of(&id)) {
                shards.swap_remove(place);
                pair.accounts.push(id);
            }
        }
        for account in pair.accounts.clone() {
            let note = pair.rename(1, &account, "first", None).await;
            assert!(matches!(note.told, Told::Changed(2, _)), "{note:?}");
        }
        Ok(pair)
    }

    /// The node that will own them, and the one that does.
    fn both(&self) -> [&Node; 2] {
        [&self.nodes.nodes[0], &self.nodes.nodes[1]]
    }

    fn api(&self, node: usize) -> &Api {
        &self.nodes.nodes[node].api
    }

    async fn read(&mut self, node: usize, account: &str) -> Note {
        let note = noted(node, account, read(self.api(node), account)).await;
        self.notes.push(note.clone());
        note
    }

    async fn rename(
        &mut self,
        node: usize,
        account: &str,
        what: &str,
        expected: Option<u64>,
    ) -> Note {
        let name = format!("{what} of {account}");
        let renaming = rename(self.api(node), account, &name, expected, None);
        let note = noted(node, account, renaming).await;
        self.notes.push(note.clone());
        note
    }

    /// Renames an account while the test goes on.
    fn renaming(&self, node: usize, account: &str, name: &'static str) -> JoinHandle<Note> {
        let (api, account) = (self.api(node).clone(), account.to_owned());
        tokio::spawn(async move {
            noted(node, &account, rename(&api, &account, name, None, None)).await
        })
    }

    /// Compares all that was told with what is there, once both nodes are members again.
    async fn require_sound(mut self) {
        let found = self.nodes.kill_all().await;
        require_linearizable(&self.notes);
        require_kept(&self.notes, &found);
    }
}

/// A node hears nothing of nodes and owners any more, neither from the database nor from its peer; it reads and writes all
/// else as before.
fn keep_in_the_dark([peer, node]: [&Node; 2]) -> Vec<Hold> {
    // The one that joined later calls the other: this is the only way between the two.
    peer.peers.stall();
    let calls = [RENEWAL, LOOK].repeat(ASKED_MAX).into_iter();
    calls
        .map(|sql| node.database.hold_client_bytes(HoldFrom::execute_of(sql)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn i3_unaware_deposed_node_serves_no_stale_reads_or_writes() {
    let mut pair = skip_unless!(Pair::start().await);
    let run = pair.nodes.id_of("n2").await.expect("it runs");
    let dark = keep_in_the_dark(pair.both());
    pair.nodes.wait_taken_over(run).await;
    let accounts = pair.accounts.clone();
    let (changed, kept) = accounts.split_at(ACCOUNTS / 2);
    for account in changed {
        let note = pair.rename(0, account, "second", Some(2)).await;
        assert!(matches!(note.told, Told::Changed(3, _)), "{note:?}");
    }
    for account in kept {
        // The new owner has it in memory, and will not look again.
        let note = pair.read(0, account).await;
        assert_eq!(note.told, Told::At(2), "{note:?}");
    }
    for account in changed {
        let note = pair.read(1, account).await;
        assert_ne!(note.told, Told::At(2), "I3: a stale read");
    }
    for account in changed {
        let note = pair.rename(1, account, "third", Some(9)).await;
        assert_ne!(note.told, Told::At(2), "I3: a stale refusal");
    }
    let mut waiting = Vec::new();
    for (account, [fourth, fifth]) in kept.iter().zip(AT_ONCE) {
        // At once: what waits behind one that is fenced is told the truth as well.
        waiting.push(pair.renaming(1, account, fourth));
        pair.read(1, account).await;
        waiting.push(pair.renaming(1, account, fifth));
        pair.read(1, account).await;
        pair.read(0, account).await;
    }
    require_linearizable(&pair.notes);
    pair.nodes.nodes[0].peers.heal();
    drop(dark);
    for renaming in waiting {
        // It has asked the new owner as soon as it had heard of it. Only a machine that is too slow for that has excuses.
        let note = renaming.await.expect("no panic");
        let is_excused = match note.told {
            Told::Changed(..) => true,
            Told::Nothing(_) => note.ended - note.began >= REQUEST_TIME,
            Told::Unknown(_) => pair.both()[1]
                .process
                .log()
                .contains("killing what is left"),
            Told::At(_) => false,
        };
        assert!(is_excused, "{note:?}");
        pair.notes.push(note);
    }
    pair.nodes.wait_settled().await;
    for account in accounts {
        let note = pair.read(1, &account).await;
        assert!(matches!(note.told, Told::At(_)), "it is back: {note:?}");
    }
    pair.require_sound().await;
}

/// The word to commit comes when another has the shard, and has read what stood there before.
#[tokio::test(flavor = "multi_thread")]
async fn i3_batch_stalled_before_commit_is_fenced() {
    let mut pair = skip_unless!(Pair::start().await);
    let run = pair.nodes.id_of("n2").await.expect("it runs");
    let [_, node] = pair.both();
    let hold = node.database.hold_client_bytes(HoldFrom::sync_of(FENCE));
    let renaming = pair.renaming(1, &pair.accounts[0], "caught");
    assert!(block_in_place(|| hold.wait_held(HELD_MAX)), "it writes");
    node.process.pause();
    pair.nodes.wait_taken_over(run).await;
    let account = pair.accounts[0].clone();
    pair.read(0, &account).await;
    block_in_place(|| hold.release());
    pair.nodes.nodes[1].process.resume();
    let caught = renaming.await.expect("no panic");
    pair.notes.push(caught);
    pair.read(0, &account).await;
    require_linearizable(&pair.notes);
    pair.nodes.wait_settled().await;
    pair.require_sound().await;
}

/// A node that was stopped for long enough goes on just before the word arrives that it is dead.
#[tokio::test(flavor = "multi_thread")]
async fn i3_renewed_node_survives_an_outdated_fencing_statement() {
    let mut pair = skip_unless!(Pair::start().await);
    let account = pair.accounts[0].clone();
    let [peer, node] = pair.both();
    let fencing = peer
        .database
        .hold_client_bytes(HoldFrom::execute_of(FENCING));
    node.process.pause();
    assert!(block_in_place(|| fencing.wait_held(HELD_MAX)), "it is dead");
    node.process.resume();
    // Answered from memory: its lease holds again, so it has renewed.
    let began = Instant::now();
    while pair.read(1, &account).await.told != Told::At(2) {
        assert!(began.elapsed() < HELD_MAX, "it goes on");
    }
    let dark = keep_in_the_dark(pair.both());
    let renaming = pair.renaming(0, &pair.accounts[0], "by the next");
    block_in_place(|| fencing.release());
    let released = Instant::now();
    while released.elapsed() < PAST_THE_LEASE {
        pair.read(1, &account).await;
        sleep(POLL).await;
    }
    let renamed = renaming.await.expect("no panic");
    pair.notes.push(renamed);
    require_linearizable(&pair.notes);
    pair.nodes.nodes[0].peers.heal();
    drop(dark);
    pair.nodes.wait_settled().await;
    pair.require_sound().await;
}

/// The node leaves while a change is on its way to the database.
#[tokio::test(flavor = "multi_thread")]
async fn i3_shard_is_released_after_its_accepted_writes() {
    let mut pair = skip_unless!(Pair::start().await);
    let [_, node] = pair.both();
    let hold = node.database.hold_client_bytes(HoldFrom::execute_of(FENCE));
    let renaming = pair.renaming(1, &pair.accounts[0], "at the last moment");
    assert!(block_in_place(|| hold.wait_held(HELD_MAX)), "it writes");
    node.process.terminate();
    // So long that the other would look, and take what was given away.
    sleep(Duration::from_secs(2)).await;
    block_in_place(|| hold.release());
    let renamed = renaming.await.expect("no panic");
    assert!(matches!(renamed.told, Told::Changed(3, _)), "{renamed:?}");
    pair.notes.push(renamed);
    let account = pair.accounts[0].clone();
    let after = pair.read(0, &account).await;
    assert_eq!(after.told, Told::At(3), "{after:?}");
    pair.require_sound().await;
}
