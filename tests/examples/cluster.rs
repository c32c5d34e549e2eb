//! The examples on a real Kafka broker.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use millstream_broker::{Clock, SystemClock};
use millstream_kafka_server::KafkaServer;

use crate::order_totals::Service;
use crate::program::{example_on_kafka, run, start, stderr, stdout};
use crate::text::{Numbers, counted};

const KILLS: usize = 5;
const LONGEST_MS: u64 = 2500;
const PATIENCE: Duration = Duration::from_secs(60);

fn on_cluster(name: &str, application: &str) -> Command {
    let mut command = example_on_kafka(name);
    command.args(["--bootstrap", &KafkaServer::shared().bootstrap()]);
    command.args(["--application-id", application]);
    command
}

fn word_count(application: &str, state: &Path, file: &Path) -> Command {
    let mut command = on_cluster("word_count", application);
    command.args(["--top", "0", "--state-dir"]).arg(state).arg(file);
    command
}

#[test]
fn words_are_counted_as_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("text");
    let text = Numbers(11).text(300_000);
    fs::write(&file, &text).unwrap();
    let output = run(on_cluster("word_count", "by-hand").args(["--top", "0"]).arg(&file), b"");
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output) == counted(&text), "the counts are wrong");
}

#[test]
fn counts_are_exact_after_kills_beside_another_instance() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    let (state, others_state) = (folder.path().join("state"), folder.path().join("others"));
    let mut numbers = Numbers(12);
    let text = numbers.text(400_000);
    fs::write(&one, &text).unwrap();
    let others_text = numbers.text(400_000);
    fs::write(&other, &others_text).unwrap();
    let mut beside = start(&mut word_count("killed", &others_state, &other));
    for _ in 0..KILLS {
        let mut killed = start(&mut word_count("killed", &state, &one));
        thread::sleep(Duration::from_millis(numbers.below(LONGEST_MS)));
        killed.kill().unwrap();
        killed.wait().unwrap();
    }
    let output = run(&mut word_count("killed", &state, &one), b"");
    assert!(output.status.success(), "{}", stderr(&output));
    drop(beside.stdin.take());
    let ended = beside.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", stderr(&ended));
    // Each has waited for its own file only.
    let output = run(word_count("killed", &state, &one).arg(&other), b"");
    let all = counted(&[text, others_text].concat());
    assert!(stdout(&output) == all, "the counts are wrong: {}", stderr(&output));
}

/// What the services know together, each of its own customers.
fn become_together(services: &[&Service], expected: &[&str]) {
    let clock = SystemClock::new();
    loop {
        let answers: Vec<_> = services.iter().map(|s| s.ask("GET", "/totals", "").1).collect();
        let parts = |total: &&&str| answers.iter().filter(|a| a.contains(**total)).count();
        if expected.iter().all(|total| parts(&total) == 1) {
            return;
        }
        assert!(clock.monotonic() < PATIENCE, "{answers:?} instead of {expected:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn totals_outlive_a_kill_and_are_shared() {
    let folder = tempfile::tempdir().unwrap();
    let service = |state: &str| {
        let mut command = on_cluster("order_totals", "totals");
        Service::of(command.arg("--state-dir").arg(folder.path().join(state)))
    };
    let mut first = service("first");
    for (customer, cents) in [("ann", 250), ("bob", 5), ("ann", -50), ("cyd", 1), ("dan", 2)] {
        first.order(customer, cents);
    }
    let totals = [
        r#""ann":{"orders":2,"cents":200}"#,
        r#""bob":{"orders":1,"cents":5}"#,
        r#""cyd":{"orders":1,"cents":1}"#,
        r#""dan":{"orders":1,"cents":2}"#,
    ];
    become_together(&[&first], &totals);
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    let killed = SystemClock::new();
    let first = service("first");
    become_together(&[&first], &totals);
    println!("killed, and all totals known again {:?} later", killed.monotonic());

    let second = service("second");
    become_together(&[&first, &second], &totals);
    second.order("ann", 1);
    let totals = [r#""ann":{"orders":3,"cents":201}"#, totals[1], totals[2], totals[3]];
    become_together(&[&first, &second], &totals);
    second.stop();
    become_together(&[&first], &totals);
    first.stop();
}
