//! `word_count` does what its first lines say.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::process::Output;
use std::thread;
use std::time::Duration;

use crate::program::{example, run, signal, start, stderr, stdout};
use crate::text::{Numbers, counted};

/// Runs it with nothing on standard input.
fn word_count<const N: usize>(args: [&str; N]) -> Output {
    run(example("word_count").args(args), b"")
}

fn counts<const N: usize>(args: [&str; N]) -> String {
    let output = word_count(args);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    stdout(&output)
}

/// The one line it says, and how it ended.
fn failure(output: &Output) -> (Option<i32>, String) {
    let said = stderr(output);
    assert_eq!(stdout(output), "");
    assert_eq!(said.lines().count(), 1, "{said}");
    (output.status.code(), said)
}

fn path(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

fn append(path: &str, text: &[u8]) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(text).unwrap();
}

#[test]
fn files_are_counted_as_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (path(&folder, "a"), path(&folder, "b"));
    let mut text = Numbers(1).text(300_000);
    // A line of which a part must be counted before its end is known, and a last one with no end.
    let line = text.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte });
    let line: Vec<u8> = line.collect();
    text.extend_from_slice(&line);
    text.extend_from_slice(&"漢。".repeat(50_000).into_bytes());
    text.extend_from_slice(b"\nthe end");
    fs::write(&a, &text).unwrap();
    fs::write(&b, "ENDs in another file").unwrap();
    text.extend_from_slice(b"\nends in another file");
    assert_eq!(counts(["--top", "0", &a, &b, &a]), counted(&text));
}

#[test]
fn standard_input_is_counted_and_the_top_is_printed() {
    let text = Numbers(2).text(100_000);
    let all = counted(&text);
    for (top, lines) in
        [(&[] as &[&str], 10), (&["--top", "3"], 3), (&["--top=0", "-"], usize::MAX)]
    {
        let output = run(example("word_count").args(["--threads", "3"]).args(top), &text);
        let expected: String = all.lines().take(lines).map(|line| format!("{line}\n")).collect();
        assert_eq!(stdout(&output), expected);
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
    }
    let weaker =
        run(example("word_count").args(["--guarantee", "at-least-once", "--top=0"]), &text);
    assert_eq!(stdout(&weaker), all, "{}", stderr(&weaker));
    let ties = run(example("word_count").args(["--top", "2"]), "c b a ä".as_bytes());
    assert_eq!(stdout(&ties), "1\ta\n1\tb\n");
    assert_eq!(stdout(&run(&mut example("word_count"), b"")), "");
}

#[test]
fn a_directory_remembers_counts_and_files() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b, dir) = (path(&folder, "a"), path(&folder, "b"), path(&folder, "dir"));
    fs::write(&a, "one two\ntwo ").unwrap();
    fs::write(&b, "two three three\n").unwrap();
    assert_eq!(counts(["--dir", &dir, &a]), "2\ttwo\n1\tone\n");
    assert_eq!(counts(["--dir", &dir, &a]), "2\ttwo\n1\tone\n", "nothing new");
    assert_eq!(counts(["--dir", &dir, &b]), "3\ttwo\n2\tthree\n1\tone\n");
    append(&a, b"one\nfo");
    assert_eq!(counts(["--dir", &dir, &b, &a]), "3\ttwo\n2\tone\n2\tthree\n1\tfo\n");
    // What follows an unfinished line is a line of its own.
    append(&a, b"ur\n");
    assert_eq!(counts(["--dir", &dir, &a, "--top", "5"]).lines().last(), Some("1\tur"));
    let piped = run(example("word_count").args(["--dir", &dir, "--top", "1"]), b"ur ur ur\n");
    assert_eq!(stdout(&piped), "4\tur\n");
}

#[test]
fn what_is_wrong_is_said_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let (a, dir) = (path(&folder, "a"), path(&folder, "dir"));
    fs::write(&a, "one two\n").unwrap();

    let missing = path(&folder, "missing");
    let (code, said) = failure(&word_count(["--dir", &dir, &a, &missing]));
    assert!(code == Some(1) && said.contains(&missing), "{said}");
    assert!(!Path::new(&dir).exists(), "nothing is begun with a file missing");

    let (code, said) = failure(&word_count([folder.path().to_str().unwrap()]));
    assert!(code == Some(1) && said.contains("directory"), "{said}");

    let (code, said) = failure(&word_count(["--dir", &a, &a]));
    assert!(code == Some(1) && said.contains(&a), "{said}");

    for usage in [
        ["--top", "many"],
        ["--threads", "0"],
        ["--guarantee", "twice"],
        ["--state-dir", "state"],
        ["--bottom", "3"],
    ] {
        let (code, said) = failure(&word_count(usage));
        assert!(code == Some(2) && said.contains(usage[0]), "{said}");
    }
    let (code, said) = failure(&word_count(["--bootstrap", "127.0.0.1:1", "--dir", &dir, &a]));
    assert!(code == Some(2) && said.contains("--bootstrap") && said.contains("--dir"), "{said}");
    let (code, said) = failure(&word_count(["--application-id", "a b", &a]));
    assert!(code == Some(1) && said.contains("a b"), "{said}");
    if !cfg!(feature = "kafka") {
        let (code, said) = failure(&word_count(["--bootstrap", "127.0.0.1:1", &a]));
        assert!(code == Some(1) && said.contains("--features kafka"), "{said}");
    }

    counts(["--dir", &dir, &a]);
    fs::write(&a, "one\n").unwrap();
    let (code, said) = failure(&word_count(["--dir", &dir, &a]));
    assert!(code == Some(1) && said.contains(&a), "{said}");
}

#[test]
fn a_directory_in_use_or_of_another_application_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, other) = (path(&folder, "dir"), path(&folder, "other"));
    let mut first = start(example("word_count").args(["--dir", &dir]));
    while !Path::new(&dir).join("meta").exists() {
        thread::sleep(Duration::from_millis(5));
    }
    let (code, said) = failure(&word_count(["--dir", &dir]));
    assert!(code == Some(1) && said.contains(&dir) && said.contains("another process"), "{said}");
    drop(first.stdin.take());
    assert!(first.wait_with_output().unwrap().status.success());

    let orders = millstream_broker::embedded::EmbeddedBroker::builder();
    orders.directory(&other).application("order-totals").open().unwrap().close().unwrap();
    let (code, said) = failure(&word_count(["--dir", &other]));
    assert!(code == Some(1) && said.contains(&other) && said.contains("order-totals"), "{said}");
}

#[test]
fn ctrl_c_stops_in_order_and_the_next_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (a, dir) = (path(&folder, "a"), path(&folder, "dir"));
    let text = Numbers(3).text(1_000_000);
    fs::write(&a, &text).unwrap();
    // Standard input never ends, so it is at work when it is told to stop.
    let mut child = start(example("word_count").args(["--dir", &dir, &a, "-"]));
    let _open = child.stdin.take();
    thread::sleep(Duration::from_millis(700));
    signal(&child, "INT");
    let status = child.wait().unwrap();
    let (mut printed, mut said) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((status.code(), printed.as_str()), (Some(130), ""), "{said}");
    assert!(said.contains("--dir") && said.lines().count() == 1, "{said}");
    assert_eq!(counts(["--dir", &dir, "--top", "0", &a]), counted(&text));
}
