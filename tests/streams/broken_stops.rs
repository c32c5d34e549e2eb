//! Ends in the middle of the work: exactly once, nothing is lost or there twice; at least once,
//! nothing is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use millstream::broker::embedded::EmbeddedBroker;
use millstream::broker::{ManualClock, NewTopic};
use millstream::runtime::{Pace, Step, StreamThread, ThreadOptions};
use millstream::state::MemoryBackend;
use millstream::{Guarantee, StreamsBuilder, Topology};

use crate::rig::{CLOSE, Rig, config, count, eventually};

const BOTH: [Guarantee; 2] = [Guarantee::ExactlyOnce, Guarantee::AtLeastOnce];

/// Copies `in` to `out` and counts it into `counts`.
fn copy_and_count() -> Topology {
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("in");
    stream.to("out");
    stream.group_by_key().count("counts").to("counts");
    builder.build().unwrap()
}

/// A stream thread without a thread: it does nothing but what it is told.
fn thread(
    broker: &EmbeddedBroker,
    clock: &ManualClock,
    guarantee: Guarantee,
    life: u32,
) -> StreamThread {
    StreamThread::new(ThreadOptions {
        topology: copy_and_count(),
        config: config("stops").with_processing_guarantee(guarantee),
        broker: Arc::new(broker.clone()),
        clock: Arc::new(clock.clone()),
        state: Arc::new(MemoryBackend),
        process_id: format!("life-{life}"),
        index: 0,
        pace: Pace::Interval,
        waker: None,
        on_restore: None,
    })
    .unwrap()
}

/// A crash after each step of the work in turn: the thread is never heard of again.
#[test]
fn a_crash_at_any_step() {
    for guarantee in BOTH {
        for crash_after in 0..12 {
            let clock = ManualClock::at(0);
            let broker = EmbeddedBroker::builder().clock(Arc::new(clock.clone())).open().unwrap();
            let rig = Rig { broker };
            for topic in ["in", "out", "counts"] {
                rig.broker.create_topic(NewTopic::new(topic, 2)).unwrap();
            }
            rig.send_numbers("in", 0..50);
            let mut first = thread(&rig.broker, &clock, guarantee, 1);
            for _ in 0..crash_after {
                clock.advance(Duration::from_millis(6));
                first.step().unwrap();
                rig.send_numbers("in", 0..5);
            }
            let sent = 50 + 5 * crash_after;
            std::mem::forget(first);
            // The group puts the dead member out, and the broker aborts what it left open.
            clock.advance(Duration::from_secs(301));
            let mut second = thread(&rig.broker, &clock, guarantee, 2);
            let mut idle = 0;
            eventually("everything done", || {
                clock.advance(Duration::from_millis(1));
                idle = if second.step().unwrap() == Step::Busy { 0 } else { idle + 1 };
                idle > 30
            });
            second.close().unwrap();
            let mut copies = BTreeMap::<String, i64>::new();
            for consumed in rig.all::<String, String>("out") {
                *copies.entry(consumed.record.value).or_default() += 1;
            }
            let counts = rig.counts("counts", sent);
            for number in 0..50 {
                let times = 1 + if number < 5 { crash_after } else { 0 };
                let found = [copies[&number.to_string()], counts[&number.to_string()]];
                match guarantee {
                    Guarantee::ExactlyOnce => assert_eq!(found, [times; 2], "{crash_after}"),
                    Guarantee::AtLeastOnce => {
                        assert!(found.iter().all(|n| *n >= times), "{crash_after}: {found:?}");
                    }
                }
            }
        }
    }
}

/// A dropped application asks its threads to close and does not wait for them.
#[test]
fn an_application_dropped_in_the_middle() {
    for guarantee in BOTH {
        let rig = Rig::new(2);
        let config = || config("dropped").with_processing_guarantee(guarantee);
        for life in 1..=4i64 {
            let app = rig.run(&count(), config());
            rig.send_numbers("in", 0..200);
            eventually("some work", || app.metrics().processed > 0);
            drop(app);
            assert!(life > 0);
        }
        let app = rig.run(&count(), config());
        let counts = rig.counts("out", 800);
        assert!(counts.values().all(|count| *count == 4), "{counts:?}");
        app.close(CLOSE).unwrap();
    }
}
