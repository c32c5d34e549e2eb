//! Versioned tables: versions out of order, and what becomes of them in a restart and an abort.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use millstream::runtime::ThreadExceptionPolicy;
use millstream::testing::{TopologyTestDriver, check_with};
use millstream::{KTable, Materialized, StreamsBuilder, Topology, VersionedRecord};

use crate::rig::{CLOSE, Rig, config};

fn prices(b: &StreamsBuilder) -> KTable<String, String> {
    b.table("prices", Materialized::versioned("prices", Duration::from_secs(60)))
}

/// Each of `in` with the price at its time, from `in` to `out`; may panic at a price before.
fn priced(check: impl Fn(&str) + Send + Sync + 'static) -> Topology {
    let builder = StreamsBuilder::new();
    let prices = prices(&builder);
    prices.to_stream().peek(move |_, price| check(price.as_deref().unwrap_or_default()));
    let sales = builder.stream::<String, String>("in");
    let sold = sales.left_join_table(&prices, |_, sale, price| {
        format!("{sale}={}", price.as_deref().unwrap_or("?"))
    });
    sold.to("out");
    builder.build().unwrap()
}

fn rig() -> Rig {
    Rig::with_topics(&[("in", 1), ("out", 1), ("prices", 1)])
}

#[test]
fn versions_are_restored_in_whatever_order_they_came() {
    let rig = rig();
    let topology = priced(|_| ());
    let app = rig.run(&topology, config("again"));
    rig.send("prices", "a:1@10 a:3@30 a:2@20 b:1@90000 a:4@40 a:late@29000");
    rig.read::<String, String>("again-prices-changelog", 6);
    app.close(CLOSE).unwrap();

    let app = rig.run(&topology, config("again"));
    // What is too old is in the changelog, and nowhere else after the restart either.
    rig.send("in", "a:x@30500 a:y@95000 b:z@95000");
    assert_eq!(rig.rows("out", 3), ["a:x=3", "a:y=3", "b:z=1"]);
    app.close(CLOSE).unwrap();
}

#[test]
fn an_aborted_transaction_leaves_no_versions() {
    let rig = rig();
    let failures = Arc::new(AtomicUsize::new(0));
    let counted = failures.clone();
    let topology = priced(move |price| {
        let fails = price == "bad" && counted.fetch_add(1, Ordering::SeqCst) == 0;
        assert!(!fails, "a bad price");
    });
    let policy = ThreadExceptionPolicy::ReplaceThread;
    let app = rig.run(&topology, config("abort").with_stream_thread_exception_handler(policy));
    rig.send("prices", "a:1@10");
    rig.read::<String, String>("abort-prices-changelog", 1);
    rig.send("prices", "a:2@20 a:bad@30 a:3@25");
    rig.read::<String, String>("abort-prices-changelog", 4);
    rig.send("in", "a:v@10 a:w@22 a:x@27 a:y@30");
    assert_eq!(rig.rows("out", 4), ["a:v=1", "a:w=2", "a:x=3", "a:y=bad"]);
    app.close(CLOSE).unwrap();
}

#[test]
fn the_driver_shows_versions() {
    let builder = StreamsBuilder::new();
    prices(&builder).to("out");
    let mut driver = TopologyTestDriver::new(&builder.build().unwrap()).unwrap();
    for (value, time) in [("1", 10), ("3", 30), ("2", 20)] {
        driver.input::<String, String>("prices").send_at("a", value, time).unwrap();
    }
    let versions = driver.versions::<String, String>("prices").unwrap();
    let version = |value: &str, valid_from, valid_to| {
        ("a".to_owned(), VersionedRecord { value: value.to_owned(), valid_from, valid_to })
    };
    let expected = [version("3", 30, None), version("2", 20, Some(30)), version("1", 10, Some(20))];
    assert_eq!(versions, expected);
}

#[test]
fn what_waits_for_a_table_is_restored() {
    let builder = StreamsBuilder::new();
    let (prices, sales) = (prices(&builder), builder.stream::<String, String>("in"));
    let grace = Duration::from_millis(20);
    sales.join_table_with_grace(&prices, grace, "sold", |_, s, p| s + "=" + &p).to("out");
    let topology = builder.build().unwrap();
    let rig = rig();
    let app = rig.run(&topology, config("waiting"));
    rig.send("in", "a:x@10 a:y@10 a:z@15");
    rig.read::<Vec<u8>, Option<Vec<u8>>>("waiting-sold-Buffer-changelog", 3);
    app.close(CLOSE).unwrap();
    assert_eq!(rig.all::<String, String>("out").len(), 0);

    let app = rig.run(&topology, config("waiting"));
    rig.send("prices", "a:1@5 a:2@12");
    rig.read::<String, String>("waiting-prices-changelog", 2);
    rig.send("in", "a:w@40");
    assert_eq!(rig.rows("out", 3), ["a:x=1", "a:y=1", "a:z=2"]);
    app.close(CLOSE).unwrap();
}

#[test]
fn a_table_out_of_order_for_those_behind_it() {
    // The sum of a group is of the latest versions, whatever comes later of the past.
    check_with(
        |b, s| {
            let store = Materialized::versioned("t", Duration::from_secs(60));
            let table = s.to_table(store).filter(|_, v| v != "9");
            let _ = b;
            let groups = table.group_by(|_, v| ("all".to_owned(), v.parse::<i64>().unwrap_or(0)));
            groups.reduce("sum", |a, b| a + b, |a, b| a - b).to_stream()
        },
        "a:1@10 a:5@20 a:7@15 b:2@5 a:9@30",
        "all:1 all:5 all:7 all:2",
    );
}

#[test]
fn mistakes_are_named_with_their_remedies() {
    let builder = StreamsBuilder::new();
    let plain = builder.table::<String, String>("plain", "plain");
    let sales = builder.stream::<String, String>("in");
    let grace = Duration::from_secs(1);
    sales.join_table_with_grace(&plain, grace, "one", |_, s, _| s).to("out-1");
    let long = Duration::from_secs(61);
    sales.join_table_with_grace(&prices(&builder), long, "two", |_, s, _| s).to("out-2");
    let store = Materialized::<String, String>::versioned("three", long);
    builder.add_store(store);
    let error = builder.build().unwrap_err().to_string();
    for words in ["'one' joins with a grace", "keeps versions for 60000 ms", "add_versioned_store"]
    {
        assert!(error.contains(words), "{words}: {error}");
    }
}
