//! Windows, as rows: partitions of their keys, and what the recordings of Kafka Streams leave out.

use std::time::Duration;

use millstream::testing::{DriverOptions, TopologyTestDriver};
use millstream::{
    JoinWindows, SessionWindow, SessionWindows, StreamsBuilder, TimeWindows, Windowed,
};

use crate::rig::{CLOSE, Rig, config};

#[test]
fn a_key_in_a_window_goes_to_the_partition_of_the_key() {
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("in");
    stream.to("copy");
    let gap = Duration::from_millis(10);
    let grouped = stream.group_by_key();
    grouped.windowed_by(TimeWindows::tumbling(gap)).count("fixed").to("fixed-out");
    let sessions = grouped.windowed_by(SessionWindows::of_inactivity_gap(gap));
    sessions.count("sessions").to("sessions-out");
    let options = DriverOptions { partitions: 7, ..DriverOptions::default() };
    let mut driver = TopologyTestDriver::with_options(&builder.build().unwrap(), options).unwrap();
    for number in 0..50 {
        driver.input::<String, String>("in").send_at(number.to_string(), "x", number).unwrap();
    }
    let copies = driver.output::<String, String>("copy").read_records().unwrap();
    let copies: Vec<_> = copies.into_iter().map(|copy| (copy.record.key, copy.partition)).collect();
    let mut fixed = driver.output::<Windowed<String>, i64>("fixed-out");
    let fixed = fixed.read_records().unwrap().into_iter();
    let fixed: Vec<_> = fixed.map(|count| (count.record.key.key, count.partition)).collect();
    assert_eq!(fixed, copies);
    let mut sessions = driver.output::<Windowed<String, SessionWindow>, i64>("sessions-out");
    let sessions = sessions.read_records().unwrap().into_iter();
    let sessions: Vec<_> = sessions.map(|count| (count.record.key.key, count.partition)).collect();
    assert_eq!(sessions, copies);
}

/// Each stream of a cogroup has a time of its own, and each goes on after a restart.
#[test]
fn all_stream_times_of_a_cogroup_outlive_a_restart() {
    let builder = StreamsBuilder::new();
    let input = builder.stream::<String, String>("in");
    let left = input.filter(|_, value| value == "l").group_by_key();
    let right = input.filter(|_, value| value == "r").group_by_key();
    let both = left.cogroup(|_, value: String, all: String| all + &value);
    let both = both.cogroup(&right, |_, value: String, all| all + &value);
    let windows = TimeWindows::tumbling(Duration::from_millis(10));
    let windows = both.windowed_by(windows).aggregate("windows", String::new);
    windows.to_stream().map(|w, value| (w.window.start.to_string(), value.unwrap())).to("out");
    let topology = builder.build().unwrap();

    let rig = Rig::new(1);
    let config = config("restarted").with_statestore_cache_max_bytes(0);
    let app = rig.run(&topology, config.clone());
    rig.send("in", "a:r@25");
    assert_eq!(rig.rows("out", 1), ["20:r"]);
    app.close(CLOSE).unwrap();

    let app = rig.run(&topology, config);
    rig.send("in", "a:r@3 a:l@4 a:r@26");
    assert_eq!(rig.rows("out", 3), ["20:r", "0:l", "20:rr"]);
    app.close(CLOSE).unwrap();
}

/// What a join knows of time is committed beside the offsets of both its topics, though only one of
/// them has moved.
#[test]
fn what_waits_for_a_partner_is_looked_for_in_time_after_a_restart() {
    let builder = StreamsBuilder::new();
    let (left, right) = (builder.stream::<String, String>("left"), builder.stream("right"));
    let windows = JoinWindows::of_time_difference(Duration::from_millis(10));
    let joined = left
        .outer_join(&right, windows, "join", |_, l: Option<String>, r| l.or(r).unwrap_or_default());
    joined.to("out");
    let topology = builder.build().unwrap();

    let rig = Rig::with_topics(&[("left", 1), ("right", 1), ("out", 1)]);
    let waiting = "waiting-join-outer-shared-join-store-changelog";
    let app = rig.run(&topology, config("waiting"));
    rig.send("right", "a:r@1000");
    rig.read::<Vec<u8>, Option<Vec<u8>>>(waiting, 1);
    rig.send("left", "b:l@995");
    rig.read::<Vec<u8>, Option<Vec<u8>>>(waiting, 2);
    app.close(CLOSE).unwrap();

    let app = rig.run(&topology, config("waiting"));
    rig.send("right", "c:r@1007");
    assert_eq!(rig.rows("out", 1), ["b:l"]);
    app.close(CLOSE).unwrap();
}
