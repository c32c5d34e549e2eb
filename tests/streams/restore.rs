//! Stores come back from their changelogs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use millstream::broker::ProducerOptions;
use millstream::broker::embedded::EmbeddedBroker;
use millstream::state::{Database, MemoryBackend, StateBackend, StateError, StateErrorKind};
use millstream::{
    Record, RestoreProgress, StreamsApp, StreamsBuilder, Timestamped, Topic, TopicProducer,
};

use crate::rig::{CLOSE, Rig, block_on, config, count};

/// What a listener hears of restores.
fn listen(app: &StreamsApp) -> Arc<Mutex<Vec<RestoreProgress>>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = heard.clone();
    app.on_restore(move |progress| listener.lock().unwrap().push(progress.clone()));
    heard
}

fn assert_complete(progress: &[RestoreProgress], changelogs: usize) {
    let mut last: BTreeMap<&str, &RestoreProgress> = BTreeMap::new();
    for step in progress {
        assert!(step.done <= step.total, "{step:?}");
        if let Some(before) = last.insert(&step.changelog, step) {
            assert!(before.done < step.done && before.total == step.total, "{before:?} {step:?}");
        }
    }
    assert_eq!(last.len(), changelogs);
    assert!(last.values().all(|step| step.done == step.total), "{last:?}");
}

#[test]
fn a_new_instance_counts_on() {
    let rig = Rig::new(3);
    let app = rig.run(&count(), config("again"));
    rig.send_numbers("in", 0..100);
    rig.counts("out", 100);
    app.close(CLOSE).unwrap();

    let app = rig.app(&count(), config("again"));
    let progress = listen(&app);
    app.start().unwrap();
    block_on(app.running()).unwrap();
    assert_complete(&progress.lock().unwrap(), 3);
    assert_eq!(app.metrics().restored, 100);
    let store = app.store::<String, i64>("counts").unwrap();
    let restored = block_on(store.get_timestamped(&"42".to_owned())).unwrap();
    assert_eq!(restored, Some(Timestamped { value: 1, timestamp: 42 }));
    rig.send_numbers("in", 0..100);
    assert!(rig.counts("out", 200).values().all(|count| *count == 2));
    app.close(CLOSE).unwrap();
}

#[test]
fn large_stores_are_restored_in_steps() {
    let rig = Rig::new(1);
    let builder = StreamsBuilder::new();
    builder.table::<String, String>("in", "big");
    let topology = builder.build().unwrap();
    let app = rig.run(&topology, config("steps"));
    let value = "x".repeat(50_000);
    let records = (0..100).map(|n| Record::new(n.to_string(), value.clone(), n));
    rig.send_records(&Topic::<String, String>::new("in"), records);
    rig.read::<String, String>("steps-big-changelog", 100);
    app.close(CLOSE).unwrap();

    let app = rig.app(&topology, config("steps"));
    let progress = listen(&app);
    app.start().unwrap();
    block_on(app.running()).unwrap();
    let progress = progress.lock().unwrap();
    assert!(progress.len() >= 4, "{} steps", progress.len());
    assert_complete(&progress, 1);
    assert_eq!(block_on(app.store::<String, String>("big").unwrap().all()).unwrap().len(), 100);
    app.close(CLOSE).unwrap();
}

#[test]
fn deleted_keys_stay_deleted() {
    let rig = Rig::new(1);
    let builder = StreamsBuilder::new();
    builder.table::<String, String>("in", "latest").to("out");
    let topology = builder.build().unwrap();
    let app = rig.run(&topology, config("tombs"));
    rig.send("in", "a:1 b:2");
    rig.rows("out", 2);
    let tombstone = Record::new("a".to_owned(), None, 5);
    rig.send_records(&Topic::<String, Option<String>>::new("in"), [tombstone]);
    rig.read::<String, Option<String>>("out", 3);
    app.close(CLOSE).unwrap();

    let app = rig.run(&topology, config("tombs"));
    let all = block_on(app.store::<String, String>("latest").unwrap().all()).unwrap();
    assert_eq!(all, [("b".to_owned(), "2".to_owned())]);
    app.close(CLOSE).unwrap();
}

#[test]
fn what_was_aborted_is_not_restored() {
    let rig = Rig::new(1);
    let app = rig.run(&count(), config("aborted"));
    rig.send("in", "a:1 a:2");
    rig.counts("out", 2);
    app.close(CLOSE).unwrap();
    let options = ProducerOptions::transactional("test", "aborted");
    let mut producer = TopicProducer::new(&rig.broker, options).unwrap();
    let changelog = Topic::<String, i64>::new("aborted-counts-changelog");
    for key in ["a", "z"] {
        producer.send(&changelog, Record::new(key.to_owned(), 999, 0)).unwrap();
    }
    producer.flush().unwrap();
    producer.abort().unwrap();

    let app = rig.app(&count(), config("aborted"));
    let progress = listen(&app);
    app.start().unwrap();
    block_on(app.running()).unwrap();
    assert_complete(&progress.lock().unwrap(), 1);
    let all = block_on(app.store::<String, i64>("counts").unwrap().all()).unwrap();
    assert_eq!(all, [("a".to_owned(), 2)]);
    app.close(CLOSE).unwrap();
}

/// Databases that another thread has open for a while.
#[derive(Debug)]
struct Busy(AtomicUsize);

impl StateBackend for Busy {
    fn open(&self, task: &str, stores: &[&str]) -> Result<Box<dyn Database>, StateError> {
        if self.0.fetch_add(1, Ordering::SeqCst) < 5 {
            let (task, reason) = (task.to_owned(), "open".to_owned());
            return Err(StateError { task, reason, kind: StateErrorKind::Busy });
        }
        MemoryBackend.open(task, stores)
    }
}

#[test]
fn a_task_waits_for_its_database() {
    let rig = Rig::new(1);
    let backend = Arc::new(Busy(AtomicUsize::new(0)));
    let app = rig.app(&count(), config("busy")).with_state_backend(backend.clone());
    app.start().unwrap();
    block_on(app.running()).unwrap();
    assert_eq!(backend.0.load(Ordering::SeqCst), 6);
    app.close(CLOSE).unwrap();
}

#[test]
fn progress_has_a_rate_and_an_end() {
    let rig = Rig::new(1);
    let app = rig.run(&count(), config("rate"));
    rig.send_numbers("in", 0..1000);
    rig.counts("out", 1000);
    app.close(CLOSE).unwrap();
    let app = rig.app(&count(), config("rate"));
    let progress = listen(&app);
    app.start().unwrap();
    block_on(app.running()).unwrap();
    let last = progress.lock().unwrap().last().cloned().unwrap();
    assert_eq!(last.remaining, Some(std::time::Duration::ZERO));
    app.close(CLOSE).unwrap();
}

#[test]
fn counts_outlive_the_broker_in_its_directory() {
    let directory = tempfile::tempdir().unwrap();
    for life in 1..=3 {
        let broker = EmbeddedBroker::builder().directory(directory.path()).open().unwrap();
        let rig = if life == 1 {
            let topics = Rig { broker };
            for name in ["in", "out"] {
                topics.broker.create_topic(millstream::broker::NewTopic::new(name, 2)).unwrap();
            }
            topics
        } else {
            Rig { broker }
        };
        let app = rig.run(&count(), config("durable"));
        rig.send_numbers("in", 0..20);
        let counts = rig.counts("out", 20 * life);
        assert!(counts.values().all(|count| *count == life), "{counts:?}");
        app.close(CLOSE).unwrap();
        rig.broker.close().unwrap();
    }
}

#[test]
fn a_store_without_a_changelog_begins_empty() {
    let rig = Rig::new(1);
    let builder = StreamsBuilder::new();
    let store = millstream::Materialized::new("lost").without_changelog();
    builder.stream::<String, String>("in").group_by_key().count(store).to("out");
    let topology = builder.build().unwrap();
    for _ in 0..2 {
        let before = rig.all::<String, i64>("out").len();
        let app = rig.run(&topology, config("forget"));
        rig.send("in", "a:1");
        let counts = rig.read::<String, i64>("out", before + 1);
        assert_eq!(counts.last().unwrap().record.value, 1);
        app.close(CLOSE).unwrap();
    }
}
