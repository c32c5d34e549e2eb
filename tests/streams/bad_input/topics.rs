//! Topics that do not exist or do not fit, found when an application starts.

use millstream::{Error, StreamsBuilder, Topology};

use super::assert_says;
use crate::rig::{Rig, config, copy};

/// The error of a start, which leaves nothing behind.
fn start_error(rig: &Rig, topology: &Topology) -> String {
    let app = rig.app(topology, config("bad-topics"));
    let Err(Error::Topology(error)) = app.start() else { panic!("it has started") };
    error.to_string()
}

#[test]
fn topics_that_do_not_exist_are_all_named() {
    let both = start_error(&Rig::with_topics(&[]), &copy());
    assert_says(&both, &["'in', used by 'KSTREAM-SOURCE-0000000000', does not exist"]);
    assert_says(&both, &["'out', used by 'KSTREAM-SINK-0000000001', does not exist", "create it"]);
    let sink = start_error(&Rig::with_topics(&[("in", 1)]), &copy());
    assert_says(&sink, &["'out'", "does not exist: create it before starting"]);
    assert!(!sink.contains("'in'"), "{sink}");
}

/// Two topics in one, counted by key.
fn merged_counts() -> Topology {
    let builder = StreamsBuilder::new();
    let left = builder.stream::<String, String>("left");
    left.merge(&builder.stream("right")).group_by_key().count("counts").to("out");
    builder.build().unwrap()
}

#[test]
fn copartitioned_inputs_need_the_same_partitions() {
    let rig = Rig::with_topics(&[("left", 2), ("right", 3), ("out", 1)]);
    let says = ["KSTREAM-AGGREGATE", "'left' has 2", "'right' has 3", ".repartition(..)"];
    assert_says(start_error(&rig, &merged_counts()), &says);
}

#[test]
fn what_is_repartitioned_or_stateless_need_not_fit() {
    let builder = StreamsBuilder::new();
    let left = builder.stream::<String, String>("left");
    let both = left.merge(&builder.stream("right"));
    both.to("out");
    both.repartition("by-key").group_by_key().count("counts").to("out");
    let topology = builder.build().unwrap();
    let rig = Rig::with_topics(&[("left", 2), ("right", 3), ("out", 1)]);
    let app = rig.run(&topology, config("fits"));
    app.close(crate::rig::CLOSE).unwrap();
}

#[test]
fn tables_are_copartitioned_too() {
    let builder = StreamsBuilder::new();
    let left = builder.stream::<String, String>("left");
    left.merge(&builder.stream("right")).to_table("latest").to("out");
    let rig = Rig::with_topics(&[("left", 1), ("right", 4), ("out", 1)]);
    let says = ["'left' has 1", "'right' has 4", ".repartition(..)"];
    assert_says(start_error(&rig, &builder.build().unwrap()), &says);
}

#[test]
fn what_is_joined_needs_the_same_partitions() {
    let tables = StreamsBuilder::new();
    let left = tables.table::<String, String>("left", "left-store");
    let right = tables.table::<String, String>("right", "right-store");
    left.join(&right.map_values(|v| v), |_, l, r| l + &r).named("both").to("out");
    let stream = StreamsBuilder::new();
    let right = stream.table::<String, String>("right", "right-store");
    let left = stream.stream::<String, String>("left");
    left.left_join_table(&right, |_, l, _| l).named("both").to("out");
    for builder in [tables, stream] {
        let rig = Rig::with_topics(&[("left", 2), ("right", 3), ("out", 1)]);
        let says = [
            "'both' works by key",
            "'left' has 2",
            "'right' has 3",
            "the same number of partitions",
            ".repartition(..)",
            ".to_table(..)",
        ];
        assert_says(start_error(&rig, &builder.build().unwrap()), &says);
    }
}

#[test]
fn a_fixed_number_of_partitions_has_to_fit_the_table() {
    let builder = StreamsBuilder::new();
    let right = builder.table::<String, String>("right", "right-store");
    let by = millstream::Repartitioned::named("by-key").partitions(4);
    let left = builder.stream::<String, String>("left").repartition(by);
    left.join_table(&right, |_, l, r| l + &r).named("both").to("out");
    let rig = Rig::with_topics(&[("left", 2), ("right", 3), ("out", 1)]);
    let says = ["'both' works by key", "'by-key-repartition' has 4", "'right' has 3"];
    assert_says(start_error(&rig, &builder.build().unwrap()), &says);
}
