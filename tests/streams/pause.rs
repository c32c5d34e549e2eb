//! Pause and resume.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

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
    settle(&app);
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

/// A thread that takes the place of a dead one is paused as that one was: here by its last record.
#[test]
fn a_replaced_thread_stays_paused() {
    let rig = Rig::new(1);
    let this = Arc::new(OnceLock::<Weak<StreamsApp>>::new());
    let (app_of_closure, failed) = (this.clone(), AtomicBool::new(false));
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("in")
        .try_peek(move |_, _| {
            if failed.swap(true, Ordering::SeqCst) {
                return Ok(());
            }
            app_of_closure.get().and_then(Weak::upgrade).expect("the application lives").pause();
            Err("the first time".into())
        })
        .to("out");
    let policy = ThreadExceptionPolicy::ReplaceThread;
    let config = config("pause-replace").with_stream_thread_exception_handler(policy);
    let app = Arc::new(rig.run(&builder.build().unwrap(), config));
    this.set(Arc::downgrade(&app)).unwrap();
    rig.send("in", "a:1");
    eventually("a dead thread", || app.state() == AppState::Rebalancing);
    block_on(app.running()).unwrap();
    assert_eq!(app.metrics().processed, 0);
    app.resume();
    assert_eq!(rig.rows("out", 1), ["a:1"]);
    app.close(CLOSE).unwrap();
}
