//! The history of one entity, in pages.

use std::sync::atomic::{AtomicUsize, Ordering};

use fritzy_domain::{AccountCommand, Command, MemoryBudget, Page, UnlimitedBudget, Version};
use fritzy_types::{BudgetExceeded, StorageError};
use uuid::Uuid;

use crate::fixture::{Fixture, command_id};

/// A memory budget of a number of events.
struct EventBudget(AtomicUsize);

impl MemoryBudget for EventBudget {
    fn take(&self, _bytes: usize) -> Result<(), BudgetExceeded> {
        let left = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            });
        left.map(drop).map_err(|_| BudgetExceeded::Shared)
    }
}

pub(crate) async fn history_is_paged_within_a_memory_budget(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    let created = fixture.new_account(1);
    let (shard, entity) = (created.lease.shard, created.entity);
    let mut state = created.state.clone();
    let journal = &fixture.stores.journal;
    journal.append(created).await.expect("written");
    // Another account in the same shard.
    fixture.create_account(5).await.expect("written");
    for version in 1..=6_u64 {
        let name = format!("name {version}");
        let rename = Command::Account(AccountCommand::Rename { name });
        let id = command_id(100 + u128::from(version));
        let renamed = fixture.decided(Some(state), version, rename, id, None);
        state = renamed.state.clone();
        journal.append(renamed).await.expect("written");
    }
    let versions = async |skip, take| -> Vec<Version> {
        let page = Page { skip, take };
        let found = journal
            .history(shard, *entity.as_uuid(), page, &UnlimitedBudget)
            .await;
        let found = found.expect("reads");
        assert!(found.iter().all(|recorded| recorded.entity == entity));
        found.iter().map(|recorded| recorded.version).collect()
    };
    assert_eq!(versions(0, 100).await, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(versions(2, 3).await, [3, 4, 5]);
    assert_eq!(versions(6, 3).await, [7]);
    assert_eq!(versions(7, 3).await, [0; 0]);
    assert_eq!(versions(0, 0).await, [0; 0]);
    let page = Page { skip: 0, take: 7 };
    let unknown = journal
        .history(shard, Uuid::from_u128(77), page, &UnlimitedBudget)
        .await;
    assert_eq!(unknown.expect("reads"), []);
    let few = EventBudget(AtomicUsize::new(6));
    let refused = journal.history(shard, *entity.as_uuid(), page, &few).await;
    assert_eq!(
        refused,
        Err(StorageError::BudgetExceeded(BudgetExceeded::Shared))
    );
    let enough = EventBudget(AtomicUsize::new(7));
    let read = journal
        .history(shard, *entity.as_uuid(), page, &enough)
        .await;
    assert_eq!(read.map(|found| found.len()), Ok(7));
}
