//! After the load: everything acknowledged is read back through every node.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use tokio::time::sleep;

use super::api::{ACCOUNTS_PAGE, Api, Failure};
use super::ledger::{Ledger, WrongAnswer, WrongKind};

/// For one read of a healed cluster: shards may still move.
const READ_MAX: Duration = Duration::from_secs(30);
/// Between two attempts.
const AGAIN_AFTER: Duration = Duration::from_millis(250);
/// Ledgers that are read at once: the load is over, and nothing hurries.
const CONCURRENCY: usize = 8;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct ReadBack {
    /// Accounts and orders that were acknowledged or seen before, or are explained by a request of
    /// unknown outcome.
    pub(crate) entities_count: u64,
    pub(crate) wrong: Vec<WrongAnswer>,
    /// What could not be read.
    pub(crate) failure: Option<String>,
}

/// Reads all accounts of all ledgers with all their orders, then the list of all accounts.
pub(crate) async fn read_back(apis: &[Api], ledgers: Vec<Ledger>) -> ReadBack {
    let mut found = ReadBack::default();
    let read = ledgers
        .into_iter()
        .enumerate()
        .map(|(number, ledger)| async move {
            let mut turns = apis.iter().cycle().skip(number);
            one(&mut turns, ledger).await
        });
    let mut read = stream::iter(read).buffer_unordered(CONCURRENCY);
    let mut ledgers = Vec::new();
    while let Some((ledger, wrong, failure)) = read.next().await {
        found.wrong.extend(wrong);
        found.failure = found.failure.or(failure);
        found.entities_count += ledger.entities_count();
        ledgers.push(ledger);
    }
    if found.failure.is_none() {
        match list_accounts(apis, &mut ledgers).await {
            Ok(wrong) => found.wrong.extend(wrong),
            Err(failure) => found.failure = Some(failure),
        }
    }
    found
}

async fn one<'a>(
    apis: &mut impl Iterator<Item = &'a Api>,
    mut ledger: Ledger,
) -> (Ledger, Vec<WrongAnswer>, Option<String>) {
    let mut wrong = Vec::new();
    let ids: Vec<String> = ledger.accounts().cloned().collect();
    for id in ids {
        let account = patiently(apis, async |api| api.read_account(&id).await).await;
        let orders = match &account {
            Ok(_) => patiently(apis, async |api| api.list_orders(&id).await).await,
            Err(_) => Ok(Vec::new()),
        };
        match (account, orders) {
            (Ok(seen), Ok(orders)) => {
                wrong.extend(ledger.account_read(&id, (seen.version, &seen.name)).err());
                wrong.extend(ledger.orders_listed(&id, &orders));
            }
            (Err(Failure::Wrong(detail)), _) | (_, Err(Failure::Wrong(detail))) => {
                let detail = format!("read back, {id}: {detail}");
                wrong.push(WrongAnswer::new(WrongKind::LostWrite, detail));
            }
            (Err(failure), _) | (_, Err(failure)) => {
                let failure = format!("{id} cannot be read within {READ_MAX:?}: {failure:?}");
                return (ledger, wrong, Some(failure));
            }
        }
    }
    (ledger, wrong, None)
}

/// Compares the list of all accounts with all ledgers: every account is listed, and nobody else.
async fn list_accounts(apis: &[Api], ledgers: &mut [Ledger]) -> Result<Vec<WrongAnswer>, String> {
    let mut turns = apis.iter().cycle();
    let mut wrong = Vec::new();
    let known = ledgers.iter().flat_map(Ledger::accounts).cloned();
    let mut unlisted: BTreeSet<String> = known.collect();
    let mut listed = 0;
    loop {
        let page = patiently(&mut turns, async |api| {
            api.list_accounts(listed, ACCOUNTS_PAGE).await
        });
        let page = page
            .await
            .map_err(|failure| format!("the list of accounts: {failure:?}"))?;
        if page.is_empty() {
            break;
        }
        listed += page.len();
        for account in page {
            let is_known = unlisted.remove(&account.id);
            let mut others = ledgers.iter_mut();
            if !is_known && !others.any(|ledger| ledger.take_open_account(&account.name)) {
                let detail = format!("nobody requested, or twice: {account:?}");
                wrong.push(WrongAnswer::new(WrongKind::UnrequestedEffect, detail));
            }
        }
    }
    wrong.extend(unlisted.into_iter().map(|id| {
        WrongAnswer::new(
            WrongKind::LostWrite,
            format!("the account {id} is not listed"),
        )
    }));
    Ok(wrong)
}

/// Reads through the next nodes until one responds.
async fn patiently<'a, T>(
    apis: &mut impl Iterator<Item = &'a Api>,
    read: impl AsyncFn(&Api) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let began = Instant::now();
    loop {
        let api = apis.next().expect("there are nodes");
        match read(api).await {
            Err(Failure::NotDone(_) | Failure::Unknown(_)) if began.elapsed() < READ_MAX => {
                sleep(AGAIN_AFTER).await;
            }
            result => return result,
        }
    }
}
