//! Appends: contiguous positions (I2), all or nothing, state rows written with their events (I5).

use fritzy_domain::{AppendError, Command, EntityId, OrderCommand, RecordedEvent, fold};

use crate::fixture::{Fixture, account_id, command_id};

async fn whole_journal(fixture: &Fixture) -> Vec<RecordedEvent> {
    let mut all = Vec::new();
    for shard in fixture.stores.ownership.shard_count().all() {
        let stream = fixture
            .stores
            .journal
            .read_shard(shard, 0, u32::MAX)
            .await
            .expect("reads");
        for (index, recorded) in stream.iter().enumerate() {
            assert_eq!(
                recorded.position,
                index as u64 + 1,
                "I2: positions of shard {shard}"
            );
        }
        all.extend(stream);
    }
    all
}

pub(crate) async fn i2_positions_and_versions_have_no_gaps(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    let pending: Vec<_> = (0..600)
        .map(|n| fixture.stores.journal.append(fixture.new_account(n)))
        .collect();
    for outcome in pending {
        assert_eq!(outcome.await.expect("written").version, 1);
    }
    assert_eq!(whole_journal(&fixture).await.len(), 600);
    let shard = fixture.leases[1].shard;
    let page = fixture
        .stores
        .journal
        .read_shard(shard, 10, 5)
        .await
        .expect("reads");
    let positions: Vec<u64> = page.iter().map(|recorded| recorded.position).collect();
    assert_eq!(positions, [11, 12, 13, 14, 15]);
}

pub(crate) async fn conflicting_append_in_a_batch_fails_alone(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    fixture.create_account(7).await.expect("written");
    // The first of these is written alone; the others queue meanwhile and share a batch.
    let pending: Vec<_> = (0..200)
        .map(|n| (n, fixture.stores.journal.append(fixture.new_account(n))))
        .collect();
    for (number, result) in pending {
        let result = result.await;
        if number == 7 {
            assert_eq!(result, Err(AppendError::Conflict));
        } else {
            assert!(result.is_ok(), "account {number}: {result:?}");
        }
    }
    assert_eq!(whole_journal(&fixture).await.len(), 200);
}

pub(crate) async fn i2_failed_appends_leave_no_gap_in_positions(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    for number in 0..10 {
        fixture.create_account(number).await.expect("written");
        let again = fixture.create_account(number).await;
        assert_eq!(again, Err(AppendError::Conflict));
    }
    assert_eq!(whole_journal(&fixture).await.len(), 10);
}

pub(crate) async fn i2_append_on_another_version_is_refused(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    let placed = fixture.new_order(1, account_id(1), None);
    let state = placed.state.clone();
    fixture
        .stores
        .journal
        .append(placed)
        .await
        .expect("written");
    let confirm = |after, id| {
        let confirm = Command::Order(OrderCommand::Confirm);
        fixture.decided(Some(state.clone()), after, confirm, command_id(id), None)
    };
    // A higher version would leave a gap, a lower one would fork the entity.
    let ahead = fixture.stores.journal.append(confirm(2, 2)).await;
    assert_eq!(ahead, Err(AppendError::Conflict));
    assert_eq!(
        fixture
            .stores
            .journal
            .append(confirm(1, 3))
            .await
            .expect("written")
            .version,
        2
    );
    let behind = fixture.stores.journal.append(confirm(1, 4)).await;
    assert_eq!(behind, Err(AppendError::Conflict));
    assert_eq!(whole_journal(&fixture).await.len(), 2);
}

pub(crate) async fn i5_state_rows_equal_the_fold_of_the_journal(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    let mut ids: Vec<EntityId> = Vec::new();
    for number in 0..20 {
        let placed = fixture.new_order(number, account_id(number), None);
        let (entity, mut state) = (placed.entity, placed.state.clone());
        ids.push(entity);
        fixture
            .stores
            .journal
            .append(placed)
            .await
            .expect("written");
        let transitions = [
            OrderCommand::Confirm,
            OrderCommand::Cancel {
                reason: Some("found it\ncheaper".into()),
            },
        ];
        for (version, command) in (1_u64..).zip(transitions.into_iter().take(number as usize % 3)) {
            let id = command_id(1_000 + number * 10 + u128::from(version));
            let command = Command::Order(command);
            let append = fixture.decided(Some(state), version, command, id, None);
            state = append.state.clone();
            fixture
                .stores
                .journal
                .append(append)
                .await
                .expect("written");
        }
    }
    let rows = fixture.stores.read_model.load(&ids).await.expect("reads");
    for (id, row) in ids.into_iter().zip(rows) {
        let row = row.expect("exists");
        let shard = fixture.lease_of(id).shard;
        let stream = fixture
            .stores
            .journal
            .read_entity(shard, id, u64::MAX >> 1)
            .await;
        let stream = stream.expect("reads");
        let versions: Vec<u64> = stream.iter().map(|recorded| recorded.version).collect();
        assert_eq!(
            versions,
            (1..=row.version).collect::<Vec<_>>(),
            "I2: versions of {id}"
        );
        assert_eq!(
            fold(stream.iter().map(|r| &r.event)),
            Some(row.state),
            "I5: {id}"
        );
        let first = fixture
            .stores
            .journal
            .read_entity(shard, id, 1)
            .await
            .expect("reads");
        assert_eq!(first.len(), 1);
    }
}

pub(crate) async fn close_writes_queued_appends(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    let pending: Vec<_> = (0..100)
        .map(|n| fixture.stores.journal.append(fixture.new_account(n)))
        .collect();
    fixture.stores.close().await;
    for result in pending {
        assert!(result.await.is_ok());
    }
    let late = fixture.create_account(1_000).await;
    assert!(late.is_err_and(|failure| failure.certainly_not_written()));
}
