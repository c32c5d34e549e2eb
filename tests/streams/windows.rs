//! Windows, as rows: partitions of their keys, and what the recordings of Kafka Streams leave out.

use std::time::Duration;

use millstream::testing::{DriverOptions, TopologyTestDriver};
use millstream::{SessionWindow, SessionWindows, StreamsBuilder, TimeWindows, Windowed};

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
