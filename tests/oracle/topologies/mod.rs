//! The topologies, under the names of the recordings, one file a family. Each is the Rust of the
//! Java that was recorded: where Java lets nulls flow, keys and values are `Option`s.

mod aggregations;
mod cogroups;
mod errors;
mod foreign_keys;
mod generated_names;
mod global_tables;
mod low_level;
mod processor_api;
mod stateless;
mod stream_joins;
mod suppression;
mod table_joins;
mod tables;
mod versioned;
mod windows;

use millstream::{KStream, KTable, StreamsBuilder};

/// A string of Kafka: text or null.
pub(crate) type Text = Option<String>;

/// Adds a topology to a builder.
pub(crate) type Build = fn(&StreamsBuilder);

macro_rules! table {
    ($($family:ident: $($name:ident)*;)*) => {
        /// All topologies by name.
        const TOPOLOGIES: &[(&str, Build)] = &[$($((stringify!($name), $family::$name)),*),*];
    };
}

table! {
    stateless:
        dynamic_routing filter flat_map flat_map_values integer_double map map_values merge
        primitive_serdes repartition_named repartition_unnamed select_key shared_repartition
        shared_repartition_optimized split_branch split_no_default;
    aggregations:
        aggregate_concat aggregate_to_null count_burst count_by_key count_caching_disabled
        count_in_memory count_logging_disabled group_by_integer reduce_max reduce_to_null
        reduce_uuid_double word_count;
    tables:
        table_filter table_filter_map table_filter_materialized table_group_by_count
        table_group_by_reduce table_group_by_sum table_group_by_to_null table_map_values
        table_source_optimized table_source_to_stream table_to_stream_count table_transform_values table_two_children
        to_table to_table_repartitioned;
    table_joins:
        stream_joins_own_count stream_table_inner stream_table_left stream_table_left_repartitioned
        stream_table_repartitioned table_self_join table_table_inner table_table_inner_view
        table_table_left table_table_left_optimized table_table_outer table_table_outer_filter;
    generated_names:
        count_unnamed count_unnamed_materialized foreign_key_unnamed stream_stream_unnamed
        suppress_unnamed table_group_by_unnamed table_table_unnamed table_unnamed;
    foreign_keys:
        foreign_key_inner foreign_key_left foreign_key_left_optimized foreign_key_with_key;
    global_tables:
        global_table_inner global_table_left process_global_store;
    low_level:
        low_level;
    processor_api:
        loop_through_topic process_cached_store process_headers process_lru_store
        process_named_children process_punctuate_stream process_punctuate_wall
        process_session_store process_store process_timestamped_store process_values
        process_window_store process_window_store_unique;
    stream_joins:
        self_join self_join_optimized self_join_optimized_asymmetric stream_stream_inner stream_stream_inner_asymmetric stream_stream_inner_grace
        stream_stream_left stream_stream_left_after stream_stream_left_eager
        stream_stream_left_grace stream_stream_outer stream_stream_outer_asymmetric
        stream_stream_outer_eager stream_stream_outer_gap stream_stream_outer_grace
        stream_stream_outer_in_memory stream_stream_repartitioned three_streams;
    suppression:
        suppress_hopping suppress_limit_zero suppress_logging_disabled suppress_max_bytes
        suppress_max_records suppress_session suppress_shutdown_when_full suppress_sliding
        suppress_then_join suppress_until_time_limit suppress_until_window_closes;
    windows:
        emit_final_hopping emit_final_session emit_final_sliding emit_final_tumbling hopping_count
        hopping_sum session_aggregate session_count session_in_memory session_reduce sliding_count
        sliding_no_grace sliding_reduce tumbling_aggregate tumbling_count tumbling_grace
        tumbling_in_memory tumbling_reduce tumbling_retention tumbling_to_null unlimited_count
        windowed_then_rekeyed;
    versioned:
        process_versioned_store versioned_count versioned_filter versioned_foreign_key
        versioned_group_by versioned_stream_table versioned_stream_table_grace versioned_stream_table_left
        versioned_stream_table_left_grace versioned_table
        versioned_table_table_inner versioned_table_table_left versioned_table_table_outer;
    cogroups:
        cogroup cogroup_session cogroup_sliding cogroup_tumbling;
    errors:
        bad_value_continue bad_value_dead_letter bad_value_fail mapper_throws_continue mapper_throws_dead_letter mapper_throws_fail timestamp_fail
        timestamp_from_value timestamp_partition_time timestamp_skip;
}

/// The topology called `name`, if it is written.
pub(crate) fn find(name: &str) -> Option<Build> {
    let mut rows = TOPOLOGIES.iter();
    rows.find(|(written, _)| *written == name).map(|(_, build)| *build)
}

/// The names of all topologies that are written.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TOPOLOGIES.iter().map(|(name, _)| *name)
}

/// A stream of strings that may be null.
fn strings(b: &StreamsBuilder, topic: &str) -> KStream<Text, Text> {
    b.stream(topic)
}

/// A stream of longs that may be null.
fn longs(b: &StreamsBuilder, topic: &str) -> KStream<Text, Option<i64>> {
    b.stream(topic)
}

/// A table of strings.
fn table(b: &StreamsBuilder, topic: &str, store: &str) -> KTable<String, String> {
    b.table(topic, store)
}

/// A string as Java's `+` writes it.
fn java(text: &Text) -> &str {
    text.as_deref().unwrap_or("null")
}

/// The value of a record whose topology would fail on a null in Java.
fn not_null<T>(value: Option<T>) -> T {
    value.expect("the recorded cases have no null here")
}

/// The words of a text, as Java's `split(" ")` cuts it: empty ones at the end are left out.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    while words.len() > 1 && words.last().is_some_and(String::is_empty) {
        words.pop();
    }
    words
}
