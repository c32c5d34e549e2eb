//! Windows and times that make no sense, or too much of it.

use std::time::Duration;

use millstream::testing::{DriverOptions, TopologyTestDriver};
use millstream::{
    Config, EmitStrategy, Materialized, Record, SessionWindow, SessionWindows, SlidingWindows,
    StreamsBuilder, TimeWindow, TimeWindows, Topic, Topology, UnlimitedWindows, Windowed,
};

use super::assert_says;
use crate::log_lines::{lines_with, listen};
use crate::rig::{CLOSE, Rig, block_on, config};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn counted(windows: TimeWindows) -> Topology {
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("in");
    let counts = stream.group_by_key().windowed_by(windows).count("n");
    counts.to_stream().map(|w, n| (format!("{}{}", w.key, w.window.start), n)).to("out");
    builder.build().unwrap()
}

fn driver(topology: &Topology) -> TopologyTestDriver {
    TopologyTestDriver::new(topology).unwrap()
}

fn send(driver: &mut TopologyTestDriver, key: &str, time: i64) {
    driver.input::<String, String>("in").send_at(key, "x", time).unwrap();
}

fn counts(driver: &mut TopologyTestDriver) -> String {
    let out = driver.output::<String, i64>("out").read_all().unwrap();
    out.iter().map(|(key, n)| format!("{key}:{n}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn windows_that_cannot_be() {
    let build = |add: &dyn Fn(&StreamsBuilder)| {
        let builder = StreamsBuilder::new();
        add(&builder);
        builder.build().unwrap_err()
    };
    let count = |b: &StreamsBuilder, windows: TimeWindows, store: Materialized<String, i64>| {
        b.stream::<String, String>("in").group_by_key().windowed_by(windows).count(store);
    };
    let error = build(&|b| {
        let store = Materialized::new("short").retention(ms(5));
        count(b, TimeWindows::tumbling(ms(10)).grace(ms(3)), store);
    });
    assert_says(&error, &["'short'", "for 5 ms", "for 13 ms", "at least"]);
    let error = build(&|b| count(b, TimeWindows::tumbling(ms(0)), "none".into()));
    assert_says(&error, &["'none'", "shorter than a millisecond"]);
    let error = build(&|b| count(b, TimeWindows::hopping(ms(10), ms(11)), "gaps".into()));
    assert_says(&error, &["'gaps'", "10 ms", "11 ms", "at most their size"]);
    let error = build(&|b| {
        let windowed = b.stream::<String, String>("in").group_by_key();
        let windowed = windowed.windowed_by(UnlimitedWindows::new());
        windowed.emit(EmitStrategy::OnWindowClose).count("never");
    });
    assert_says(&error, &["'never'", "never close"]);
    let error = build(&|b| {
        let windowed = b.stream::<String, String>("in").group_by_key();
        let windowed = windowed.windowed_by(UnlimitedWindows::new().start_on(-1));
        windowed.count("before");
    });
    assert_says(&error, &["'before'", "before the Unix epoch"]);
    let error = build(&|b| {
        b.add_session_store::<String, i64>("kept");
        b.stream::<String, String>("in").to("out");
    });
    assert_says(&error, &["'kept'", ".retention(..)"]);
    let error = build(&|b| {
        let store = Materialized::<String, i64>::new("log").retention(ms(9));
        b.add_window_store(store, ms(10));
        b.stream::<String, String>("in").to("out");
    });
    assert_says(&error, &["'log'", "at least 10 ms"]);
}

#[test]
fn without_grace_a_window_is_closed_at_its_end() {
    let mut driver = driver(&counted(TimeWindows::tumbling(ms(10))));
    for time in [0, 9, 10, 9, 19, 10] {
        send(&mut driver, "a", time);
    }
    assert_eq!(counts(&mut driver), "a0:1 a0:2 a10:1 a10:2 a10:3");
    assert_eq!(driver.dropped_records(), 1);
}

#[test]
fn times_at_the_end_of_time() {
    let far = i64::MAX;
    let builder = StreamsBuilder::new();
    let grouped = builder.stream::<String, String>("in").group_by_key();
    grouped.windowed_by(TimeWindows::tumbling(ms(10)).grace(ms(10))).count("tumbling");
    grouped.windowed_by(TimeWindows::hopping(ms(10), ms(3))).count("hopping");
    grouped.windowed_by(SlidingWindows::of_time_difference(ms(10)).grace(ms(10))).count("sliding");
    grouped.windowed_by(SessionWindows::of_inactivity_gap(ms(10)).grace(ms(10))).count("sessions");
    grouped.windowed_by(UnlimitedWindows::new()).count("unlimited");
    let last = TimeWindows::tumbling(ms(10));
    grouped.windowed_by(last).emit(EmitStrategy::OnWindowClose).count("closed");
    let long = TimeWindows::tumbling(Duration::MAX).grace(Duration::MAX);
    grouped.windowed_by(long).count("long");
    let mut driver = driver(&builder.build().unwrap());
    for time in [0, far - 20, far - 1, far, far, far - 3] {
        send(&mut driver, "a", time);
    }
    let key = "a".to_owned();
    let found = driver.fetch::<_, TimeWindow, i64>("tumbling", &key, ..).unwrap();
    let total: i64 = found.iter().map(|(_, n)| n).sum();
    // The first two windows are older than the retention, and gone.
    assert_eq!(total, 4);
    let found = driver.fetch::<_, SessionWindow, i64>("sessions", &key, ..).unwrap();
    let alone = SessionWindow { start: far - 20, end: far - 20 };
    assert_eq!(found, [(alone, 1), (SessionWindow { start: far - 3, end: far }, 4)]);
    let found = driver.fetch::<_, TimeWindow, i64>("unlimited", &key, ..).unwrap();
    assert_eq!(found, [(TimeWindow { start: 0, end: far }, 6)]);
    let found = driver.fetch::<_, TimeWindow, i64>("long", &key, ..).unwrap();
    // A window ends before the last moment there is, and what comes then has one of its own.
    // The first one is then as old as the longest retention there is.
    assert_eq!(found, [(TimeWindow { start: far, end: far }, 2)]);
}

#[test]
fn a_time_before_the_epoch_is_an_error_or_dropped() {
    let topology = counted(TimeWindows::tumbling(ms(10)));
    let error = {
        let mut driver = driver(&topology);
        let record = Record::new("a".to_owned(), "x".to_owned(), -1);
        driver.input::<String, String>("in").send_record(record).unwrap_err()
    };
    assert_says(&error, &["timestamp is negative (-1)", "in-0@0"]);
    let builder = StreamsBuilder::new();
    let topic = Topic::<String, String>::new("in").timestamps(|_, _| i64::MIN);
    builder.stream(topic).group_by_key().windowed_by(TimeWindows::tumbling(ms(10))).count("n");
    let mut driver = driver(&builder.build().unwrap());
    send(&mut driver, "a", 5);
    assert_eq!(driver.dropped_records(), 1);
}

#[test]
fn a_record_from_the_far_future_closes_everything_unless_it_is_limited() {
    let topology = counted(TimeWindows::tumbling(ms(10)).grace(ms(20)));
    let year = 365 * 24 * 60 * 60 * 1000;
    let mut free = driver(&topology);
    for time in [1, year, 2, 3] {
        send(&mut free, "a", time);
    }
    assert_eq!(counts(&mut free), format!("a0:1 a{year}:1"));
    assert_eq!(free.dropped_records(), 2);
    let config = Config::new("limited").with_max_stream_time_advance(ms(1000));
    let options = DriverOptions { config, ..DriverOptions::default() };
    let mut limited = TopologyTestDriver::with_options(&topology, options).unwrap();
    listen();
    for time in [1, year, 2, 1002, i64::MAX, 1003, 2003] {
        send(&mut limited, "a", time);
    }
    assert_eq!(counts(&mut limited), "a0:1 a0:2 a1000:1 a1000:2 a2000:1");
    assert_eq!(limited.dropped_records(), 2);
    let lines = lines_with("max.stream.time.advance.ms");
    assert!(lines[0].contains(&year.to_string()) && lines[0].contains("in-0@1"), "{lines:?}");
}

#[test]
fn malformed_keys_in_a_changelog_are_left_out() {
    listen();
    let rig = Rig::new(1);
    let topology = counted(TimeWindows::tumbling(ms(10)).grace(ms(100)));
    let app = rig.run(&topology, config("malformed"));
    rig.send("in", "a:x@3");
    rig.counts("out", 1);
    app.close(CLOSE).unwrap();
    let changelog = Topic::<Vec<u8>, Vec<u8>>::new("malformed-n-changelog");
    let negative = [b"a".as_slice(), &(-1i64).to_be_bytes(), &[0; 4]].concat();
    for key in [Vec::new(), b"short".to_vec(), vec![0; 11], negative] {
        rig.send_records(&changelog, [Record::new(key, vec![0; 8], 0)]);
    }
    let app = rig.run(&topology, config("malformed"));
    let store = app.window_store::<String, i64>("n").unwrap();
    let all = block_on(store.fetch_all(..)).unwrap();
    let window = TimeWindow { start: 0, end: 10 };
    assert_eq!(all, [(Windowed { key: "a".to_owned(), window }, 1)]);
    app.close(CLOSE).unwrap();
    let lines = lines_with("no key of a window");
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("store 'n'")), "{lines:?}");
}
