//! Every operator shows itself at work: its documentation has an example, which is also a test.

use crate::sources::{assert_none, library};

/// Where the operators are written.
const FILES: &[&str] = &[
    "foreign_key_joins.rs",
    "global_joins.rs",
    "grouped_stream.rs",
    "grouped_table.rs",
    "kstream.rs",
    "ktable.rs",
    "process.rs",
    "stream_table_joins.rs",
    "suppress.rs",
    "table_joins.rs",
];

/// Methods that are no operators.
const NO_OPERATORS: &[(&str, &str)] = &[("named", "gives the last node a name")];

#[test]
fn every_operator_has_an_example() {
    let mut found = Vec::new();
    let mut seen = 0;
    for source in library() {
        let Some(file) = source.below("streams").and_then(|file| file.strip_prefix("dsl/")) else {
            continue;
        };
        if !FILES.contains(&file) {
            continue;
        }
        let mut has_example = false;
        for (number, line) in source.text.lines().map(str::trim).enumerate() {
            if line.starts_with("///") {
                has_example |= line.starts_with("/// ```");
            } else if let Some(method) = line.strip_prefix("pub fn ") {
                let name = method.split(['(', '<']).next().unwrap_or_default();
                seen += 1;
                let exempt =
                    name.starts_with("try_") || NO_OPERATORS.iter().any(|(n, _)| *n == name);
                if !has_example && !exempt {
                    found.push(format!("{}:{}: {name}", source.path, number + 1));
                }
                has_example = false;
            } else if !line.starts_with("#[") {
                has_example = false;
            }
        }
    }
    assert!(seen > 40, "only {seen} operators were found");
    assert_none(&found, "operators without an example");
}
