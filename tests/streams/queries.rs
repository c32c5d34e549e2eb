//! Queries of a running application's stores.

use millstream::broker::{NewTopic, ProducerOptions};
use millstream::{AppState, Error, Record, StreamsApp, Topic, TopicProducer};

use crate::rig::{CLOSE, Rig, block_on, config, count, eventually};

fn words<T>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Unavailable(words)) => words,
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("an answer"),
    }
}

fn assert_says<T>(result: Result<T, Error>, expected: &[&str]) {
    let words = words(result);
    for expected in expected {
        assert!(words.contains(expected), "no '{expected}' in: {words}");
    }
}

#[test]
fn all_kinds_over_partitions_and_threads() {
    for (partitions, threads, cache) in [(1, 1, 10 << 20), (4, 2, 10 << 20), (3, 3, 0)] {
        let rig = Rig::new(partitions);
        let config = config("ask").with_num_stream_threads(threads);
        let app = rig.run(&count(), config.with_statestore_cache_max_bytes(cache));
        rig.send_numbers("in", 0..50);
        rig.send_numbers("in", 0..10);
        rig.counts("out", 60);
        let store = app.store::<String, i64>("counts").unwrap();
        block_on(async {
            assert_eq!(store.get(&"7".to_owned()).await.unwrap(), Some(2));
            assert_eq!(store.get(&"17".to_owned()).await.unwrap(), Some(1));
            assert_eq!(store.get(&"nobody".to_owned()).await.unwrap(), None);
            let timestamped = store.get_timestamped(&"17".to_owned()).await.unwrap().unwrap();
            assert_eq!((timestamped.value, timestamped.timestamp), (1, 17));
            let all = store.all().await.unwrap();
            assert_eq!(all.len(), 50);
            assert!(all.is_sorted(), "in byte order of the keys, over all tasks");
            let some = store.range("40".to_owned().."43".to_owned()).await.unwrap();
            let keys: Vec<_> = some.iter().map(|(key, _)| key.as_str()).collect();
            assert_eq!(keys, ["40", "41", "42"]);
            assert_eq!(store.range("5".to_owned()..="5".to_owned()).await.unwrap().len(), 1);
            assert_eq!(store.range("9".to_owned().."1".to_owned()).await.unwrap(), []);
            assert_eq!(store.approximate_len().await.unwrap(), 50);
        });
        app.close(CLOSE).unwrap();
    }
}

#[test]
fn while_records_flow() {
    let rig = Rig::new(2);
    let app = rig.run(&count(), config("flow").with_num_stream_threads(2));
    let store = app.store::<String, i64>("counts").unwrap();
    let key = "5".to_owned();
    let mut last = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| (0..50).for_each(|_| rig.send_numbers("in", 0..10)));
        eventually("the last count", || {
            let count = block_on(store.get(&key)).unwrap().unwrap_or(0);
            assert!(count >= last, "counts only rise");
            last = count;
            last == 50
        });
    });
    app.close(CLOSE).unwrap();
}

#[test]
fn what_cannot_be_answered() {
    let rig = Rig::new(1);
    let app = rig.app(&count(), config("refuse"));
    let not_running = |app: &StreamsApp, state: &str| {
        let store = app.store::<String, i64>("counts").unwrap();
        assert_says(block_on(store.all()), &["store 'counts'", state, "when it is running"]);
    };
    not_running(&app, "Created");
    app.start().unwrap();
    block_on(app.running()).unwrap();
    assert_says(app.store::<String, i64>("totals"), &["no store 'totals'", "it has: counts"]);
    let wrong = app.store::<String, String>("counts").unwrap();
    let says = ["'counts' holds other types than", "String", "with the types it was made with"];
    assert_says(block_on(wrong.get(&"a".to_owned())), &says);
    app.close(CLOSE).unwrap();
    not_running(&app, "NotRunning");
}

#[test]
fn a_store_that_is_being_restored() {
    let rig = Rig::new(1);
    let changelog = "restored-counts-changelog";
    let compact = NewTopic::new(changelog, 1).config("cleanup.policy", "compact");
    rig.broker.create_topic(compact).unwrap();
    // A transaction that nobody has decided yet holds the restore up.
    let options = ProducerOptions::transactional("test", "undecided");
    let mut producer = TopicProducer::new(&rig.broker, options).unwrap();
    let topic = Topic::<String, i64>::new(changelog);
    producer.send(&topic, Record::new("a".to_owned(), 100, 0)).unwrap();
    producer.flush().unwrap();

    let app = rig.app(&count(), config("restored"));
    app.start().unwrap();
    let store = app.store::<String, i64>("counts").unwrap();
    let key = "a".to_owned();
    eventually("a refusal while restoring", || {
        words(block_on(store.get(&key))).contains("'counts' is being restored in task 0_0")
    });
    assert_eq!(app.state(), AppState::Rebalancing);
    producer.abort().unwrap();
    block_on(app.running()).unwrap();
    assert_eq!(block_on(store.get(&key)).unwrap(), None, "what was aborted is not restored");
    app.close(CLOSE).unwrap();
}
