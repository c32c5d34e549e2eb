//! Edge cases of the operators on tables, as rows. A null is `-`, in a table a delete.

use millstream::testing::{TopologyTestDriver, check, check_with};
use millstream::{KStream, KTable, StreamsBuilder};

use crate::operators::nulls;

type Nullable = KTable<String, Option<String>>;

fn table(stream: &KStream<String, String>) -> Nullable {
    nulls(stream).to_table("t")
}

#[test]
fn tombstones() {
    check(|s| table(&s).to_stream(), "a:1 a:- a:2", "a:1 a:- a:2");
    check(|s| table(&s).to_stream(), "a:- b:1 a:-", "b:1");
    check(|s| table(&s).map_values(|v| v.map(|v| v + "!")).to_stream(), "a:1 a:-", "a:1! a:-");
    check(
        |s| table(&s).filter(|_, v| v.as_deref() != Some("2")).to_stream(),
        "a:1 a:2 a:3 a:-",
        "a:1 a:- a:3 a:-",
    );
}

#[test]
fn a_delete_of_what_never_matched_is_not_forwarded() {
    let two = |_: &String, v: &Option<String>| v.as_deref() == Some("2");
    check(|s| table(&s).filter(two).to_stream(), "a:1 a:3 a:- b:2 b:1 b:-", "b:2 b:-");
    check(|s| table(&s).filter_not(two).to_stream(), "a:2 a:- b:1 b:2 b:-", "b:1 b:-");
    check(|s| table(&s).filter(two).materialized("m").to_stream(), "a:1 b:2 b:1 b:-", "b:2 b:-");
}

#[test]
fn maps_of_maps() {
    check(
        |s| {
            let upper = table(&s).map_values_with_key(|k, v| v.map(|v| format!("{k}{v}")));
            upper
                .filter(|_, v| v.as_ref().is_some_and(|v| v.len() < 3))
                .materialized("m")
                .to_stream()
        },
        "a:1 a:22 a:3 a:-",
        "a:a1 a:- a:a3 a:-",
    );
}

#[test]
fn a_key_that_moves_between_groups() {
    let by_value = |s: &KStream<String, String>| {
        table(s).group_by(|key, value| (value, key.clone())).count("n").to_stream()
    };
    // The value of a is its group: it leaves one and enters another.
    check(|s| by_value(&s), "a:x b:x a:y", "x:1 x:2 x:1 y:1");
    check(|s| by_value(&s), "a:x a:-", "x:1 x:0");
    check(|s| by_value(&s), "a:- a:x a:- a:x", "x:1 x:0 x:1");
    check(|s| by_value(&s), "a:x a:x", "x:1 x:1");
}

#[test]
fn reducing_a_table() {
    check(
        |s| {
            let sizes =
                table(&s).group_by(|_, v| ("all".to_owned(), v.map_or(0, |v| v.len() as i64)));
            sizes.reduce("sum", |a, b| a + b, |a, b| a - b).to_stream()
        },
        "a:1 b:333 a:22 b:- a:-",
        "all:1 all:4 all:5 all:2 all:0",
    );
    check(
        |s| {
            let grouped = s.to_table("t").group_by(|k, v| (k[..1].to_owned(), v));
            let join = |_: &String, v: String, all: String| all + &v;
            grouped
                .aggregate("all", String::new, join, |_, v, all| all.replacen(&v, "", 1))
                .to_stream()
        },
        "a1:x a2:y a1:z b1:q",
        "a:x a:xy a:yz b:q",
    );
}

#[test]
fn timestamps_of_tables() {
    check(|s| table(&s).to_stream(), "a:1@5 a:2@3 a:-@9", "a:1@5 a:2@3 a:-@9");
    check(
        |s| table(&s).group_by(|k, v| (v, k.clone())).count("n").to_stream(),
        "a:x@5 b:x@3",
        "x:1@5 x:2@5",
    );
}

#[test]
fn a_table_and_a_stream_of_it() {
    check_with(
        |builder, stream| {
            let latest = stream.to_table("latest");
            latest.to("copy");
            let _handles_are_cheap = (builder, latest.clone());
            latest.to_stream()
        },
        "a:1 a:2",
        "a:1 a:2",
    );
}

#[test]
fn tables_of_topics() {
    let builder = StreamsBuilder::new();
    builder.table::<String, String>("in", "latest").to("out");
    let mut driver = TopologyTestDriver::new(&builder.build().unwrap()).unwrap();
    let mut send = |key: Option<&str>, value: Option<&str>| {
        let (key, value) = (key.map(str::to_owned), value.map(str::to_owned));
        driver.input::<Option<String>, Option<String>>("in").send(key, value).unwrap();
    };
    send(Some("a"), Some("1"));
    send(None, Some("2"));
    send(None, None);
    send(Some("b"), None);
    send(Some(""), Some(""));
    send(Some("a"), None);
    let out = driver.output::<String, Option<String>>("out").read_all().unwrap();
    let text = |value: &str| Some(value.to_owned());
    assert_eq!(
        out,
        [("a".to_owned(), text("1")), (String::new(), text("")), ("a".to_owned(), None)]
    );
    assert_eq!(driver.dropped_records(), 2, "a null key is dropped and counted");
    let keys: Vec<String> =
        driver.entries::<String, String>("latest").unwrap().into_iter().map(|(k, _)| k).collect();
    assert_eq!(keys, [""]);
}
