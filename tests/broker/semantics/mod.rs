//! What every broker behind the port does. Each test gets a cluster and knows nothing else.

mod bounded_topics;
mod committed_offsets;
mod groups;
mod logs;
mod topics;
mod transactions;

/// Runs tests on every broker there is; those of the last part only on ours.
macro_rules! suite {
    (
        $($module:ident: $($test:ident),+ $(,)?;)+
        => $($own_module:ident: $($own_test:ident),+ $(,)?;)+
    ) => {
        mod in_memory {
            $($(#[test] fn $test() { super::$module::$test(&crate::cluster::Cluster::in_memory()); })+)+
            $($(#[test] fn $own_test() { super::$own_module::$own_test(&crate::cluster::Cluster::in_memory()); })+)+
        }
        mod durable {
            $($(#[test] fn $test() { super::$module::$test(&crate::cluster::Cluster::durable()); })+)+
            $($(#[test] fn $own_test() { super::$own_module::$own_test(&crate::cluster::Cluster::durable()); })+)+
        }
        #[cfg(feature = "kafka")]
        mod kafka {
            use millstream_broker::kafka::GroupProtocol;
            $($(#[test] fn $test() { super::$module::$test(&crate::cluster::Cluster::kafka(GroupProtocol::Classic)); })+)+
        }
        #[cfg(feature = "kafka")]
        mod kafka_by_librdkafka {
            $($(#[test] fn $test() { super::$module::$test(&crate::cluster::Cluster::kafka_by_librdkafka()); })+)+
        }
    };
}

/// The broker assigns (KIP-848). It has no static members that come back at once.
#[cfg(feature = "kafka")]
mod kafka_assigns {
    use crate::cluster::Cluster;
    use millstream_broker::kafka::GroupProtocol::Consumer;

    macro_rules! tests {
        ($($module:ident::$test:ident),+ $(,)?) => {
            $(#[test] fn $test() { super::$module::$test(&Cluster::kafka(Consumer)); })+
        };
    }

    tests! {
        groups::the_first_member_gets_everything,
        groups::a_second_member_takes_over_what_the_first_releases,
        groups::a_member_that_leaves_gives_everything_back,
        groups::a_silent_member_is_put_out_and_loses_everything,
        groups::three_members_share_evenly,
        committed_offsets::commits_of_a_group_with_members_need_a_member,
        committed_offsets::commits_during_a_rebalance_are_taken,
    }
}

suite! {
    logs:
        records_come_back_in_order,
        a_batch_is_cut_to_size_and_goes_on_where_it_ended,
        seeking_into_a_batch,
        positions_outside_the_log,
        what_is_not_assigned_cannot_be_fetched,
        deleted_records_are_gone,
        a_record_too_large_is_refused,
        compressed_records_are_read,
        wakers_are_called_when_there_is_something_to_see;
    topics:
        topics_are_created_and_described,
        partitions_can_be_added,
        a_deleted_topic_comes_back_empty,
        invalid_topics_are_refused;
    transactions:
        committed_records_are_seen_after_the_commit,
        aborted_records_are_never_seen,
        markers_take_offsets,
        the_last_stable_offset_waits_for_the_earliest_transaction,
        a_transaction_spans_partitions,
        a_new_producer_fences_the_old_one,
        an_overdue_transaction_is_aborted_and_fenced,
        calls_out_of_order_are_refused;
    committed_offsets:
        offsets_are_part_of_a_transaction,
        aborted_offsets_are_forgotten,
        other_partitions_stay_stable,
        commits_without_a_transaction,
        commits_of_a_group_with_members_need_a_member,
        commits_of_an_old_generation_are_refused,
        commits_during_a_rebalance_are_taken,
        the_admin_changes_offsets_of_empty_groups_only;
    groups:
        the_first_member_gets_everything,
        a_second_member_takes_over_what_the_first_releases,
        a_member_that_leaves_gives_everything_back,
        a_silent_member_is_put_out_and_loses_everything,
        a_static_member_comes_back_to_its_tasks,
        three_members_share_evenly;

    =>
    bounded_topics:
        a_full_topic_gets_room_when_its_readers_have_passed,
        every_reader_counts,
        far_above_the_bound_producing_is_refused;
}
