//! Which programs have one right answer. Where records of one step reach an operator on two ways of
//! different length, one of them through a topic, their order is nobody's promise; and where Kafka
//! Streams is known to be wrong (`exceptions.rs`), nothing is to be compared.

use std::collections::BTreeSet;

use millstream::Optimization;

use super::program::{Kind, Operator, Program};

/// Stands for the wall clock among the topics that records come from.
const WALL_CLOCK: &str = "the wall clock";

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
    /// A table behind a suppression, without a store of its own.
    suppressed: bool,
    /// Its records may have no key.
    keyless: bool,
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
        let Some(next) = understand(program, operator, &takes) else { return false };
        // Processors with one store see what the other does.
        let sharing = program.operators[..place].iter().zip(&known);
        let mut sharing = sharing.filter(|(other, _)| other.shares_store(operator));
        if sharing.any(|(_, other)| {
            (other.travels || next.travels) && !other.topics.is_disjoint(&next.topics)
        }) {
            return false;
        }
        known.push(next);
    }
    if program.optimization() != Optimization::None && moved_nodes_lose_records(program, &known) {
        return false;
    }
    // Kafka Streams fails ("segment interval has changed") where the gap of a session reaches further
    // than a segment before the epoch.
    let times = program.steps.iter().filter_map(|step| step.input.as_ref()?.ts);
    let first = times.min().unwrap_or(i64::MAX);
    let is_early = |operator: &Operator| {
        let is_session = operator.windows.as_deref() == Some("session");
        is_session && operator.size >= 60_000 && (operator.size as i64) > first
    };
    if program.operators.iter().any(is_early) {
        return false;
    }
    // Kafka's test driver has one time for all sub-topologies, millstream's one for each, as the
    // application has in both.
    let is_told_the_time = |operator: &Operator| operator.is("process") && operator.how() == "tick";
    let ticks = program.operators.iter().any(is_told_the_time);
    if ticks && (known.iter().any(|known| known.travels) || !is_connected(program)) {
        return false;
    }
    // Kafka Streams loses the headers of what updates a session without a cache.
    let mut inputs = program.steps.iter().filter_map(|step| step.input.as_ref());
    let makes_headers = program.operators.iter().any(|operator| operator.how() == "twice");
    !has_bare_sessions(program) || !makes_headers && inputs.all(|input| input.headers.is_empty())
}

/// Whether all that is not global is one sub-topology, when there are no topics between.
fn is_connected(program: &Program) -> bool {
    let operators = &program.operators;
    let mut group: Vec<usize> = (0..operators.len()).collect();
    let unite = |group: &mut Vec<usize>, a: usize, b: usize| {
        let (from, to) = (group[a], group[b]);
        group.iter_mut().filter(|each| **each == from).for_each(|each| *each = to);
    };
    for (place, operator) in operators.iter().enumerate() {
        for of in operator.of.iter().filter(|of| !operators[**of].is("global_table")) {
            unite(&mut group, place, *of);
        }
        let mut earlier = operators[..place].iter();
        if let Some(sharing) = earlier.position(|other| other.shares_store(operator)) {
            unite(&mut group, place, sharing);
        }
    }
    let mut groups =
        (0..operators.len()).filter(|at| !operators[*at].is("global_table")).map(|at| group[at]);
    let first = groups.next();
    groups.all(|group| Some(group) == first)
}

/// Whether a filter that has come behind a repartition topic hands records without a key to others too:
/// Kafka Streams loses them.
fn moved_nodes_lose_records(program: &Program, known: &[Known]) -> bool {
    let operators = &program.operators;
    let users = |place: usize| operators.iter().filter(|user| user.of.contains(&place)).count();
    let moves = ["filter", "filter_not", "peek", "split", "branch"];
    operators.iter().filter(|operator| is_by_key(operator)).flat_map(|operator| &operator.of).any(
        |of| {
            let (mut place, mut shared) = (*of, false);
            while moves.contains(&&*operators[place].op) {
                shared |= users(place) > 1 || operators[place].is("split");
                place = operators[place].of[0];
            }
            shared && known[*of].key_changed && known[place].keyless
        },
    )
}

/// Whether it is repartitioned for where the key has changed.
fn is_by_key(operator: &Operator) -> bool {
    let by_key = ["to_table", "aggregate", "cogroup", "stream_join", "join_table"];
    by_key.contains(&&*operator.op)
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
        "by_hand" => fits(&[]),
        "join_table" => fits(&[STREAM, TABLE]),
        "join_global" => fits(&[STREAM, &[Kind::GlobalTable]]),
        "table_join" | "foreign_key_join" => fits(&[TABLE, TABLE]),
        "table_aggregate" => fits(&[TABLE]),
        "table_transform_values" => fits(&[TABLE]),
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
        suppressed: operator.store.is_none() && takes.iter().any(|taken| taken.suppressed),
        keyless: takes.first().is_none_or(|taken| taken.keyless),
        odd_old_values: takes.iter().any(|taken| taken.odd_old_values),
    };
    let cached = is_cached(program, operator);
    let changed = next.key_changed || operator.by.is_some();
    if is_by_key(operator) && changed || op == "repartition" {
        next.travels = true;
    }
    let meets = takes.len() == 2 && !takes[0].topics.is_disjoint(&takes[1].topics);
    let mut sound = !(meets && (next.travels || op == "foreign_key_join"));
    match op {
        "stream" | "table" | "global_table" => next.topics.extend(operator.topic.clone()),
        "map" | "select_key" => {
            next.key_changed = true;
            next.keyless = true;
        }
        "flat_map" => {
            next.key_changed = true;
            next.keyless = true;
            next.bursts = true;
        }
        "filter" => next.keyless &= operator.f() != "has_key",
        // Past these Kafka Streams moves a repartition topic too, whatever they make of keys and values.
        "join_global" => sound &= program.optimization() == Optimization::None || !next.key_changed,
        "process" => {
            sound &= program.optimization() == Optimization::None || !next.key_changed;
            next.key_changed = true;
            next.bursts = true;
            match operator.how() {
                // Any record may move the time, and so may the wall clock.
                "tick" => next.topics.extend(program.topics()),
                "tick_wall" => {
                    next.topics.insert(WALL_CLOCK.to_owned());
                }
                _ => {}
            }
        }
        "flat_map_values" => next.bursts = true,
        "join_table" => {
            // What a suppression lets go Kafka Streams' table has only afterwards.
            sound &= !(meets && takes[1].suppressed);
            next.key_changed = false;
            if operator.grace > 0 {
                let table = &program.operators[*operator.of.last()?];
                sound &= table.versioned.is_some_and(|history| history >= operator.grace);
                // Kafka Streams trips over a null key.
                sound &= operator.kind() == "inner" || !next.keyless;
                next.bursts = true;
            }
        }
        "repartition" | "to_table" => next.key_changed = false,
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
            // Kafka Streams loses there what finds no partner.
            let optimized = program.optimization() != Optimization::None;
            let is_self_join = operator.of.first() == operator.of.last();
            sound &= !(optimized && is_self_join && operator.kind() != "inner");
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
            next.suppressed = true;
            next.bursts = true;
        }
        "to_stream" if next.kind == Kind::Stream => {
            next.key_changed = takes[0].kind != Kind::Table;
        }
        _ => {}
    }
    let carries_versions =
        ["table_filter", "table_map_values", "table_transform_values"].contains(&op);
    next.versioned |= carries_versions && takes[0].versioned && operator.store.is_none();
    sound.then_some(next)
}
