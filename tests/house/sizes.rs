//! Sizes: a file is named after the one thing it holds, and holds not much more.

use crate::sources::{assert_none, library};

const LONGEST: usize = 500;
const LONGEST_LIB: usize = 150;

/// Files that may be longer, each with the reason.
const LONGER: &[(&str, &str)] = &[];

const NOBODYS: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "shared_utils"];

#[test]
fn files_are_short() {
    let mut found = Vec::new();
    for source in library() {
        let lines = source.text.lines().count();
        let limit = if source.path.ends_with("/src/lib.rs") { LONGEST_LIB } else { LONGEST };
        let listed = LONGER.iter().any(|(path, _)| *path == source.path);
        if lines > limit && !listed {
            found.push(format!("{}: {lines} lines", source.path));
        }
        if lines <= limit && listed {
            found.push(format!("{}: no longer too long, take it off the list", source.path));
        }
    }
    assert_none(&found, "too long");
}

#[test]
fn no_file_is_a_place_for_everything() {
    let mut found = Vec::new();
    for source in library() {
        let parts = source.path.split(['/', '.']);
        if parts.into_iter().any(|part| NOBODYS.contains(&part)) {
            found.push(source.path.clone());
        }
        for (number, line) in source.code() {
            let declared = line.trim().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
            let declared = declared.strip_prefix("mod ").unwrap_or_default();
            if NOBODYS.contains(&declared.trim_end_matches([';', '{', ' '])) {
                found.push(format!("{}:{number}", source.path));
            }
        }
    }
    assert_none(&found, "named after nothing");
}
