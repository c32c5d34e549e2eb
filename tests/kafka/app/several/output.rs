use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use millstream::broker::{Broker, ProducerOptions};
use millstream::{Record, TopicConsumer, TopicProducer};

/// So much of each is written every so often.
const BURST: i64 = 25;
const PAUSE: Duration = Duration::from_millis(25);
const LOOK: Duration = Duration::from_millis(2);

/// When committed records came, for each topic and partition.
type Seen = BTreeMap<(&'static str, u32), Vec<Instant>>;

/// Feeds the application, and watches what comes out of it.
pub(crate) struct Output {
    seen: Arc<Mutex<Seen>>,
    ended: Arc<AtomicBool>,
}

impl Output {
    pub(crate) fn watch(broker: &Arc<dyn Broker>) -> Self {
        let output = Self { seen: Arc::default(), ended: Arc::default() };
        let (ended, feeds) = (output.ended.clone(), broker.clone());
        thread::spawn(move || feed(&*feeds, &ended));
        for topic in ["copy-a", "counts"] {
            let mut consumer = TopicConsumer::<String, i64>::new(&**broker, topic).unwrap();
            let (seen, ended) = (output.seen.clone(), output.ended.clone());
            thread::spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    // What is wrong with the reading shows as a silence.
                    let records = match consumer.poll() {
                        Ok(records) => records,
                        Err(error) => {
                            eprintln!("{topic}: {error}");
                            continue;
                        }
                    };
                    let now = Instant::now();
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    for record in &records {
                        let times = seen.entry((topic, record.partition)).or_default();
                        if times.last() != Some(&now) {
                            times.push(now);
                        }
                    }
                    drop(seen);
                    thread::sleep(LOOK);
                }
            });
        }
        output
    }

    /// Whether all of so many partitions have had output since then.
    pub(crate) fn is_seen_since(&self, since: Instant, partitions: usize) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let are_alive = seen.values().filter(|times| times.last() > Some(&since));
        are_alive.count() == partitions
    }

    /// The longest time in which a partition had no output, from the last output before `since`.
    pub(crate) fn longest_silence(&self, since: Instant) -> Duration {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let silences = seen.values().flat_map(|times| {
            let first = times.partition_point(|time| *time < since).saturating_sub(1);
            let times = times[first..].iter().copied().chain([now]);
            let later = times.clone().skip(1);
            times.zip(later).map(|(one, next)| next - one).collect::<Vec<_>>()
        });
        silences.max().unwrap_or(Duration::MAX)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

fn feed(broker: &dyn Broker, ended: &AtomicBool) {
    let options = ProducerOptions::idempotent("feeder");
    let mut producer = TopicProducer::new(broker, options).unwrap();
    let mut fed = 0;
    while !ended.load(Ordering::Relaxed) {
        for number in fed..fed + BURST {
            let record = Record::new(format!("k{}", number % 50), number, number);
            // The broker may be about to end, with the test.
            if let Err(error) = producer.send::<String, i64>(&"numbers".into(), record) {
                eprintln!("numbers: {error}");
            }
        }
        if let Err(error) = producer.flush() {
            eprintln!("numbers: {error}");
        }
        fed += BURST;
        thread::sleep(PAUSE);
    }
}
