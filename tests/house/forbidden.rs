//! What library code does not do, except where it is named here.

use crate::sources::{assert_none, library};

/// What is looked for, and the files (or folders, with `/` at the end) in which it may be, each with
/// the reason.
const FORBIDDEN: &[(&str, &[(&str, &str)])] = &[
    (".unwrap()", &[]),
    ("todo!", &[]),
    ("unimplemented!", &[]),
    ("dbg!", &[]),
    ("unsafe ", &[("crates/broker/src/kafka/ffi/", "librdkafka is a C library")]),
    ("println!", &[]),
    ("Instant::now", &[("crates/broker/src/clock.rs", "the clock of the system")]),
    ("SystemTime::now", &[("crates/broker/src/clock.rs", "the clock of the system")]),
    ("thread::spawn", &[]),
    (
        "thread::Builder",
        &[
            ("crates/streams/src/runtime/app_thread.rs", "the stream threads"),
            ("crates/broker/src/kafka/ffi/client.rs", "a client may take long to be destroyed"),
            ("crates/broker/src/kafka/bounded.rs", "a call may never come back"),
            ("crates/broker/src/kafka/wire/threads.rs", "fetching ahead"),
        ],
    ),
    ("thread::sleep", &[]),
    ("process::exit", &[]),
];

/// Whether a file is the one that is named, or in the folder that is.
fn is_in(file: &str, path: &str) -> bool {
    file == path || path.ends_with('/') && file.starts_with(path)
}

#[test]
fn nothing_forbidden_outside_the_named_files() {
    let mut found = Vec::new();
    for source in library() {
        for (word, files) in FORBIDDEN {
            if files.iter().any(|(path, _)| is_in(&source.path, path)) {
                continue;
            }
            let lines = source.code().filter(|(_, line)| line.contains(word));
            found.extend(
                lines.map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim())),
            );
        }
    }
    assert_none(&found, "forbidden in library code");
}

#[test]
fn the_named_files_need_it() {
    let files = library();
    for (word, allowed) in FORBIDDEN {
        for (path, why) in *allowed {
            let mut sources = files.iter().filter(|source| is_in(&source.path, path));
            let needs = sources.any(|source| source.code().any(|(_, line)| line.contains(word)));
            assert!(needs, "{path} has no {word} any longer ({why}): take it off the list");
        }
    }
}
