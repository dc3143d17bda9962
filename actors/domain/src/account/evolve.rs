//! How an event changes an account.

use super::{Account, AccountEvent};

pub(super) fn evolve(state: Option<Account>, event: &AccountEvent) -> Option<Account> {
    match (state, event) {
        (None, AccountEvent::Created(created)) => Some(Account {
            id: created.account_id,
            created_at: created.at,
            closed: false,
            personal: created.personal.clone(),
        }),
        (Some(account), AccountEvent::Renamed(renamed)) => Some(Account {
            personal: renamed.personal.clone(),
            ..account
        }),
        (Some(account), AccountEvent::Closed(_)) => Some(Account {
            closed: true,
            ..account
        }),
        (state, _) => state,
    }
}
