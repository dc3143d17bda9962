//! What an account becomes by an event.

use super::{Account, AccountEvent};

pub(super) fn evolve(state: Option<Account>, event: &AccountEvent) -> Option<Account> {
    match (state, event) {
        (None, AccountEvent::Created(created)) => Some(Account {
            id: created.account_id,
            created_at: created.at,
            personal: created.personal.clone(),
        }),
        (state @ Some(_), AccountEvent::Created(_)) => state,
    }
}
