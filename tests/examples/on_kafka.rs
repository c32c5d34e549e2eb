//! The examples on a real Kafka broker: they do there what they do inside the process.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use millstream_kafka_server::KafkaServer;

use crate::order_totals::Service;
use crate::program::{example, run, start, stderr, stdout};
use crate::text::{Numbers, counted};

const KILLS: usize = 6;
const LONGEST_MS: u64 = 1500;

/// `word_count` as the application `id`, with everything printed.
fn word_count(id: &str) -> Command {
    let mut command = example("word_count");
    let bootstrap = KafkaServer::shared().bootstrap();
    command.args(["--top", "0", "--bootstrap", &bootstrap, "--application-id", id]);
    command
}

fn assert_counts(command: &mut Command, text: &[u8], when: &str) {
    let output = run(command, b"");
    assert!(output.status.success(), "{when}: {}", stderr(&output));
    assert!(stdout(&output) == counted(text), "{when} the counts are wrong");
}

#[test]
fn counts_are_exact_after_every_kill_and_with_a_second_instance() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut numbers = Numbers(0x5851_f42d_4c95_7f2d);
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    for kill in 0..KILLS {
        let when = format!("after kill {kill}");
        mine.extend_from_slice(&numbers.text(200_000));
        theirs.extend_from_slice(&numbers.text(200_000));
        fs::write(path("mine"), &mine).unwrap();
        fs::write(path("theirs"), &theirs).unwrap();
        let one = |state: &str, file: &str| {
            let mut command = word_count("kills");
            // Without the feature it is not used, and a restart waits for the session to end.
            command.arg("--state-dir").arg(path(state)).arg(path(file));
            command
        };
        let mut killed = start(&mut one("a", "mine"));
        let beside = start(&mut one("b", "theirs"));
        thread::sleep(Duration::from_millis(numbers.below(LONGEST_MS)));
        killed.kill().unwrap();
        killed.wait().unwrap();
        let beside = beside.wait_with_output().unwrap();
        assert!(beside.status.success(), "{when}: {}", stderr(&beside));
        let all = [mine.as_slice(), &theirs].concat();
        assert_counts(one("a", "mine").arg(path("theirs")), &all, &when);
    }
    // Another application is another one.
    assert_counts(word_count("another").arg(path("theirs")), &theirs, "another application");
}

#[test]
fn of_two_with_the_same_file_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("text");
    let text = Numbers(7).text(4_000_000);
    fs::write(&file, &text).unwrap();
    let both = [0, 1].map(|_| {
        let child = start(word_count("same").arg(&file));
        thread::sleep(Duration::from_millis(500));
        child
    });
    let mut finished = 0;
    for output in both.map(|child| child.wait_with_output().unwrap()) {
        let said = stderr(&output);
        match output.status.code() {
            Some(0) => {
                assert!(stdout(&output) == counted(&text), "the counts are wrong");
                finished += 1;
            }
            // Whoever came to the file first is stopped, unless it was through with it.
            code => assert!(
                code == Some(1) && said.contains("another word_count has begun to read it"),
                "{code:?} {said}"
            ),
        }
    }
    assert!(finished > 0, "both have stopped");
}

#[test]
fn at_least_once_gives_the_same_counts_when_nothing_fails() {
    let text = Numbers(8).text(300_000);
    let output = run(word_count("weaker").args(["--guarantee", "at-least-once"]), &text);
    assert!(output.status.success() && stdout(&output) == counted(&text), "{}", stderr(&output));
}

#[test]
fn orders_become_totals_that_outlive_a_kill() {
    let bootstrap = KafkaServer::shared().bootstrap();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap();
    let args = ["--bootstrap", &bootstrap, "--state-dir", state];
    let service = Service::start_with(&args);
    service.order("ann", 250);
    service.order("bob", 5);
    service.order("ann", -50);
    service.becomes("/totals/ann", r#"{"orders":2,"cents":200}"#);
    service.kill();

    let service = Service::start_with(&args);
    service.order("ann", 1);
    service.becomes("/totals", r#"{"ann":{"orders":3,"cents":201},"bob":{"orders":1,"cents":5}}"#);
    service.stop();
}
