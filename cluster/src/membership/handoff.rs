//! Handing shards over: to the node that they belong to, or, when this one leaves, to whoever takes them.

use std::time::Duration;

use fritzy_types::{Epoch, ShardId};
use tokio::time::sleep;
use tracing::warn;

use crate::membership::coordinator::Keeper;
use crate::membership::heartbeat::Standing;
use crate::routing::router::ShardHost;
use crate::transport::dispatcher::Heard;

/// Shards in one step of a hand-over: a step takes as long as the longest command under way.
pub(crate) const STEP_MAX: usize = 16;
/// Between two tries to give shards back while the table is out of reach.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

impl<H: ShardHost> Keeper<H> {
    /// Hands shards over in a task of its own: what still runs in them may take a while.
    pub(crate) fn hand_over(&mut self, shards: Vec<ShardId>) {
        self.moving.extend(&shards);
        let (me, membership, life) = (self.me, self.membership.clone(), self.shards.clone());
        let (router, peers) = (self.router.clone(), self.peers.clone());
        let (moved, mut standing) = (self.moved.0.clone(), self.standing.clone());
        let epochs: Vec<Epoch> = shards
            .iter()
            .map(|shard| self.running[shard].epoch)
            .collect();
        tokio::spawn(async move {
            router.map().forget(&shards);
            life.stop(&shards).await;
            while let Err(failure) = membership.release(me, &shards).await {
                warn!(%failure, "shards cannot be given back; trying again");
                sleep(AGAIN_AFTER).await;
                if *standing.borrow_and_update() == Standing::Fenced {
                    return;
                }
            }
            let news = shards.iter().zip(epochs);
            let news: Vec<Heard> = news.map(|(shard, epoch)| (*shard, None, epoch)).collect();
            peers.tell(&news);
            // An error means that this life is over.
            let _ = moved.send(shards).await;
        });
    }

    /// Stops what runs, gives it back, and takes this node out of the table.
    pub(crate) async fn leave(&mut self) {
        let rest: Vec<ShardId> = self
            .running
            .keys()
            .filter(|shard| !self.moving.contains(shard))
            .copied()
            .collect();
        for step in rest.chunks(STEP_MAX) {
            self.hand_over(step.to_vec());
        }
        while !self.moving.is_empty() {
            tokio::select! {
                Some(shards) = self.moved.1.recv() => {
                    for shard in shards {
                        self.moving.remove(&shard);
                        self.running.remove(&shard);
                    }
                }
                // Nothing of it is ours any more, so there is nothing to give back.
                _ = self.standing.wait_for(|standing| *standing == Standing::Fenced) => return,
            }
        }
        // Before the table says that it is gone: peers drop the connections of nodes that are not there.
        self.peers.say_farewell().await;
        if let Err(failure) = self.membership.leave(self.me).await {
            warn!(%failure, "this node stays in the table until others take it for dead");
        }
    }
}
