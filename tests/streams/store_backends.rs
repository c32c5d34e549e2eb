//! Single stores in backends of their own: who is asked for what, and what is restored after which end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use millstream::runtime::ThreadExceptionPolicy;
use millstream::testing::TopologyTestDriver;
use millstream::{
    BoxError, JoinWindows, Materialized, Processor, ProcessorContext, Record, SessionWindows,
    StoreHandle, StreamJoined, StreamsApp, StreamsBuilder, TimeWindows, Topology, Windowed,
};

use crate::rig::{CLOSE, Rig, block_on, config, eventually};
use crate::shelf::Shelf;

/// Counts in two stores: `counts` is with the others, `own` on the shelf.
fn twice(shelf: &Shelf) -> Topology {
    let builder = StreamsBuilder::new();
    let grouped = builder.stream::<String, String>("in").group_by_key();
    grouped.count("counts").to("out");
    grouped.count(Materialized::new("own").backend(shelf.handle())).to("own-out");
    builder.build().unwrap()
}

fn rig(partitions: u32) -> Rig {
    Rig::with_topics(&[("in", partitions), ("out", partitions), ("own-out", partitions)])
}

fn assert_counts(rig: &Rig, keys: i64, each: i64) {
    for topic in ["out", "own-out"] {
        let counts = rig.counts(topic, keys * each);
        assert!(counts.values().all(|count| *count == each), "{topic}: {counts:?}");
    }
}

#[test]
fn what_the_backend_still_has_is_not_restored() {
    let (rig, shelf) = (rig(2), Shelf::default());
    for (life, restored) in [(1, 0), (2, 100), (3, 400)] {
        if life == 3 {
            shelf.contents().stores.clear();
        }
        let app = rig.run(&twice(&shelf), config("own"));
        assert_eq!(app.metrics().restored, restored, "in life {life}");
        rig.send_numbers("in", 0..100);
        assert_counts(&rig, 100, life);
        let own = app.store::<String, i64>("own").unwrap();
        assert_eq!(block_on(own.get(&"42".to_owned())).unwrap(), Some(life));
        app.close(CLOSE).unwrap();
        assert_eq!(shelf.names(), ["own"]);
    }
    let contents = shelf.contents();
    assert!(contents.commits > 0 && contents.restores == 200 && contents.cleanings >= 3);
}

#[test]
fn nothing_that_was_aborted_is_kept() {
    let (rig, shelf) = (rig(1), Shelf::default());
    let builder = StreamsBuilder::new();
    let grouped = builder.stream::<String, String>("in").group_by_key();
    let failures = Arc::new(AtomicUsize::new(0));
    let own = grouped.count(Materialized::new("own").backend(shelf.handle()).without_cache());
    own.to("own-out");
    let checked = grouped.count(Materialized::new("counts").without_cache()).to_stream();
    let checked = checked.peek(move |key, _| {
        let fails = key == "bad" && failures.fetch_add(1, Ordering::SeqCst) < 2;
        assert!(!fails, "a bad key");
    });
    checked.to("out");
    let policy = ThreadExceptionPolicy::ReplaceThread;
    let config = config("abort").with_stream_thread_exception_handler(policy);
    let app = rig.run(&builder.build().unwrap(), config);
    rig.send("in", "a:1 a:2 bad:1 a:3");
    for topic in ["out", "own-out"] {
        let counts = rig.counts(topic, 4);
        assert_eq!((counts["a"], counts["bad"]), (3, 1), "{topic}");
    }
    app.close(CLOSE).unwrap();
}

#[test]
fn a_backend_that_does_not_open_is_named() {
    let (rig, shelf) = (rig(1), Shelf::default());
    shelf.contents().broken = true;
    let app = rig.app(&twice(&shelf), config("broken"));
    app.start().unwrap();
    assert!(block_on(app.running()).is_err());
    let error = app.close(CLOSE).unwrap_err().to_string();
    assert_eq!(error, "state of task '0_0': store 'own': the shelf is broken: mend it");
}

#[test]
fn a_backend_that_panics_ends_the_application_with_an_error() {
    let (rig, shelf) = (rig(1), Shelf::default());
    shelf.contents().panics = true;
    let app = rig.app(&twice(&shelf), config("panics"));
    app.start().unwrap();
    assert!(block_on(app.running()).is_err());
    let error = app.close(CLOSE).unwrap_err().to_string();
    assert!(error.contains("panic: ") && error.contains("the shelf has fallen over"), "{error}");
}

#[test]
fn damage_is_found_on_the_way_and_the_databases_are_opened_anew() {
    let (rig, shelf) = (rig(1), Shelf::default());
    let app = rig.run(&twice(&shelf), config("worms"));
    rig.send_numbers("in", 0..10);
    assert_counts(&rig, 10, 1);
    let before = shelf.contents().openings;
    shelf.contents().damaged = 1;
    rig.send_numbers("in", 0..10);
    assert_counts(&rig, 10, 2);
    eventually("it is opened once more", || shelf.contents().openings == before + 1);
    rig.send_numbers("in", 0..10);
    assert_counts(&rig, 10, 3);
    app.close(CLOSE).unwrap();
}

#[test]
fn a_task_waits_for_the_databases_of_its_stores() {
    let (rig, shelf) = (rig(1), Shelf::default());
    shelf.contents().busy = 5;
    let app = rig.run(&twice(&shelf), config("busy"));
    assert_eq!(shelf.contents().busy, 0);
    rig.send_numbers("in", 0..10);
    assert_counts(&rig, 10, 1);
    app.close(CLOSE).unwrap();
}

/// Keeps the last value of a key, and of a key and time.
struct Keep(StoreHandle<String, String>, StoreHandle<Windowed<String>, String>);

impl Processor<String, String> for Keep {
    type KeyOut = String;
    type ValueOut = String;

    fn process(
        &mut self,
        record: Record<String, String>,
        ctx: &mut ProcessorContext<'_, '_, String, String>,
    ) -> Result<(), BoxError> {
        let before = ctx.store(&self.0)?.get(&record.key)?.unwrap_or_default();
        ctx.store(&self.0)?.put(&record.key, record.value.clone())?;
        let mut log = ctx.store(&self.1)?;
        log.put_at(&record.key, record.timestamp, record.value.clone())?;
        let logged = log.fetch(&record.key, ..)?.len();
        ctx.forward(record.with_value(format!("before {before}, logged {logged}")))
    }
}

/// A store of every kind, all but one on the shelf if there is one.
fn every_kind(shelf: Option<&Shelf>) -> Topology {
    fn store<K: millstream::Wire, V: millstream::Wire>(
        shelf: Option<&Shelf>,
        store: Materialized<K, V>,
    ) -> Materialized<K, V> {
        match shelf {
            Some(shelf) => store.backend(shelf.handle()),
            None => store,
        }
    }
    let ms = Duration::from_millis;
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("in");
    let grouped = stream.group_by_key();
    grouped.count("plain").to("out");
    let tumbling = grouped.windowed_by(TimeWindows::tumbling(ms(10)));
    tumbling.count(store(shelf, Materialized::new("windows"))).to_stream().to("windows-out");
    let sessions = grouped.windowed_by(SessionWindows::of_inactivity_gap(ms(5)));
    sessions.count(store(shelf, Materialized::new("sessions"))).to_stream().to("sessions-out");
    let versions = store(shelf, Materialized::versioned("versions", ms(10_000)));
    let prices = builder.table::<String, String>("prices", versions);
    stream.join_table(&prices, |_, a, b| a + &b).to("priced-out");
    let joined = StreamJoined::named("pairs");
    let joined = shelf.map_or(joined.clone(), |shelf| joined.backend(shelf.handle()));
    let pairs = stream.outer_join(
        &builder.stream::<String, String>("other"),
        JoinWindows::of_time_difference(ms(5)),
        joined,
        |_, a, b| format!("{a:?}{b:?}"),
    );
    pairs.to("pairs-out");
    let last = builder.add_store(store(shelf, Materialized::new("last")));
    let log = store(shelf, Materialized::new("log"));
    let log = builder.add_window_store(log, ms(1));
    let keep = Keep(last.clone(), log.clone());
    let keep = move || Keep(keep.0.clone(), keep.1.clone());
    stream.process_with((&last, &log), keep).to("kept-out");
    let names = store(shelf, Materialized::<String, String>::new("names"));
    let names = builder.global_table("names", names);
    let key = |_: &String, value: &String| Some(value.clone());
    stream.left_join_global_table(&names, key, |_, a, b| format!("{a}{b:?}")).to("named-out");
    builder.build().unwrap()
}

#[test]
fn every_kind_of_store_in_the_driver() {
    type Bytes = Option<Vec<u8>>;
    let shelf = Shelf::default();
    let runs = [None, Some(&shelf)].map(|shelf| {
        let mut driver = TopologyTestDriver::new(&every_kind(shelf)).unwrap();
        // The last ones push everything out of its windows, and segments out of the stores.
        for row in "names:x@0 prices:1@5 in:x@6 other:y@8 prices:0@2 in:z@12 in:x@40 other:w@41 \
                    prices:2@30 in:x@300000 in:y@900000 other:y@900001 in:x@900005"
            .split_whitespace()
        {
            let (topic, rest) = row.split_once(':').unwrap();
            let (value, time) = rest.split_once('@').unwrap();
            let key = if topic == "names" { value } else { "a" };
            let mut input = driver.input::<String, String>(topic);
            input.send_at(key, value, time.parse().unwrap()).unwrap();
        }
        ["out", "windows-out", "sessions-out", "priced-out", "pairs-out", "kept-out", "named-out"]
            .map(|topic| {
                let rows = driver.output::<Bytes, Bytes>(topic).read_all().unwrap();
                assert!(!rows.is_empty(), "{topic}");
                rows
            })
    });
    assert_eq!(runs[0], runs[1]);
    let expected = [
        "last",
        "log",
        "names",
        "names:positions",
        "pairs-outer-other-join-store",
        "pairs-outer-shared-join-store",
        "pairs-outer-this-join-store",
        "sessions",
        "versions",
        "windows",
    ];
    assert_eq!(shelf.names(), expected);
}

/// `in` and a global table on the shelf, which knows how far it is.
fn global(shelf: &Shelf) -> Topology {
    let builder = StreamsBuilder::new();
    let store = Materialized::<String, String>::new("names").backend(shelf.handle());
    builder.global_table("names", store);
    builder.stream::<String, String>("in").to("out");
    builder.build().unwrap()
}

fn names(app: &StreamsApp) -> usize {
    block_on(app.store::<String, String>("names").unwrap().all()).unwrap().len()
}

#[test]
fn a_global_table_goes_on_from_what_its_backend_has() {
    let rig = Rig::with_topics(&[("in", 1), ("out", 1), ("names", 3)]);
    let shelf = Shelf::default();
    for (life, restored) in [(1, 0), (2, 0), (3, 10)] {
        let app = rig.run(&global(&shelf), config("global"));
        assert_eq!(app.metrics().restored, restored, "in life {life}");
        rig.send_numbers("names", 0..life * 10);
        let there = usize::try_from(life).unwrap() * 10;
        eventually("all names are there", || names(&app) == there);
        app.close(CLOSE).unwrap();
        if life == 2 {
            rig.send_numbers("names", 0..10);
        }
    }
}

/// After a crash a database may have less of one store than of another.
#[test]
fn a_global_table_that_has_lost_data_is_filled_anew() {
    let rig = Rig::with_topics(&[("in", 1), ("out", 1), ("names", 3)]);
    let shelf = Shelf::default();
    let place = |store: &str| ("global-0".to_owned(), store.to_owned());
    let live = |there: usize, restored: u64| {
        let app = rig.run(&global(&shelf), config("torn"));
        assert_eq!((names(&app), app.metrics().restored), (there, restored));
        rig.send_numbers("names", 0..there as i64 + 10);
        eventually("all names are there", || names(&app) == there + 10);
        app.close(CLOSE).unwrap();
    };
    live(0, 0);
    let before = shelf.contents().stores[&place("names")].clone();
    live(10, 0);
    shelf.contents().stores.insert(place("names"), before);
    live(20, 10 + 20);
    shelf.contents().stores.remove(&place("names:positions"));
    live(30, 10 + 20 + 30);
    // Less of the positions is no harm.
    let before = shelf.contents().stores[&place("names:positions")].clone();
    live(40, 0);
    shelf.contents().stores.insert(place("names:positions"), before);
    live(50, 50);
}

#[cfg(feature = "rocksdb")]
mod on_disk {
    use millstream::state::MemoryBackend;
    use millstream::state::rocks::{RocksBackend, RocksOptions};

    use super::*;

    #[test]
    fn one_store_in_memory_is_restored_and_the_others_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let rig = rig(1);
        let builder = StreamsBuilder::new();
        let grouped = builder.stream::<String, String>("in").group_by_key();
        grouped.count("counts").to("out");
        let own = Materialized::new("own").backend(Arc::new(MemoryBackend));
        grouped.count(own).to("own-out");
        let topology = builder.build().unwrap();
        for (life, restored) in [(1, 0), (2, 100), (3, 200)] {
            let app = rig.run(&topology, config("mixed").with_state_dir(directory.path()));
            assert_eq!(app.metrics().restored, restored, "in life {life}");
            rig.send_numbers("in", 0..100);
            assert_counts(&rig, 100, life);
            app.close(CLOSE).unwrap();
        }
    }

    #[test]
    fn the_database_on_disk_is_given_back_while_a_task_waits_for_another() {
        let directory = tempfile::tempdir().unwrap();
        let (rig, shelf) = (rig(1), Shelf::default());
        for life in 1..=2 {
            shelf.contents().busy = 3;
            let app = rig.run(&twice(&shelf), config("both").with_state_dir(directory.path()));
            assert_eq!((app.metrics().restored, shelf.contents().busy), (0, 0));
            rig.send_numbers("in", 0..10);
            assert_counts(&rig, 10, life);
            app.close(CLOSE).unwrap();
        }
    }

    #[test]
    fn one_store_on_disk_in_an_application_in_memory() {
        let directory = tempfile::tempdir().unwrap();
        let rig = rig(1);
        let options = RocksOptions::default();
        let rocks = RocksBackend::open(directory.path(), "one-store", options).unwrap();
        let builder = StreamsBuilder::new();
        let grouped = builder.stream::<String, String>("in").group_by_key();
        grouped.count("counts").to("out");
        // Two handles of one backend are one.
        grouped.count(Materialized::new("own").backend(Arc::new(rocks.clone()))).to("own-out");
        grouped.count(Materialized::new("other").backend(Arc::new(rocks)));
        let topology = builder.build().unwrap();
        for (life, restored) in [(1, 0), (2, 100)] {
            let app = rig.run(&topology, config("one-store"));
            assert_eq!(app.metrics().restored, restored, "in life {life}");
            rig.send_numbers("in", 0..100);
            assert_counts(&rig, 100, life);
            app.close(CLOSE).unwrap();
        }
        // The name that lasts is the backend's, although it is not the application's own.
        assert!(directory.path().join("one-store/process.id").exists());
    }
}
