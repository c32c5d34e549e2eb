//! Each record is joined with what came out for its key before: a global table of the program's own
//! output. What it finds may be old, but it is something that was committed.

use millstream::{StreamsBuilder, Topology};

use crate::log::Entry;
use crate::scenario::Scenario;

pub(super) fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    let echo = builder.global_table::<String, String>("out", "echo");
    builder
        .stream::<String, String>("in-0")
        .left_join_global_table(
            &echo,
            |key, _| Some(key.clone()),
            |_, value, last| {
                let last = last.as_deref().and_then(|last| last.split_whitespace().next());
                format!("{value} {}", last.unwrap_or("-"))
            },
        )
        .to("out");
    builder.build().expect("the topology is sound")
}

pub(super) fn watch(scenario: &Scenario, earlier: &[Entry], new: &Entry) -> Result<(), String> {
    super::pass::watch(earlier, new)?;
    let Some(found) = new.text().split_whitespace().nth(1).filter(|found| *found != "-") else {
        return Ok(());
    };
    let mut of_key = earlier.iter().filter(|entry| entry.key == new.key);
    if scenario.exactly_once && !of_key.any(|entry| entry.id().to_string() == found) {
        return Err(format!(
            "key {}: record {} found {found}, which never came",
            String::from_utf8_lossy(&new.key),
            new.id()
        ));
    }
    Ok(())
}
