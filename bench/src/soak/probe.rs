//! The probes: one account in each shard, renamed again and again, so that it is known when each
//! shard takes writes.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::api::{Api, Failure};
use super::ledger::Ledger;
use super::recovery::ProbeResult;
use super::shared::{Phase, Shared};

/// Between two writes of a probe while there is no fault: a background load of one write a second
/// for each shard.
const INTERVAL: Duration = Duration::from_secs(1);
/// The same during a fault.
const INTERVAL_IN_FAULT: Duration = Duration::from_millis(250);
/// After a failure: how exactly the end of an interruption is known.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// Creations until every shard has an account: 256 shards need some 1 600 by chance.
const CREATIONS_MAX: usize = 10_000;

/// The probe of one shard.
pub(crate) struct Probe {
    shard: u16,
    account: String,
    ledger: Ledger,
    apis: Vec<Api>,
    shared: Arc<Shared>,
}

/// Creates an account in each shard. Returns those, by shard, and the ledger of all others.
///
/// # Errors
/// With the failure of a creation: the cluster is whole, so none may fail.
pub(crate) async fn accounts_of_shards(
    apis: &[Api],
    shards: u16,
) -> Result<(Vec<(String, String)>, Ledger), String> {
    let mut found = vec![None; usize::from(shards)];
    let mut others = Ledger::new(0);
    for (number, api) in (0..CREATIONS_MAX).zip(apis.iter().cycle()) {
        let name = format!("probe {number}");
        let created = api.create_account(&name).await;
        let id = created.map_err(|failure| format!("{failure:?}"))?.id;
        let place = &mut found[usize::from(shard_of(&id, shards)?)];
        match place {
            Some(_) => others.account_created(&id, &name),
            None => *place = Some((id, name)),
        }
        if found.iter().all(Option::is_some) {
            return Ok((found.into_iter().flatten().collect(), others));
        }
    }
    Err(format!(
        "some of {shards} shards have none of {CREATIONS_MAX} accounts"
    ))
}

/// The shard of an entity, by the slot in the last two bytes of its id (docs/adr/0003).
fn shard_of(id: &str, shards: u16) -> Result<u16, String> {
    let slot = id
        .get(32..)
        .and_then(|hex| u16::from_str_radix(hex, 16).ok());
    Ok(slot.ok_or_else(|| format!("{id} is no id of an account"))? % shards)
}

impl Probe {
    pub(crate) fn new(
        shard: u16,
        (account, name): (String, String),
        apis: Vec<Api>,
        shared: Arc<Shared>,
    ) -> Self {
        let mut ledger = Ledger::new(0);
        ledger.account_created(&account, &name);
        Self {
            shard,
            account,
            ledger,
            apis,
            shared,
        }
    }

    /// Writes until the load is over. Returns what is known of its account.
    pub(crate) async fn run(mut self) -> Ledger {
        let mut phases = self.shared.phases();
        for number in usize::from(self.shard).. {
            let phase = *phases.borrow_and_update();
            if phase.is_over {
                break;
            }
            let succeeded = self.write(number, phase).await;
            let interval = match (succeeded, phase.has_fault) {
                (false, _) => AGAIN_AFTER,
                (true, true) => INTERVAL_IN_FAULT,
                (true, false) => INTERVAL,
            };
            match succeeded {
                // Whatever changes is a reason to write at once.
                true => drop(timeout(interval, phases.changed()).await),
                false => sleep(interval).await,
            }
        }
        self.ledger
    }

    async fn write(&mut self, number: usize, phase: Phase) -> bool {
        let usable = (0..self.apis.len()).filter(|node| phase.avoided != Some(*node));
        let usable: Vec<usize> = usable.collect();
        let api = &self.apis[usable[number % usable.len()]];
        let name = format!("probed {number}");
        let began = self.shared.elapsed();
        let result = api.rename_account(&self.account, &name).await;
        let ended = self.shared.elapsed();
        self.shared.add_probe(ProbeResult {
            shard: self.shard,
            began,
            ended,
            succeeded: result.is_ok(),
        });
        if let Err(failure) = &result {
            self.shared.judge_failure("probe", failure);
        }
        match &result {
            Ok(seen) => {
                let seen = (seen.version, seen.name.as_str());
                if let Err(wrong) = self.ledger.renamed(&self.account, &name, seen) {
                    self.shared.add_wrong(wrong);
                }
            }
            Err(Failure::NotDone(_)) => {}
            Err(_) => self.ledger.rename_unknown(&self.account, &name),
        }
        result.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shard_is_in_the_last_two_bytes_of_an_id() {
        let id = "01a2050f-7846-754b-b786-3c7fdeea0102";
        assert_eq!(shard_of(id, 16), Ok(2));
        assert_eq!(shard_of(id, 1_024), Ok(258));
        assert!(shard_of("short", 16).is_err());
    }
}
