//! What a suppression holds back survives what happens to its task, and stays within its bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use millstream::runtime::ThreadExceptionPolicy;
use millstream::testing::{TopologyTestDriver, check};
use millstream::{
    AppState, BufferConfig, KTable, Materialized, StreamsBuilder, Suppressed, Topology, WhenFull,
    Windowed,
};

use crate::rig::{CLOSE, Rig, config, eventually};

fn held<F: WhenFull>(
    table: &KTable<String, String>,
    ms: u64,
    buffer: BufferConfig<F>,
) -> KTable<String, String> {
    let limit = Suppressed::until_time_limit(Duration::from_millis(ms), buffer);
    table.suppress(limit.named("held"))
}

/// From `in` to `out`, each update at most once in 10 ms; `check` may panic at a value before.
fn limited(check: impl Fn(&str) + Send + Sync + 'static) -> Topology {
    let builder = StreamsBuilder::new();
    let store = Materialized::new("table").without_cache();
    let table = builder.table::<String, String>("in", store);
    let checked = held(&table, 10, BufferConfig::unbounded()).to_stream();
    checked.to("out");
    table.to_stream().peek(move |_, value| check(value.as_deref().unwrap_or_default()));
    builder.build().unwrap()
}

#[test]
fn what_is_held_back_is_restored() {
    let rig = Rig::new(1);
    let topology = limited(|_| ());
    let app = rig.run(&topology, config("restored"));
    rig.send("in", "a:1@0 b:1@3 a:2@5");
    rig.read::<String, Option<Vec<u8>>>("restored-held-store-changelog", 2);
    app.close(CLOSE).unwrap();
    assert_eq!(rig.all::<String, String>("out").len(), 0);

    // On another machine: only the changelog is there. Stream time is where it was, so a late record
    // comes out at once.
    let app = rig.run(&topology, config("restored"));
    rig.send("in", "c:1@11 d:1@2");
    assert_eq!(rig.rows("out", 1), ["a:2"]);
    rig.send("in", "e:1@40");
    assert_eq!(rig.rows("out", 4), ["a:2", "d:1", "b:1", "c:1"]);
    app.close(CLOSE).unwrap();
}

#[test]
fn an_aborted_transaction_leaves_it_as_it_was() {
    let rig = Rig::new(1);
    let failures = Arc::new(AtomicUsize::new(0));
    let counted = failures.clone();
    let topology = limited(move |value| {
        let first = value == "bad" && counted.fetch_add(1, Ordering::SeqCst) < 2;
        assert!(!first, "a bad value");
    });
    let policy = ThreadExceptionPolicy::ReplaceThread;
    let app = rig.run(&topology, config("abort").with_stream_thread_exception_handler(policy));
    rig.send("in", "a:1@0");
    rig.read::<String, Option<Vec<u8>>>("abort-held-store-changelog", 1);
    // What comes with the bad value takes a out and puts b in, twice in vain.
    rig.send("in", "a:2@1 b:1@10 c:bad@11 d:1@25");
    assert_eq!(rig.rows("out", 3), ["a:2", "b:1", "c:bad"]);
    assert_eq!(failures.load(Ordering::SeqCst), 3);
    app.close(CLOSE).unwrap();
    assert_eq!(rig.all::<String, String>("out").len(), 3);
}

#[test]
fn a_full_buffer_emits_early() {
    check(
        |s| held(&s.to_table("t"), 100, BufferConfig::max_records(2)).to_stream(),
        "a:1@5 b:1@4 c:1@3 a:2@6 d:1@7",
        "c:1@3 b:1@4",
    );
    // A key, its values, 8 bytes of time and 22 of where it came from.
    check(
        |s| held(&s.to_table("t"), 100, BufferConfig::max_bytes(67)).to_stream(),
        "a:1@1 b:22@2 a:333@3",
        "a:333@3",
    );
    check(
        |s| held(&s.to_table("t"), 100, BufferConfig::max_records(0)).to_stream(),
        "a:1@1 a:2@2",
        "a:1@1 a:2@2",
    );
}

#[test]
fn a_full_buffer_shuts_down() {
    let builder = StreamsBuilder::new();
    let table = builder.table::<String, String>("in", "table");
    held(&table, 100, BufferConfig::max_records(2).shut_down_when_full()).to("out");
    let rig = Rig::new(1);
    let app = rig.run(&builder.build().unwrap(), config("full"));
    rig.send("in", "a:1@1 b:1@2 c:1@3");
    eventually("the end", || app.state() == AppState::Error);
    let error = app.close(CLOSE).unwrap_err().to_string();
    for words in ["'held-store' is full", "3 of at most 2 records", "raise its bounds"] {
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(rig.all::<String, String>("out").len(), 0);
}

#[test]
fn what_cannot_be_read_of_a_changelog_is_told() {
    let rig = Rig::new(1);
    let topology = limited(|_| ());
    let app = rig.run(&topology, config("broken"));
    app.close(CLOSE).unwrap();
    rig.send("broken-held-store-changelog", "a:no-update");
    let app = rig.app(&topology, config("broken"));
    app.start().unwrap();
    eventually("the end", || app.state() == AppState::Error);
    let error = app.close(CLOSE).unwrap_err().to_string();
    assert!(error.contains("store 'held-store'") && error.contains("another format"), "{error}");
}

#[test]
fn without_a_changelog_nothing_is_written_and_nothing_restored() {
    let builder = StreamsBuilder::new();
    let table = builder.table::<String, String>("in", "table");
    held(&table, 10, BufferConfig::unbounded().without_changelog()).to("out");
    let topology = builder.build().unwrap();
    let changelogs = topology.topics("app").remove(0).changelog_topics;
    assert_eq!(changelogs.len(), 1, "that of the table");
}

#[test]
fn mistakes_are_named_with_their_remedies() {
    let builder = StreamsBuilder::new();
    let table = builder.table::<String, String>("in", "table");
    let limit = Suppressed::until_time_limit(Duration::ZERO, BufferConfig::unbounded());
    table.suppress(limit).to("out");
    let windowed = builder.table::<Windowed<String>, String>("windowed", "windowed");
    let last = Suppressed::until_window_closes(BufferConfig::unbounded());
    windowed.suppress(last.named("last")).to("lasts");
    let error = builder.build().unwrap_err();
    let [unnamed, no_windows] = error.problems.as_slice() else { panic!("{error}") };
    assert!(unnamed.contains(".named(\"a-name\")"), "{unnamed}");
    assert!(no_windows.contains("until_time_limit"), "{no_windows}");
}

#[test]
fn the_driver_shows_what_is_held_back() {
    let mut driver = TopologyTestDriver::new(&limited(|_| ())).unwrap();
    driver.input::<String, String>("in").send_at("b", "1", 5).unwrap();
    driver.input::<String, String>("in").send_at("a", "1", 5).unwrap();
    driver.input::<String, String>("in").send_at("b", "2", 6).unwrap();
    let held = driver.held_back::<String>("held-store").unwrap();
    assert_eq!(held, [("a".to_owned(), 5), ("b".to_owned(), 5)]);
    assert!(driver.held_back::<String>("table").is_err());
}
