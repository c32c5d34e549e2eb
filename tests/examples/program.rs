//! Builds the examples once, and runs them.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;

/// A command of the example `name`. Cargo says where it is, after it has built it: whatever
/// started the tests, the program is the one of these sources. It is there already, and nothing is
/// built, when the tests are those of the whole workspace.
pub(crate) fn example(name: &str) -> Command {
    static PROGRAMS: OnceLock<HashMap<String, PathBuf>> = OnceLock::new();
    Command::new(&PROGRAMS.get_or_init(build)[name])
}

fn build() -> HashMap<String, PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let features = [("kafka", cfg!(feature = "kafka")), ("rocksdb", cfg!(feature = "rocksdb"))];
    let features: Vec<_> =
        features.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect();
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--workspace", "--message-format", "json-render-diagnostics"])
        .args(["--example", "word_count", "--example", "order_totals"])
        .args(["--features", &features.join(",")])
        .args(["--profile", profile, "--target-dir"])
        .arg(target)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(built.status.success(), "the examples do not build");
    let messages = String::from_utf8(built.stdout).unwrap();
    let messages =
        messages.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    messages
        .filter_map(|message| {
            let name = message["target"]["name"].as_str()?.to_owned();
            Some((name, PathBuf::from(message["executable"].as_str()?)))
        })
        .collect()
}

/// Runs to the end, with `input` on standard input.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Output {
    let mut child = start(command);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = thread::spawn(move || {
        // A program that fails at once reads nothing.
        let _unread = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// Starts, all three streams in our hands.
pub(crate) fn start(command: &mut Command) -> Child {
    let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    streams.spawn().unwrap()
}

/// Sends a signal, by its name, to a program of ours.
pub(crate) fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
}

/// What a program has printed.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What it has said.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
