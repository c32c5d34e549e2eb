//! Which programs have one right answer. Where records of one step reach an operator on two ways of
//! different length, one of them through a topic, their order is nobody's promise; and where Kafka
//! Streams is known to be wrong (`exceptions.rs`), nothing is to be compared.

use std::collections::BTreeSet;

use super::program::{Kind, Operator, Program};

/// What is known of an operator's result.
#[derive(Clone, Debug)]
struct Known {
    kind: Kind,
    /// The topics its records come from.
    topics: BTreeSet<String>,
    /// It may give several records for one.
    bursts: bool,
    /// It has been, or will be before it is used by key, in a topic between.
    travels: bool,
    key_changed: bool,
    /// In a versioned store, or a view of one.
    versioned: bool,
    /// Old values that Kafka Streams forwards without a cache are those of the initializer.
    odd_old_values: bool,
}

/// Whether the program has one right answer.
pub(super) fn is_sound(program: &Program) -> bool {
    let mut known: Vec<Known> = Vec::new();
    for (place, operator) in program.operators.iter().enumerate() {
        if operator.of.iter().any(|of| *of >= place) {
            return false;
        }
        let takes: Vec<&Known> = operator.of.iter().map(|of| &known[*of]).collect();
        match understand(program, operator, &takes) {
            Some(next) => known.push(next),
            None => return false,
        }
    }
    // Kafka Streams fails ("segment interval has changed") where the gap of a session reaches further
    // than a segment before the epoch.
    let first = program.steps.iter().filter_map(|step| step.input.ts).min().unwrap_or(i64::MAX);
    let is_early = |operator: &Operator| {
        let is_session = operator.windows.as_deref() == Some("session");
        is_session && operator.size >= 60_000 && (operator.size as i64) > first
    };
    if program.operators.iter().any(is_early) {
        return false;
    }
    // Kafka Streams loses the headers of what updates a session without a cache.
    !has_bare_sessions(program) || program.steps.iter().all(|step| step.input.headers.is_empty())
}

/// Whether there are sessions without a cache.
pub(super) fn has_bare_sessions(program: &Program) -> bool {
    program.operators.iter().any(|operator| {
        operator.windows.as_deref() == Some("session") && !is_cached(program, operator)
    })
}

fn is_cached(program: &Program, operator: &Operator) -> bool {
    let cache = program.config.get("statestore.cache.max.bytes");
    cache.is_none_or(|bytes| bytes != "0") && !operator.no_cache
}

fn understand(program: &Program, operator: &Operator, takes: &[&Known]) -> Option<Known> {
    let fits = |wanted: &[&[Kind]]| {
        wanted.len() == takes.len()
            && wanted.iter().zip(takes).all(|(kinds, taken)| kinds.contains(&taken.kind))
    };
    const STREAM: &[Kind] = &[Kind::Stream];
    const TABLE: &[Kind] = &[Kind::Table];
    const TABLES: &[Kind] = &[Kind::Table, Kind::Windows, Kind::Sessions];
    let op = operator.op.as_str();
    let fitting = match op {
        "stream" | "table" | "global_table" => fits(&[]),
        "merge" | "stream_join" | "cogroup" => fits(&[STREAM, STREAM]),
        "join_table" => fits(&[STREAM, TABLE]),
        "join_global" => fits(&[STREAM, &[Kind::GlobalTable]]),
        "table_join" | "foreign_key_join" => fits(&[TABLE, TABLE]),
        "table_aggregate" => fits(&[TABLE]),
        "table_filter" | "table_map_values" | "suppress" | "to_stream" => fits(&[TABLES]),
        "branch" => fits(&[&[Kind::Branches]]),
        "to" => fits(&[&[Kind::Stream, Kind::Table, Kind::Windows, Kind::Sessions]]),
        _ => fits(&[STREAM]),
    };
    if !fitting {
        return None;
    }
    let mut next = Known {
        kind: operator.gives(takes.first().map(|taken| taken.kind)),
        topics: takes.iter().flat_map(|taken| taken.topics.iter().cloned()).collect(),
        bursts: takes.iter().any(|taken| taken.bursts),
        travels: takes.iter().any(|taken| taken.travels),
        key_changed: takes.iter().any(|taken| taken.key_changed),
        versioned: operator.versioned.is_some(),
        odd_old_values: takes.iter().any(|taken| taken.odd_old_values),
    };
    let cached = is_cached(program, operator);
    let by_key = matches!(op, "to_table" | "aggregate" | "cogroup" | "stream_join" | "join_table")
        || op == "repartition";
    if by_key && (next.key_changed || operator.by.is_some()) || op == "repartition" {
        next.travels = true;
    }
    let meets = takes.len() == 2 && !takes[0].topics.is_disjoint(&takes[1].topics);
    let mut sound = !(meets && (next.travels || op == "foreign_key_join"));
    match op {
        "stream" | "table" | "global_table" => next.topics.extend(operator.topic.clone()),
        "map" | "select_key" => next.key_changed = true,
        "flat_map" => {
            next.key_changed = true;
            next.bursts = true;
        }
        "flat_map_values" => next.bursts = true,
        "repartition" | "to_table" | "join_table" => next.key_changed = false,
        "aggregate" | "cogroup" => {
            next.key_changed = false;
            next.bursts |= operator.windows.is_some();
            // There Kafka Streams trips over a null.
            let is_sliding = operator.windows.as_deref() == Some("sliding");
            sound &= !(is_sliding && operator.f() == "null_b");
            next.odd_old_values = !cached;
            // Kafka Streams has no cache in front of these.
            next.odd_old_values |= operator.emit_final;
        }
        "stream_join" => {
            next.key_changed = false;
            next.bursts = true;
        }
        "table_join" => {
            // Where a table is joined with itself millstream differs on purpose: Kafka Streams loses
            // deletes, and sees one side before the other.
            sound &= !meets;
            // A null in a table without a store of its own is a value like others.
            sound &= operator.store.is_some() || operator.f() == "plus";
        }
        "foreign_key_join" => {
            sound &= takes.iter().all(|taken| !taken.bursts && !taken.versioned);
            sound &= !next.odd_old_values;
            next.travels = true;
            next.bursts = true;
        }
        "table_aggregate" => {
            sound &= !next.odd_old_values;
            next.travels = true;
            next.bursts = true;
        }
        "table_map_values" => sound &= operator.store.is_some() || operator.f() != "null_c",
        "table_filter" => sound &= !next.odd_old_values,
        "suppress" => {
            sound &= !takes[0].versioned && !next.odd_old_values;
            next.bursts = true;
        }
        "to_stream" if next.kind == Kind::Stream => {
            next.key_changed = takes[0].kind != Kind::Table;
        }
        _ => {}
    }
    let carries_versions = ["table_filter", "table_map_values"].contains(&op);
    next.versioned |= carries_versions && takes[0].versioned && operator.store.is_none();
    sound.then_some(next)
}
