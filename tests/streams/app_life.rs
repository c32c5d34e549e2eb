//! The life of an application: its states, and every way to start and to end it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use millstream::broker::NewTopic;
use millstream::{AppState, Error, StreamsApp, StreamsBuilder};

use crate::gate::Gate;
use crate::rig::{CLOSE, Rig, block_on, config, copy, eventually};

/// The states an application goes through, as its listener hears of them.
fn listen(app: &StreamsApp) -> Arc<Mutex<Vec<AppState>>> {
    let states = Arc::new(Mutex::new(vec![app.state()]));
    let heard = states.clone();
    app.on_state_change(move |from, to| {
        let mut heard = heard.lock().unwrap();
        assert_eq!(heard.last(), Some(&from), "a change was not told of");
        heard.push(to);
    });
    states
}

#[test]
fn states_from_start_to_close() {
    use AppState::{Created, NotRunning, PendingShutdown, Rebalancing, Running};
    for threads in 1..=3 {
        let rig = Rig::new(3);
        let app = rig.app(&copy(), config("life").with_num_stream_threads(threads));
        let states = listen(&app);
        app.start().unwrap();
        block_on(app.running()).unwrap();
        assert_eq!(app.state(), Running);
        app.close(CLOSE).unwrap();
        assert_eq!(app.state(), NotRunning);
        let mut states = states.lock().unwrap().clone();
        // Each thread that joins may take a task from those that were there.
        while states.len() > 5 && states[1..3] == states[3..5] {
            states.drain(1..3);
        }
        assert_eq!(states, [Created, Rebalancing, Running, PendingShutdown, NotRunning]);
    }
}

#[test]
fn an_application_is_started_once() {
    let rig = Rig::new(1);
    let app = rig.run(&copy(), config("once"));
    let again = app.start().unwrap_err().to_string();
    assert!(again.contains("cannot be started: it is Running"), "{again}");
    app.close(CLOSE).unwrap();
    let after = app.start().unwrap_err().to_string();
    assert!(after.contains("it is NotRunning; make a new one"), "{after}");
    app.close(CLOSE).unwrap();
}

#[test]
fn of_two_starts_at_the_same_time_one_is_an_error() {
    for _ in 0..20 {
        let rig = Rig::new(1);
        let app = rig.app(&copy(), config("race"));
        let results = std::thread::scope(|scope| {
            let starts = [scope.spawn(|| app.start()), scope.spawn(|| app.start())];
            starts.map(|start| start.join().unwrap().is_ok())
        });
        assert_eq!(results.iter().filter(|ok| **ok).count(), 1);
        app.close(CLOSE).unwrap();
    }
}

#[test]
fn close_before_start() {
    let app = Rig::new(1).app(&copy(), config("unborn"));
    app.close(CLOSE).unwrap();
    assert_eq!(app.state(), AppState::NotRunning);
    assert!(matches!(app.start(), Err(Error::Unavailable(_))));
    let running = block_on(app.running()).unwrap_err().to_string();
    assert!(running.contains("ended before it was running"), "{running}");
}

#[test]
fn a_start_that_failed_can_be_made_good() {
    let rig = Rig::with_topics(&[("in", 1)]);
    let app = rig.app(&copy(), config("retry"));
    assert!(app.start().is_err());
    assert_eq!(app.state(), AppState::Created);
    rig.broker.create_topic(NewTopic::new("out", 1)).unwrap();
    app.start().unwrap();
    block_on(app.running()).unwrap();
    app.close(CLOSE).unwrap();
}

#[test]
fn a_close_that_misses_its_deadline_says_so_and_ends_later() {
    let rig = Rig::new(1);
    let gate = Gate::default();
    let builder = StreamsBuilder::new();
    let held = gate.clone();
    builder.stream::<String, String>("in").peek(move |_, _| held.pass()).to("out");
    let app = rig.run(&builder.build().unwrap(), config("late"));
    rig.send("in", "a:1");
    gate.wait_for_arrival();
    match app.close(Duration::from_millis(20)) {
        Err(Error::Timeout(words)) => {
            assert!(words.contains("did not close within 20ms"), "{words}")
        }
        other => panic!("expected a timeout, got {other:?}"),
    }
    assert_eq!(app.state(), AppState::PendingShutdown);
    gate.open();
    eventually("the end", || app.state() == AppState::NotRunning);
    app.close(CLOSE).unwrap();
    assert_eq!(rig.rows("out", 1), ["a:1"]);
}

#[test]
fn run_ends_when_another_task_closes() {
    let rig = Rig::new(1);
    let app = Arc::new(rig.app(&copy(), config("run")));
    let closer = {
        let (app, rig) = (app.clone(), Rig { broker: rig.broker.clone() });
        std::thread::spawn(move || {
            block_on(app.running()).unwrap();
            rig.send("in", "a:1");
            assert_eq!(rig.rows("out", 1), ["a:1"]);
            app.close(CLOSE)
        })
    };
    block_on(app.run()).unwrap();
    closer.join().unwrap().unwrap();
    assert_eq!(app.state(), AppState::NotRunning);
}

#[test]
fn run_blocking_gives_the_error_that_ended_it() {
    let rig = Rig::new(1);
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").try_peek(|_, _| Err("no".into())).to("out");
    let app = rig.app(&builder.build().unwrap(), config("blocking"));
    rig.send("in", "a:1");
    assert!(matches!(app.run_blocking(), Err(Error::Record(_))));
    assert_eq!(app.state(), AppState::Error);
}

#[test]
fn a_broker_of_its_own_needs_no_topics() {
    let app = StreamsApp::new(copy(), config("own").with_num_stream_threads(2)).unwrap();
    app.start().unwrap();
    block_on(app.running()).unwrap();
    let described = app.broker().admin().unwrap().describe_topics(&["in", "out"]).unwrap();
    let partitions: Vec<_> =
        described.into_iter().flatten().map(|topic| topic.partitions).collect();
    assert_eq!(partitions, [2, 2]);
    app.close(CLOSE).unwrap();
}
