//! Topologies that cannot be built.

use std::time::Duration;

use millstream::{
    BufferConfig, KStream, KTable, Materialized, Repartitioned, StreamsBuilder, Suppressed,
};

use super::assert_says;

type Text = KStream<String, String>;

/// What a broken topology is, and what is said of it.
type Case = (&'static str, fn(&StreamsBuilder), &'static [&'static str]);

fn input(builder: &StreamsBuilder) -> Text {
    input_of(builder, "in")
}

fn input_of(builder: &StreamsBuilder, topic: &str) -> Text {
    builder.stream(topic)
}

const CASES: &[Case] = &[
    ("empty", |_| {}, &["reads no topic", "builder.stream"]),
    (
        "two stores of one name",
        |builder| {
            input(builder).group_by_key().count("twins");
            input(&StreamsBuilder::new());
            let other: Text = builder.stream("other");
            other.group_by_key().count("twins");
        },
        &["two stores are called 'twins'", "give one of them another name"],
    ),
    (
        "two nodes of one name",
        |builder| {
            input(builder).map_values(|v| v).named("twin").filter(|_, _| true).named("twin");
        },
        &["two nodes are called 'twin'", ".named(..)"],
    ),
    (
        "a suppressed view of a versioned table",
        |builder| {
            let history = Duration::from_millis(10);
            let versions = Materialized::<String, String>::versioned("versions", history);
            let table = builder.table("in", versions);
            let view = table.transform_values(|_, value, _| value).filter(|_, _| true);
            let limit = || Suppressed::until_time_limit(history, BufferConfig::unbounded());
            view.suppress(limit().named("latest"));
            view.materialized("view").suppress(limit().named("later"));
        },
        &["suppression 'latest' is behind a versioned table", ".materialized(\"a-name\")"],
    ),
    (
        "a topic read twice",
        |builder| {
            input(builder).to("out-1");
            input(builder).to("out-2");
        },
        &["topic 'in' is read twice", "KSTREAM-SOURCE-0000000000", "use the handle twice"],
    ),
    (
        "a topic read as stream and table",
        |builder| {
            input(builder).to("out");
            builder.table::<String, String>("in", "t");
        },
        &["topic 'in' is read twice", "use the handle twice"],
    ),
    (
        "a short cycle",
        |builder| input(builder).map_values(|v| v).to("in"),
        &["KSTREAM-SINK-0000000002", "topic 'in'", "for ever", "break the cycle"],
    ),
    (
        "a cycle over two topics",
        |builder| {
            input(builder).to("middle");
            builder.stream::<String, String>("middle").to("in");
        },
        &["topic 'in'", "topic 'middle'", "for ever"],
    ),
    (
        "a cycle over a repartition topic",
        |builder| input(builder).select_key(|_, v| v.clone()).repartition("r").to("in"),
        &["topic 'in'", "for ever"],
    ),
    (
        "a sink without parents",
        |builder| {
            input(builder).to("out");
            builder.add_sink::<String, String>("end", "other", []);
        },
        &["'end' is fed by nothing", "at least one parent"],
    ),
    (
        "a processor behind another builder",
        |builder| {
            input(builder).to("out");
            let other = StreamsBuilder::new();
            builder.add_sink("end", "other", [&input(&other), &input_of(builder, "in-2")]);
        },
        &["'end' is fed by a stream of another builder"],
    ),
    (
        "a source without topics",
        |builder| {
            builder.add_source::<String, String>("nothing", [""; 0]);
        },
        &["source 'nothing' reads no topic"],
    ),
    (
        "a global table of another builder",
        |builder| {
            let other = StreamsBuilder::new();
            let table = other.global_table::<String, String>("g", "g");
            input(builder).join_global_table(&table, |k, _| Some(k.clone()), |_, _, v| v).to("out");
        },
        &["KSTREAM-LEFTJOIN-0000000001", "same StreamsBuilder"],
    ),
    (
        "a store of no entries",
        |builder| {
            input(builder).to_table(Materialized::new("none").lru(0)).to("out");
        },
        &["store 'none'", "at least 1"],
    ),
    (
        "a store that nobody uses",
        |builder| {
            builder.add_store::<String, String>("lonely");
            input(builder).to("out");
        },
        &["store 'lonely' is connected to no processor", "process_with"],
    ),
    (
        "a store for a table that has one",
        |builder| {
            input(builder).group_by_key().count("first").materialized("second");
        },
        &["has a store already", ".materialized(\"second\")"],
    ),
    (
        "two repartitionings through one topic",
        |builder| {
            input(builder).repartition("same").to("out-1");
            builder.stream::<String, String>("other").repartition("same").to("out-2");
        },
        &["through the topic 'same-repartition'", "name one of them"],
    ),
    (
        "no partitions",
        |builder| input(builder).repartition(Repartitioned::named("none").partitions(0)).to("out"),
        &["'none-repartition'", "0 partitions", "at least 1"],
    ),
    (
        "an illegal topic to read",
        |builder| builder.stream::<String, String>("my topic").to("out"),
        &["topic name 'my topic'", "letters, digits"],
    ),
    (
        "an illegal topic to write",
        |builder| input(builder).to("to/you"),
        &["topic name 'to/you'", "letters, digits"],
    ),
    ("a topic without a name", |builder| input(builder).to(""), &["topic name ''", "empty"]),
    (
        "a topic called dot",
        |builder| builder.stream::<String, String>("..").to("out"),
        &["topic name '..'", "a dot"],
    ),
    (
        "a long name",
        |builder| input(builder).to("x".repeat(250)),
        &["xxx", "longer than 249 characters"],
    ),
    (
        "an illegal store",
        |builder| {
            input(builder).group_by_key().count("per word");
        },
        &["store name 'per word'", "letters, digits"],
    ),
    (
        "an illegal repartition topic",
        |builder| input(builder).repartition("by word").to("out"),
        &["'by word", "letters, digits"],
    ),
    (
        "a join across builders",
        |builder| {
            let other: KTable<String, String> = StreamsBuilder::new().table("other", "others");
            let table: KTable<String, String> = builder.table("in", "all");
            table.join(&other, |_, a, b| a + &b).to("out");
            input_of(builder, "in-2").join_table(&other, |_, a, b| a + &b).to("out-2");
        },
        &["'KTABLE-MERGE-0000000002' joins", "'KSTREAM-JOIN-", "with the same StreamsBuilder"],
    ),
    (
        "a foreign-key join that is asked for values and has no store",
        |builder| {
            let table: KTable<String, String> = builder.table("in", "all");
            let other: KTable<String, String> = builder.table("other", "others");
            let joined =
                table.join_on_foreign_key(&other, |_, v| Some(v.clone()), |_, a, b| a + &b);
            joined.named("fk").left_join(&table, |_, a, _| a).to("out");
        },
        &["the table 'fk-result'", "no store keeps them", ".materialized("],
    ),
    (
        "old values of a foreign-key join without a store",
        |builder| {
            let table: KTable<String, String> = builder.table("in", "all");
            let other: KTable<String, String> = builder.table("other", "others");
            let joined =
                table.join_on_foreign_key(&other, |_, v| Some(v.clone()), |_, a, b| a + &b);
            joined.named("fk").group_by(|k, v| (v, k.clone())).count("n").to("out");
        },
        &["the table 'fk-result'", "no store keeps them", ".materialized("],
    ),
    (
        "old values of a self-join without a store",
        |builder| {
            let table: KTable<String, String> = builder.table("in", "all");
            let joined = table.join(&table.map_values(|v| v + "!"), |_, a, b| a + &b).named("both");
            joined.group_by(|k, v| (v, k.clone())).count("n").to("out");
        },
        &["both sides of the join at 'both-join-this'", "change at once", ".materialized("],
    ),
    (
        "two repartitionings under one name",
        |builder| {
            let table: KTable<String, String> = builder.table("other", "others");
            let stream = input(builder).select_key(|_, v| v.clone()).named("by-value");
            stream.repartition("r").join_table(&table, |_, a, b| a + &b).to("out-1");
            stream.repartition("r").join_table(&table, |_, a, b| a + &b).to("out-2");
        },
        &["through the topic 'r-repartition'", "name one of them"],
    ),
];

#[test]
fn each_mistake_is_named_with_its_remedy() {
    for (what, build, expected) in CASES {
        let builder = StreamsBuilder::new();
        build(&builder);
        match builder.build() {
            Err(error) => assert_says(format!("{what}: {error}"), expected),
            Ok(topology) => panic!("{what} was built: {topology:?}"),
        }
    }
}

#[test]
fn all_mistakes_are_told_together() {
    let builder = StreamsBuilder::new();
    let store = || Materialized::<String, i64>::new("twins");
    let stream = input(&builder);
    stream.group_by_key().count(store());
    stream.map_values(|v| v + "!").group_by_key().count(store());
    builder.add_store::<String, String>("lonely");
    stream.filter(|_, _| true).named("same").map_values(|v| v).named("same").to("in");
    builder.stream::<String, String>("what?").to("out");
    let error = builder.build().unwrap_err();
    assert_eq!(error.problems.len(), 5, "{error}");
    assert_says(&error, &["twins", "lonely", "'same'", "'in'", "what?"]);
}

/// What is legal and looks as if it were not.
#[test]
fn no_mistakes() {
    let builder = StreamsBuilder::new();
    let stream = input(&builder);
    stream.to("out");
    stream.filter(|_, _| true).to("out");
    stream.to(format!("{}.{}_-", "A".repeat(100), 9));
    stream.merge(&stream).merge(&builder.stream("other")).group_by_key().count("n").to("counts");
    builder.build().unwrap();
}

#[test]
fn the_builder_can_be_mended() {
    let builder = StreamsBuilder::new();
    assert!(builder.build().is_err());
    input(&builder).to("out");
    builder.build().unwrap();
}
