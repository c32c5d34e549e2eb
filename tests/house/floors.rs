//! Floors: which module of the library may name which. Upward is nowhere to be found, so that each
//! can be read, tested and replaced knowing only what is below it.

use crate::sources::{assert_none, library, manifest};

/// Modules of `crates/streams`, each with those it may name. From low to high.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("record", &[]),
    ("error", &[]),
    ("windows", &["record"]),
    ("codec", &["error", "record"]),
    ("topic", &["error", "record", "codec"]),
    ("processor", &["error", "record", "codec", "topic"]),
    ("topology", &["error", "record", "codec", "topic", "processor"]),
    // Operators see their context and nothing of the graph they are in.
    ("operators", &["error", "record", "windows", "codec", "topic", "processor"]),
    (
        "dsl",
        &["error", "record", "windows", "codec", "topic", "processor", "topology", "operators"],
    ),
    // The runtime sees nodes, never operators.
    ("runtime", &["error", "record", "codec", "topic", "processor", "topology"]),
    ("client", &["error", "record", "codec", "topic", "processor", "runtime"]),
    ("query", &["error", "record", "codec", "topic", "processor", "topology", "runtime"]),
    (
        "testing",
        &[
            "error",
            "record",
            "codec",
            "topic",
            "processor",
            "topology",
            "dsl",
            "runtime",
            "client",
            "query",
        ],
    ),
];

/// Names from above that are there on purpose: the file, what it names, and why.
const ON_PURPOSE: &[(&str, &str, &str)] = &[];

/// The words after `crate::` in a line.
fn named(line: &str) -> impl Iterator<Item = &str> {
    let parts = line.split("crate::").skip(1).filter(|_| !line.contains("$crate::"));
    parts.map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

#[test]
fn no_module_names_one_above_it() {
    let mut found = Vec::new();
    for source in library() {
        let Some(file) = source.below("streams") else { continue };
        let module = file.split(['/', '.']).next().unwrap_or_default();
        if module == "lib" {
            continue;
        }
        let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == module) else {
            found.push(format!("{}: the module '{module}' has no floor yet", source.path));
            continue;
        };
        for (number, line) in source.code() {
            for word in named(line) {
                let listed = ON_PURPOSE.iter().any(|(f, name, _)| *f == file && *name == word);
                if word != module && !allowed.contains(&word) && !listed {
                    let what = if word.is_empty() { "{..}" } else { word };
                    found.push(format!("{}:{number}: crate::{what}", source.path));
                }
            }
        }
    }
    assert_none(&found, "named from below, or not by the module it is in");
}

#[test]
fn the_table_names_only_modules_further_down() {
    for (place, (module, allowed)) in MAY_NAME.iter().enumerate() {
        let below: Vec<_> = MAY_NAME[..place].iter().map(|(name, _)| *name).collect();
        assert!(allowed.iter().all(|name| below.contains(name)), "{module}");
    }
    let files: Vec<_> = library();
    for (file, name, why) in ON_PURPOSE {
        let source = files.iter().find(|source| source.below("streams") == Some(file));
        let words = source.map(|s| s.code().any(|(_, line)| named(line).any(|word| word == *name)));
        assert_eq!(
            words,
            Some(true),
            "{file} names {name} no longer ({why}): take it off the list"
        );
    }
}

#[test]
fn broker_and_state_know_nobody() {
    for name in ["broker", "state"] {
        let manifest = manifest(name);
        let own = format!("millstream-{name}");
        let others = manifest.lines().filter(|line| line.starts_with("millstream"));
        let others: Vec<_> =
            others.filter(|line| !line.starts_with(&own)).map(str::to_owned).collect();
        assert_none(&others, &format!("{own} depends on a crate of the workspace"));
        let named = library().into_iter().filter(|source| source.below(name).is_some());
        let named: Vec<_> = named
            .flat_map(|source| {
                let lines = source.code().filter(|(_, line)| {
                    line.replace(&format!("millstream_{name}"), "").contains("millstream_")
                });
                lines.map(|(number, _)| format!("{}:{number}", source.path)).collect::<Vec<_>>()
            })
            .collect();
        assert_none(&named, &format!("{own} names a crate of the workspace"));
    }
}

/// The adapters of real systems are the only ones to name their clients.
#[test]
fn no_client_library_above_the_port() {
    let mut found = Vec::new();
    for source in library() {
        let is_adapter = source.below("broker").is_some_and(|file| file.starts_with("kafka"));
        for (number, line) in source.code().filter(|_| !is_adapter) {
            if line.contains("rdkafka::") {
                found.push(format!("{}:{number}", source.path));
            }
        }
    }
    assert_none(&found, "rdkafka is named outside its adapter");
}
