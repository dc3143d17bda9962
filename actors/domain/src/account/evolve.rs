//! How an event changes an account.

use super::{Account, AccountEvent};
use crate::Annotations;

pub(super) fn evolve(state: Option<Account>, event: &AccountEvent) -> Option<Account> {
    match (state, event) {
        (None, AccountEvent::Created(created)) => Some(Account {
            id: created.account_id,
            created_at: created.at,
            closed: false,
            personal: created.personal.clone(),
            annotations: Annotations {
                external_reference: created.external_reference.clone(),
                metadata: created.metadata.clone(),
            },
        }),
        (Some(account), AccountEvent::Renamed(renamed)) => Some(Account {
            personal: renamed.personal.clone(),
            ..account
        }),
        (Some(account), AccountEvent::Closed(_)) => Some(Account {
            closed: true,
            ..account
        }),
        (Some(account), AccountEvent::Annotated(annotated)) => Some(Account {
            annotations: Annotations {
                external_reference: annotated.external_reference.clone(),
                metadata: annotated.metadata.clone(),
            },
            ..account
        }),
        (state, _) => state,
    }
}
