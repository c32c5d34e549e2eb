//! Closures that fail or panic, under each policy of the application.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use millstream::runtime::ThreadExceptionPolicy;
use millstream::{AppState, BoxError, Error, RecordFailure, StreamsBuilder, Topology};

use crate::rig::{CLOSE, Rig, block_on, config, eventually};

/// From `in` to `out`; the value `secret` fails in the node `explode`.
fn fails_on_secret(fail: impl Fn() -> Result<(), BoxError> + Send + Sync + 'static) -> Topology {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("in")
        .map_values(|value| value)
        .try_peek(move |_, value| if value == "secret" { fail() } else { Ok(()) })
        .named("explode")
        .to("out");
    builder.build().unwrap()
}

fn error() -> Result<(), BoxError> {
    Err("boom".into())
}

fn panics() -> Result<(), BoxError> {
    panic!("boom")
}

#[test]
fn to_fail_ends_the_application_with_words_for_the_record() {
    for (fail, cause) in [(error as fn() -> _, "boom"), (panics, "panic: boom")] {
        let rig = Rig::new(1);
        let app = rig.run(&fails_on_secret(fail), config("fail").with_num_stream_threads(2));
        rig.send("in", "a:1 b:secret c:3");
        eventually("the end", || app.state() == AppState::Error);
        let error = app.close(CLOSE).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "process failed in node 'explode' of task 0_0 for the record at in-0@1: {cause}"
            )
        );
        let Error::Record(failure) = error else { panic!("{error:?}") };
        let RecordFailure { partition: 0, offset: 1, .. } = *failure else { panic!("{failure:?}") };
        let later = app.start().unwrap_err().to_string();
        assert!(later.contains("it is Error"), "{later}");
    }
}

#[test]
fn nothing_of_a_failed_transaction_is_visible() {
    let rig = Rig::new(1);
    rig.send("in", "a:1 b:secret");
    let app = rig.app(&fails_on_secret(error), config("abort"));
    app.start().unwrap();
    eventually("the end", || app.state() == AppState::Error);
    assert_eq!(rig.all::<String, String>("out").len(), 0);
    // The next life begins where the last commit was.
    let app = rig.run(&fails_on_secret(|| Ok(())), config("abort"));
    assert_eq!(rig.rows("out", 2), ["a:1", "b:secret"]);
    app.close(CLOSE).unwrap();
}

#[test]
fn to_replace_the_thread_retries_the_record() {
    for fail in [error, panics] {
        for threads in [1, 2] {
            let rig = Rig::new(1);
            let attempts = Arc::new(AtomicUsize::new(0));
            let counted = attempts.clone();
            let topology = fails_on_secret(move || match counted.fetch_add(1, Ordering::SeqCst) {
                0 | 1 => fail(),
                _ => Ok(()),
            });
            let policy = ThreadExceptionPolicy::ReplaceThread;
            let config = config("replace")
                .with_num_stream_threads(threads)
                .with_stream_thread_exception_handler(policy);
            let app = rig.run(&topology, config);
            rig.send("in", "a:1 b:secret c:3");
            assert_eq!(rig.rows("out", 3), ["a:1", "b:secret", "c:3"]);
            assert_eq!(attempts.load(Ordering::SeqCst), 3);
            block_on(app.running()).unwrap();
            app.close(CLOSE).unwrap();
            assert_eq!(app.state(), AppState::NotRunning);
        }
    }
}

#[test]
fn an_application_whose_thread_dies_for_ever_can_be_closed() {
    let rig = Rig::new(1);
    let policy = ThreadExceptionPolicy::ReplaceThread;
    let config = config("ever").with_stream_thread_exception_handler(policy);
    let app = rig.app(&fails_on_secret(panics), config);
    rig.send("in", "b:secret");
    app.start().unwrap();
    eventually("a dead thread", || app.state() == AppState::Rebalancing);
    app.close(CLOSE).unwrap();
    assert_eq!(app.state(), AppState::NotRunning);
}

#[test]
fn another_instance_takes_over_what_a_dead_one_left() {
    let rig = Rig::new(1);
    let dying = rig.run(&fails_on_secret(error), config("legacy"));
    rig.send("in", "a:1 b:secret c:3");
    eventually("the end", || dying.state() == AppState::Error);
    let heir = rig.run(&fails_on_secret(|| Ok(())), config("legacy"));
    assert_eq!(rig.rows("out", 3), ["a:1", "b:secret", "c:3"]);
    heir.close(CLOSE).unwrap();
}
