//! Reads the sources of the workspace.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file.
pub(crate) struct Source {
    /// Its path from the top of the workspace, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// Its lines that are code of the library, numbered from 1: no comments, no tests.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test = self.path.ends_with("tests.rs") || self.path.contains("/tests/");
        let lines = self.text.lines().take_while(move |line| !is_test && *line != "#[cfg(test)]");
        lines.enumerate().map(|(number, line)| (number + 1, without_comment(line)))
    }

    /// Its name below `crates/<name>/src/`, if it is there.
    pub(crate) fn below(&self, name: &str) -> Option<&str> {
        self.path.strip_prefix("crates/")?.strip_prefix(name)?.strip_prefix("/src/")
    }
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with("//") {
        return "";
    }
    line.split_once(" // ").map_or(line, |(code, _)| code)
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is in the workspace").into()
}

/// All Rust files in the `src` folders of the crates.
pub(crate) fn library() -> Vec<Source> {
    let mut sources = Vec::new();
    for member in fs::read_dir(top().join("crates")).expect("the workspace has crates") {
        gather(&member.expect("a folder can be listed").path().join("src"), &mut sources);
    }
    assert!(sources.len() > 50, "only {} files were found", sources.len());
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

fn gather(folder: &Path, sources: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            gather(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("sources are text");
            let path = path.strip_prefix(top()).expect("the file is below the top");
            sources.push(Source { path: path.display().to_string().replace('\\', "/"), text });
        }
    }
}

/// The manifest of a crate.
pub(crate) fn manifest(name: &str) -> String {
    let path = top().join("crates").join(name).join("Cargo.toml");
    fs::read_to_string(path).expect("the crate has a manifest")
}

/// Fails with all that was found.
#[track_caller]
pub(crate) fn assert_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}
