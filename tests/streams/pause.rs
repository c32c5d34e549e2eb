//! Pause and resume.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use millstream::runtime::ThreadExceptionPolicy;
use millstream::{AppState, StreamsApp, StreamsBuilder};

use crate::rig::{CLOSE, Rig, block_on, config, copy, count, eventually};

/// Returns when every thread has heard of all that was asked before: a question is answered behind
/// it.
fn settle(app: &StreamsApp) {
    block_on(app.store::<String, i64>("counts").unwrap().approximate_len()).unwrap();
}

#[test]
fn nothing_is_processed_while_paused() {
    let rig = Rig::new(2);
    let app = rig.run(&count(), config("pause").with_num_stream_threads(2));
    rig.send_numbers("in", 0..10);
    rig.counts("out", 10);
    app.pause();
    settle(&app);
    rig.send_numbers("in", 10..30);
    for _ in 0..20 {
        settle(&app);
    }
    assert_eq!(app.metrics().processed, 10);
    assert_eq!(app.state(), AppState::Running, "pausing is no state of its own");
    app.resume();
    assert_eq!(rig.counts("out", 30).len(), 30);
    app.close(CLOSE).unwrap();
    assert_eq!(app.metrics().processed, 30);
}

#[test]
fn a_paused_application_closes() {
    let rig = Rig::new(1);
    let app = rig.run(&count(), config("pause-close"));
    app.pause();
    rig.send_numbers("in", 0..10);
    app.close(CLOSE).unwrap();
    assert_eq!(app.metrics().processed, 0);
}

#[test]
fn an_application_can_be_paused_before_it_starts() {
    let rig = Rig::new(1);
    let app = rig.app(&copy(), config("pause-start"));
    app.pause();
    rig.send("in", "a:1");
    app.start().unwrap();
    block_on(app.running()).unwrap();
    assert_eq!(app.metrics().processed, 0);
    app.resume();
    assert_eq!(rig.rows("out", 1), ["a:1"]);
    app.close(CLOSE).unwrap();
}

/// A thread that takes the place of a dead one is paused as that one was.
#[test]
fn a_replaced_thread_stays_paused() {
    let rig = Rig::new(1);
    let failed = Arc::new(AtomicBool::new(false));
    let builder = StreamsBuilder::new();
    let once = failed.clone();
    builder
        .stream::<String, String>("in")
        .try_peek(move |_, _| match once.swap(true, Ordering::SeqCst) {
            false => Err("the first time".into()),
            true => Ok(()),
        })
        .to("out");
    let policy = ThreadExceptionPolicy::ReplaceThread;
    let config = config("pause-replace").with_stream_thread_exception_handler(policy);
    let app = rig.run(&builder.build().unwrap(), config);
    rig.send("in", "a:1");
    eventually("a dead thread", || app.state() == AppState::Rebalancing);
    app.pause();
    block_on(app.running()).unwrap();
    assert_eq!(app.metrics().processed, 0);
    app.resume();
    assert_eq!(rig.rows("out", 1), ["a:1"]);
    app.close(CLOSE).unwrap();
}
