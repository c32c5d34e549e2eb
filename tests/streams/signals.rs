//! SIGTERM and SIGINT end `run()` cleanly: this test binary calls itself as the child.

#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use millstream::{AppState, StreamsBuilder};

use crate::gate::Gate;
use crate::rig::{Rig, block_on, config, copy};

const CHILD: &str = "MILLSTREAM_TEST_CHILD";

/// What the child does: runs until it is asked to stop, and says how that went.
#[test]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let app = Rig::new(1).app(&copy(), config("signals"));
    app.on_state_change(|_, to| println!("{to:?}"));
    let ended = app.run_blocking();
    println!("ended {ended:?} {:?}", app.state());
    assert_eq!(app.state(), AppState::NotRunning);
}

#[test]
fn a_signal_ends_the_application_cleanly() {
    for signal in ["TERM", "INT"] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "signals::child", "--nocapture"])
            .env(CHILD, "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        said.find(|line| line.ends_with("Running")).expect("the child runs");
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        assert!(said.any(|line| line == "ended Ok(()) NotRunning"), "after {signal}");
        assert!(child.wait().unwrap().success(), "after {signal}");
    }
}

/// The thirty seconds of `run()` begin with the signal; until then nothing hurries it.
#[test]
fn run_does_not_block_its_runtime() {
    let rig = Rig::new(1);
    let gate = Gate::default();
    let builder = StreamsBuilder::new();
    let held = gate.clone();
    builder.stream::<String, String>("in").peek(move |_, _| held.pass()).to("out");
    let app = rig.app(&builder.build().unwrap(), config("async"));
    let ended = block_on(async {
        let runs = app.run();
        let closes = async {
            app.running().await.unwrap();
            rig.send("in", "a:1");
            gate.wait_for_arrival();
            assert!(app.close(Duration::from_millis(5)).is_err(), "the gate is shut");
            gate.open();
        };
        tokio::join!(runs, closes).0
    });
    ended.unwrap();
    assert_eq!(app.state(), AppState::NotRunning);
}
