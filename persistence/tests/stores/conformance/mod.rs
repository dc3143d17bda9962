//! The conformance suite of the stores: written against the ports alone, run on every store.

mod append;
mod cluster;
mod cursor_admin;
mod fencing;
mod history;
mod keys;
mod membership;
mod postgres_server;
mod projections;
mod read_model;
mod database_lock;
mod sqlite_file;
mod tail;
mod acquisition;
mod tls;

use cluster::Cluster;
use crate::fixture::Fixture;

/// Makes one test for each store from each check.
macro_rules! suite {
    ($($check:path as $name:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { $check(super::Fixture::memory()).await; })+
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { $check(super::Fixture::sqlite().await).await; })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(fixture) = super::Fixture::postgres(stringify!($name)).await {
                    $check(fixture).await;
                }
            })+
        }
    };
}

suite! {
    crate::conformance::append::positions_and_versions_have_no_gaps as positions_and_versions_have_no_gaps,
    crate::conformance::append::a_bad_append_in_a_batch_fails_alone as a_bad_append_in_a_batch_fails_alone,
    crate::conformance::append::the_counter_survives_failed_batches as the_counter_survives_failed_batches,
    crate::conformance::append::an_append_on_another_version_is_refused as an_append_on_another_version_is_refused,
    crate::conformance::append::state_rows_are_the_fold_of_the_journal as state_rows_are_the_fold_of_the_journal,
    crate::conformance::append::closing_flushes as closing_flushes,
    crate::conformance::fencing::claims_raise_epochs_and_fence_off_earlier_owners as claims_raise_epochs_and_fence_off_earlier_owners,
    crate::conformance::fencing::a_deposed_owner_does_not_hold_up_the_others as a_deposed_owner_does_not_hold_up_the_others,
    crate::conformance::fencing::the_new_owner_goes_on_where_the_old_one_stopped as the_new_owner_goes_on_where_the_old_one_stopped,
    crate::conformance::keys::one_key_makes_one_order_over_all_shards as one_key_makes_one_order_over_all_shards,
    crate::conformance::keys::commands_are_found_with_what_they_did as commands_are_found_with_what_they_did,
    crate::conformance::read_model::lists_are_ordered_and_paged as lists_are_ordered_and_paged,
    crate::conformance::read_model::slices_walk_a_list_from_both_ends as slices_walk_a_list_from_both_ends,
    crate::conformance::read_model::withdrawn_products_leave_the_lists as withdrawn_products_leave_the_lists,
    crate::conformance::read_model::orders_are_listed_for_many_accounts_at_once as orders_are_listed_for_many_accounts_at_once,
    crate::conformance::read_model::orders_are_sliced_for_many_accounts_at_once as orders_are_sliced_for_many_accounts_at_once,
    crate::conformance::read_model::lists_take_room_for_each_row_and_end_without as lists_take_room_for_each_row_and_end_without,
    crate::conformance::read_model::loading_keeps_the_order_of_the_ids as loading_keeps_the_order_of_the_ids,
    crate::conformance::read_model::every_field_comes_back as every_field_comes_back,
    crate::conformance::projections::the_feed_tells_what_is_committed_in_order as the_feed_tells_what_is_committed_in_order,
    crate::conformance::projections::cursors_go_forward_and_belong_to_one_projection as cursors_go_forward_and_belong_to_one_projection,
    crate::conformance::projections::a_deposed_owner_saves_no_cursor as a_deposed_owner_saves_no_cursor,
    crate::conformance::projections::a_cursor_that_was_set_by_hand_is_not_saved_over as a_cursor_that_was_set_by_hand_is_not_saved_over,
    crate::conformance::history::a_history_is_read_in_pages as a_history_is_read_in_pages,
}

/// Makes one test for each store that nodes can share from each check.
macro_rules! cluster_suite {
    ($($check:path as $name:ident),+ $(,)?) => {
        mod memory_cluster {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { $check(super::Cluster::memory()).await; })+
        }
        mod postgres_cluster {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(cluster) = super::Cluster::postgres(stringify!($name)).await {
                    $check(cluster).await;
                }
            })+
        }
    };
}

cluster_suite! {
    crate::conformance::membership::a_name_is_one_run_s_until_that_is_fenced_or_has_left as a_name_is_one_run_s_until_that_is_fenced_or_has_left,
    crate::conformance::membership::a_node_renews_until_it_is_fenced_or_has_left as a_node_renews_until_it_is_fenced_or_has_left,
    crate::conformance::membership::a_fencing_needs_the_beat_that_was_seen as a_fencing_needs_the_beat_that_was_seen,
    crate::conformance::membership::a_renewal_and_a_fencing_never_both_count as a_renewal_and_a_fencing_never_both_count,
    crate::conformance::membership::versions_move_with_changes_and_not_with_renewals as versions_move_with_changes_and_not_with_renewals,
    crate::conformance::membership::a_look_tells_the_whole_when_it_is_not_known as a_look_tells_the_whole_when_it_is_not_known,
    crate::conformance::membership::a_state_is_never_older_than_its_version as a_state_is_never_older_than_its_version,
    crate::conformance::acquisition::a_shard_is_taken_from_the_owner_that_was_seen_if_that_is_gone as a_shard_is_taken_from_the_owner_that_was_seen_if_that_is_gone,
    crate::conformance::acquisition::two_that_take_at_once_share_what_there_is as two_that_take_at_once_share_what_there_is,
    crate::conformance::acquisition::a_deposed_node_writes_no_more_and_the_next_goes_on as a_deposed_node_writes_no_more_and_the_next_goes_on,
    crate::conformance::acquisition::shards_are_taken_in_the_midst_of_writing as shards_are_taken_in_the_midst_of_writing,
    crate::conformance::acquisition::what_was_given_back_is_anybody_s as what_was_given_back_is_anybody_s,
    crate::conformance::acquisition::an_epoch_that_its_owner_raised_does_not_keep_a_shard as an_epoch_that_its_owner_raised_does_not_keep_a_shard,
}
