//! The conformance suite: written against the ports alone, run on every store.
//!
//! A file of checks serves several stores; `suite!` names each test `<store>::<check>`. The other
//! files test what only one kind of store has.

mod acquisition;
mod append;
mod cluster;
mod cursor_admin;
mod database_lock;
mod fencing;
mod history;
mod keys;
mod last_release;
mod membership;
mod order_lists;
mod postgres_membership;
mod postgres_order_lines;
mod postgres_restore;
mod postgres_server;
mod projections;
mod read_model;
mod references;
mod sqlite_damage;
mod sqlite_file;
mod sqlite_listing;
#[macro_use]
mod suite;
mod tail;
mod tail_start;
mod tls;
mod topic_bindings;

suite! {
    memory = crate::fixture::Fixture::memory,
    sqlite = crate::fixture::Fixture::sqlite,
    postgres = crate::fixture::Fixture::postgres => {
        append::{
            i2_positions_and_versions_have_no_gaps,
            conflicting_append_in_a_batch_fails_alone,
            i2_failed_appends_leave_no_gap_in_positions,
            i2_append_on_another_version_is_refused,
            i5_state_rows_equal_the_fold_of_the_journal,
            close_writes_queued_appends,
        }
        fencing::{
            i3_claim_raises_epochs_and_fences_earlier_owners,
            fenced_append_in_a_batch_fails_alone,
            i2_new_owner_continues_the_positions,
        }
        history::{history_is_paged_within_a_memory_budget}
        keys::{
            i8_key_creates_one_order_across_all_shards,
            i8_keyed_command_is_found_with_its_effect,
        }
        order_lists::{
            order_pages_equal_a_model_for_every_filter,
            order_page_ends_before_its_other_key,
            order_page_charges_the_budget_for_each_row,
            order_times_are_those_of_its_events,
            lists_are_counted_by_account_and_kind,
        }
        projections::{
            feed_delivers_commits_in_order,
            cursors_advance_and_belong_to_one_projection,
            deposed_owner_cannot_save_cursors,
            reset_cursor_is_not_overwritten_by_its_owner,
        }
        read_model::{
            lists_are_ordered_and_paged_by_offset,
            keyset_pages_walk_a_list_from_both_ends,
            withdrawn_products_are_not_listed,
            orders_of_many_accounts_are_paged_by_offset,
            orders_of_many_accounts_are_paged_by_key,
            lists_charge_the_memory_budget_for_each_row,
            load_returns_rows_in_the_order_of_the_ids,
            every_field_is_read_back,
        }
        references::{
            annotations_are_read_back_and_found,
            reference_belongs_to_one_entity_of_its_kind,
            closed_and_withdrawn_entities_free_their_reference,
            taken_reference_in_a_batch_fails_alone,
            i8_repeated_key_goes_before_a_taken_reference,
        }
        topic_bindings::{
            i6_topic_tokens_are_replaced_by_one_node_only,
            topic_location_stays_and_belongs_to_one_store,
        }
    }
}

// Stores that the nodes of a cluster share.
suite! {
    memory_cluster = crate::conformance::cluster::Cluster::memory,
    postgres_cluster = crate::conformance::cluster::Cluster::postgres => {
        acquisition::{
            i3_shard_is_acquired_only_from_the_observed_dead_owner,
            i3_concurrent_acquisitions_assign_each_shard_once,
            i3_deposed_node_is_fenced_and_its_successor_continues,
            i3_acquisition_during_writes_loses_and_repeats_nothing,
            released_shard_can_be_acquired_by_any_node,
            epoch_bump_by_the_owner_does_not_keep_a_shard,
        }
        membership::{
            node_name_is_taken_until_fenced_or_left,
            heartbeats_count_until_fenced_or_left,
            i3_fence_requires_the_observed_heartbeat,
            i3_heartbeat_and_fence_never_both_succeed,
            version_advances_with_changes_but_not_heartbeats,
            read_state_returns_everything_for_an_unknown_version,
            state_is_never_older_than_its_version,
        }
        references::{concurrent_claims_have_one_winner_each}
    }
}
