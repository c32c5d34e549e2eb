//! Windows, sessions, prefixes and ranges backwards: asked of a running application and of a driver.

use std::time::Duration;

use millstream::testing::{DriverOptions, TopologyTestDriver};
use millstream::{
    SessionWindow, SessionWindows, StreamsBuilder, TimeWindow, TimeWindows, Topology, Windowed,
};

use crate::rig::{CLOSE, Rig, block_on, config};

const INPUT: &str = "a:x@3 b:x@4 a:x@25 ab:x@7 a:x@27 b:x@31 a:x@12";

fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    let grouped = builder.stream::<String, String>("in").group_by_key();
    let ms = Duration::from_millis;
    let windows = TimeWindows::tumbling(ms(10)).grace(ms(100));
    grouped.windowed_by(windows).count("fixed").to("out");
    grouped.windowed_by(SessionWindows::of_inactivity_gap(ms(5)).grace(ms(100))).count("sessions");
    grouped.count("all");
    builder.build().unwrap()
}

fn fixed(found: Vec<(TimeWindow, i64)>) -> String {
    let rows = found.iter().map(|(window, n)| format!("{}-{}:{n}", window.start, window.end));
    rows.collect::<Vec<_>>().join(" ")
}

fn sessions(found: Vec<(SessionWindow, i64)>) -> String {
    let rows = found.iter().map(|(window, n)| format!("{}-{}:{n}", window.start, window.end));
    rows.collect::<Vec<_>>().join(" ")
}

fn all_keys(found: Vec<(Windowed<String>, i64)>) -> String {
    let rows = found.iter().map(|(key, n)| format!("{}{}:{n}", key.key, key.window.start));
    rows.collect::<Vec<_>>().join(" ")
}

fn plain(found: Vec<(String, i64)>) -> String {
    found.iter().map(|(key, n)| format!("{key}:{n}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn of_an_application() {
    for (partitions, cache) in [(1, 10 << 20), (1, 0), (4, 10 << 20)] {
        let rig = Rig::new(partitions);
        let config = config("ask-windows").with_statestore_cache_max_bytes(cache);
        let app = rig.run(&topology(), config);
        rig.send("in", INPUT);
        rig.counts("out", 1);
        let key = |name: &str| name.to_owned();
        block_on(async {
            let all = app.store::<String, i64>("all").unwrap();
            while all.approximate_len().await.unwrap() < 3
                || all.get(&key("a")).await.unwrap() != Some(4)
                || all.get(&key("b")).await.unwrap() != Some(2)
            {
                tokio::task::yield_now().await;
            }
            assert_eq!(plain(all.range_reverse(..).await.unwrap()), "b:2 ab:1 a:4");
            assert_eq!(plain(all.range_reverse(key("a")..key("b")).await.unwrap()), "ab:1 a:4");
            assert_eq!(plain(all.prefix(&key("a")).await.unwrap()), "a:4 ab:1");
            assert_eq!(plain(all.prefix(&key("c")).await.unwrap()), "");
            let windows = app.window_store::<String, i64>("fixed").unwrap();
            let a = windows.fetch(&key("a"), ..).await.unwrap();
            assert_eq!(fixed(a), "0-10:1 10-20:1 20-30:2");
            let a = windows.fetch_reverse(&key("a"), 0..20).await.unwrap();
            assert_eq!(fixed(a), "10-20:1 0-10:1");
            let of_all = windows.fetch_all(..=20).await.unwrap();
            assert_eq!(all_keys(of_all), "a0:1 ab0:1 b0:1 a10:1 a20:2");
            let error = windows.prefix(&key("a")).await.unwrap_err().to_string();
            assert!(error.contains("'fixed' keeps windows"), "{error}");
            let store = app.session_store::<String, i64>("sessions").unwrap();
            let a = store.find_sessions(&key("a"), 12..=26).await.unwrap();
            assert_eq!(sessions(a), "12-12:1 25-27:2");
            let ends = store.fetch_reverse(&key("a"), 12..).await.unwrap();
            assert_eq!(sessions(ends), "25-27:2 12-12:1");
        });
        app.close(CLOSE).unwrap();
    }
}

#[test]
fn of_a_driver() {
    for (partitions, commit_every) in [(1, 1), (3, 1), (1, 100)] {
        let options = DriverOptions { partitions, commit_every, ..DriverOptions::default() };
        let mut driver = TopologyTestDriver::with_options(&topology(), options).unwrap();
        for row in INPUT.split(' ') {
            let (key, time) = row.split_once(":x@").unwrap();
            let mut input = driver.input::<String, String>("in");
            input.send_at(key, "x", time.parse().unwrap()).unwrap();
        }
        let key = |name: &str| name.to_owned();
        assert_eq!(plain(driver.range("all", ..).unwrap()), "a:4 ab:1 b:2");
        assert_eq!(plain(driver.range_reverse("all", ..key("b")).unwrap()), "ab:1 a:4");
        assert_eq!(plain(driver.prefix("all", &key("ab")).unwrap()), "ab:1");
        assert_eq!(fixed(driver.fetch("fixed", &key("b"), ..).unwrap()), "0-10:1 30-40:1");
        assert_eq!(fixed(driver.fetch_reverse("fixed", &key("b"), ..).unwrap()), "30-40:1 0-10:1");
        assert_eq!(all_keys(driver.fetch_all("fixed", 1..).unwrap()), "a10:1 a20:2 b30:1");
        assert_eq!(sessions(driver.fetch("sessions", &key("a"), 4..26).unwrap()), "12-12:1");
    }
}
