//! State and internal topics whose names would be generated.

use std::time::Duration;

use millstream::{
    BufferConfig, GroupedStream, JoinWindows, KStream, KTable, Materialized, Repartitioned,
    SessionWindows, SlidingWindows, StreamJoined, StreamsBuilder, Suppressed, TimeWindows,
};

use super::assert_says;

type Text = KStream<String, String>;
type Table = KTable<String, String>;

/// What makes state, with a name or without, and what is said without: of which state, and how to
/// name it.
type Case = (&'static str, fn(&StreamsBuilder, Option<&str>), &'static [&'static str]);

const TIME: Duration = Duration::from_secs(1);

/// A store with that name.
fn store<K: millstream::Wire, V: millstream::Wire>(name: Option<&str>) -> Materialized<K, V> {
    name.map_or_else(Materialized::unnamed, Materialized::new)
}

fn stream(b: &StreamsBuilder) -> Text {
    b.stream("in")
}

fn rekeyed(b: &StreamsBuilder) -> Text {
    stream(b).select_key(|_, v| v.clone())
}

fn grouped(b: &StreamsBuilder) -> GroupedStream<String, String> {
    stream(b).group_by(|_, v| v.clone())
}

fn table(b: &StreamsBuilder, topic: &str) -> Table {
    b.table(topic, topic)
}

fn plus(a: String, b: String) -> String {
    a + &b
}

/// The stream under a name, if there is one.
fn called(stream: Text, name: Option<&str>) -> Text {
    match name {
        Some(name) => stream.named(name),
        None => stream,
    }
}

/// The table under a name, if there is one.
fn called_table(table: Table, name: Option<&str>) -> Table {
    match name {
        Some(name) => table.named(name),
        None => table,
    }
}

const CASES: &[Case] = &[
    (
        "table",
        |b, name| b.table::<String, String>("in", store(name)).to("out"),
        &["state of 'in-STATE-STORE-0000000000'", "`.table(\"topic\", \"a-name\")`"],
    ),
    (
        "global_table",
        |b, name| {
            let global = b.global_table::<String, String>("in", store(name));
            let other = b.stream::<String, String>("other");
            other
                .join_global_table(&global, |k, _| Some(k.clone()), |_, a, b| plus(a, b))
                .to("out");
        },
        &["state of 'in-STATE-STORE-0000000000'", "`.global_table(\"topic\", \"a-name\")`"],
    ),
    (
        "to_table",
        |b, name| stream(b).to_table(store(name)).to("out"),
        &["state of 'KSTREAM-TOTABLE-STATE-STORE-", "`.to_table(\"a-name\")`"],
    ),
    (
        "to_table behind a new key",
        |b, name| called_table(rekeyed(b).to_table("latest"), name).to("out"),
        &["topic 'KSTREAM-TOTABLE-0000000002-repartition'", "`.to_table(..).named(\"a-name\")`"],
    ),
    (
        "repartition",
        |b, name| {
            let how = name.map_or_else(Repartitioned::unnamed, Repartitioned::named);
            stream(b).repartition(how).to("out");
        },
        &["topic 'KSTREAM-REPARTITION-0000000001-repartition'", "`.repartition(\"a-name\")`"],
    ),
    (
        "group_by and count",
        |b, name| grouped(b).count(store(name)).to("out"),
        &["state of 'KSTREAM-AGGREGATE-STATE-STORE-", "`.count(\"a-name\")`"],
    ),
    (
        "reduce",
        |b, name| grouped(b).reduce(store(name), plus).to("out"),
        &["state of 'KSTREAM-REDUCE-STATE-STORE-", "`.reduce(\"a-name\", ..)`"],
    ),
    (
        "aggregate",
        |b, name| grouped(b).aggregate(store(name), String::new, |_, v, a| a + &v).to("out"),
        &["state of 'KSTREAM-AGGREGATE-STATE-STORE-", "`.aggregate(\"a-name\", ..)`"],
    ),
    (
        "windows",
        |b, name| {
            let windowed = grouped(b).windowed_by(TimeWindows::tumbling(TIME));
            windowed.count(store(name)).to_stream().map(|w, n| (w.key, n)).to("out");
        },
        &["state of 'KSTREAM-AGGREGATE-STATE-STORE-", "`.count(\"a-name\")`"],
    ),
    (
        "sliding windows",
        |b, name| {
            let windowed = grouped(b).windowed_by(SlidingWindows::of_time_difference(TIME));
            windowed.reduce(store(name), plus).to_stream().map(|w, n| (w.key, n)).to("out");
        },
        &["state of 'KSTREAM-REDUCE-STATE-STORE-", "`.reduce(\"a-name\", ..)`"],
    ),
    (
        "sessions",
        |b, name| {
            let windowed = grouped(b).windowed_by(SessionWindows::of_inactivity_gap(TIME));
            windowed.count(store(name)).to_stream().map(|w, n| (w.key, n)).to("out");
        },
        &["state of 'KSTREAM-AGGREGATE-STATE-STORE-", "`.count(\"a-name\")`"],
    ),
    (
        "cogroup",
        |b, name| {
            let cogroup = grouped(b).cogroup(|_, v, a: String| a + &v);
            cogroup.aggregate(store(name), String::new).to("out");
        },
        &["state of 'COGROUPKSTREAM-AGGREGATE-STATE-STORE-", "`.aggregate(\"a-name\", ..)`"],
    ),
    (
        "cogroup in windows",
        |b, name| {
            let cogroup = grouped(b).cogroup(|_, v, a: String| a + &v);
            let windowed = cogroup.windowed_by(TimeWindows::tumbling(TIME));
            windowed
                .aggregate(store(name), String::new)
                .to_stream()
                .map(|w, n| (w.key, n))
                .to("out");
        },
        &["state of 'COGROUPKSTREAM-AGGREGATE-STATE-STORE-", "`.aggregate(\"a-name\", ..)`"],
    ),
    (
        "cogroup in sessions",
        |b, name| {
            let cogroup = grouped(b).cogroup(|_, v, a: String| a + &v);
            let windowed = cogroup.windowed_by(SessionWindows::of_inactivity_gap(TIME));
            let table = windowed.aggregate(store(name), String::new, |_, a, b| plus(a, b));
            table.to_stream().map(|w, n| (w.key, n)).to("out");
        },
        &["state of 'COGROUPKSTREAM-AGGREGATE-STATE-STORE-", "`.aggregate(\"a-name\", ..)`"],
    ),
    (
        "group_by of a table",
        |b, name| table(b, "in").group_by(|k, v| (v, k.clone())).count(store(name)).to("out"),
        &["state of 'KTABLE-AGGREGATE-STATE-STORE-", "`.aggregate(\"a-name\", ..)`"],
    ),
    (
        "suppress",
        |b, name| {
            let late = Suppressed::until_time_limit(TIME, BufferConfig::unbounded());
            let late = match name {
                Some(name) => late.named(name),
                None => late,
            };
            table(b, "in").suppress(late).to("out");
        },
        &["state of 'KTABLE-SUPPRESS-0000000002'", ".named(\"a-name\"))`"],
    ),
    (
        "join of streams",
        |b, name| {
            let joined = name.map_or_else(StreamJoined::unnamed, StreamJoined::named);
            let windows = JoinWindows::of_time_difference(TIME);
            rekeyed(b)
                .outer_join(&b.stream::<String, String>("other"), windows, joined, |_, a, b| {
                    plus(a.unwrap_or_default(), b.unwrap_or_default())
                })
                .to("out");
        },
        &["state of 'KSTREAM-MERGE-0000000010'", "`.join(&other, windows, \"a-name\", ..)`"],
    ),
    (
        "join with a table behind a new key",
        |b, name| {
            let joined = rekeyed(b).join_table(&table(b, "other"), |_, a, b| plus(a, b));
            called(joined, name).to("out");
        },
        &["topic 'KSTREAM-KEY-SELECT-0000000001-repart", "`.join_table(..).named(\"a-name\")`"],
    ),
    (
        "join of tables, materialized",
        |b, name| {
            let joined = table(b, "in").join(&table(b, "other"), |_, a, b| plus(a, b));
            joined.materialized(store(name)).to("out");
        },
        &["state of 'KTABLE-MERGE-STATE-STORE-", "`.materialized(\"a-name\")`"],
    ),
    (
        "join of tables over a foreign key",
        |b, name| {
            let (rows, others) = (table(b, "in"), table(b, "other"));
            let key = |_: &String, v: &String| Some(v.clone());
            let joined = rows.join_on_foreign_key(&others, key, |_, a, b| plus(a, b));
            called_table(joined, name).to("out");
        },
        &["state of 'KTABLE-FK-JOIN-OUTPUT-", "`.join_on_foreign_key(..).named(\"a-name\")`"],
    ),
];

fn built(build: fn(&StreamsBuilder, Option<&str>), name: Option<&str>) -> StreamsBuilder {
    let builder = StreamsBuilder::new();
    build(&builder, name);
    builder
}

#[test]
fn it_is_refused_and_the_message_shows_where_the_name_goes() {
    for (what, build, expected) in CASES {
        match built(*build, None).build() {
            Err(error) => {
                assert_eq!(error.problems.len(), 1, "{what}: {error}");
                assert_says(format!("{what}: {error}"), expected);
                assert_says(&error, &["no name of its own", "builder.take_over_generated_names()"]);
            }
            Ok(topology) => panic!("{what} was built: {topology:?}"),
        }
    }
}

#[test]
fn a_program_that_takes_names_over_may_have_it() {
    for (what, build, _) in CASES {
        let builder = built(*build, None);
        builder.take_over_generated_names();
        builder.build().unwrap_or_else(|error| panic!("{what}: {error}"));
    }
}

/// The name that the message asks for is enough: no store or topic is left with a number in its name.
#[test]
fn with_a_name_nothing_is_called_after_a_number() {
    for (what, build, _) in CASES {
        let topology = built(*build, Some("mine")).build();
        let topology = topology.unwrap_or_else(|error| panic!("{what}: {error}"));
        for topics in topology.topics("app") {
            let internal = topics.repartition_topics.iter().chain(&topics.changelog_topics);
            for topic in internal {
                assert!(!topic.name.contains("0000"), "{what}: {}", topic.name);
            }
        }
    }
}

/// Where Kafka Streams keeps no store for want of a name, there is nothing to refuse.
#[test]
fn a_filter_or_map_materialized_without_a_name_keeps_no_store() {
    let builder = StreamsBuilder::new();
    let rows = table(&builder, "in");
    let some = rows.filter(|_, v| v != "2").materialized(Materialized::unnamed());
    let longer = some.map_values(|v| v + "!").materialized(Materialized::unnamed_materialized());
    longer.to("out");
    let topics = builder.build().unwrap().topics("app");
    let logs: Vec<_> = topics.iter().flat_map(|sub| &sub.changelog_topics).collect();
    assert_eq!(logs.len(), 1, "{logs:?}");
    assert_eq!(logs[0].name, "app-in-changelog");
}

/// Names that were generated once, and are given now, are names.
#[test]
fn a_name_that_looks_generated_may_be_given() {
    let builder = StreamsBuilder::new();
    let through = rekeyed(&builder).repartition("KSTREAM-REPARTITION-0000000007");
    let keyed = through.select_key(|_, v| v.clone()).named("KSTREAM-KEY-SELECT-0000000012");
    keyed.join_table(&table(&builder, "other"), |_, a, b| plus(a, b)).to("out");
    keyed.to_table("KSTREAM-TOTABLE-STATE-STORE-0000000020").named("KSTREAM-TOTABLE-0000000019");
    builder.build().unwrap();
}

/// A stream that has a name gives it to the topics behind it.
#[test]
fn the_name_of_what_is_repartitioned_does_for_a_join_with_a_table() {
    let builder = StreamsBuilder::new();
    let named = rekeyed(&builder).named("by-value");
    named.join_table(&table(&builder, "other"), |_, a, b| plus(a, b)).to("out");
    let topics = builder.build().unwrap().topics("app");
    let mut repartitions = topics.iter().flat_map(|sub| &sub.repartition_topics);
    assert_eq!(repartitions.next().map(|topic| &*topic.name), Some("app-by-value-repartition"));
}
