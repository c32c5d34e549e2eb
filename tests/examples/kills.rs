//! `word_count` is killed at any moment, and the next run ends with the right counts.

use std::fs::OpenOptions;
use std::io::Write;
use std::thread;
use std::time::Duration;

use crate::program::{example, run, start, stderr, stdout};
use crate::text::{Numbers, counted};

const KILLS: usize = 24;
/// Longest time before a kill. A run takes about as long.
const LONGEST_MS: u64 = 700;

#[test]
fn counts_are_exact_after_every_kill() {
    let folder = tempfile::tempdir().unwrap();
    let (file, dir) = (folder.path().join("text"), folder.path().join("dir"));
    let mut file_end = OpenOptions::new().create(true).append(true).open(&file).unwrap();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut text = Vec::new();
    for kill in 0..KILLS {
        let new = numbers.text(100_000);
        file_end.write_all(&new).unwrap();
        text.extend_from_slice(&new);
        let mut killed = start(example("word_count").arg("--dir").arg(&dir).arg(&file));
        thread::sleep(Duration::from_millis(numbers.below(LONGEST_MS)));
        killed.kill().unwrap();
        killed.wait().unwrap();
        // Every third time it is killed again before it may finish.
        if kill % 3 == 0 {
            continue;
        }
        let output =
            run(example("word_count").args(["--top", "0", "--dir"]).arg(&dir).arg(&file), b"");
        assert!(output.status.success(), "after kill {kill}: {}", stderr(&output));
        assert!(stdout(&output) == counted(&text), "after kill {kill} the counts are wrong");
    }
}
