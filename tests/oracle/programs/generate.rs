//! Random programs with nasty input.

use super::super::case::{Hex, RawRecord};
use super::program::{Kind, Operator, Program, Step};
use super::random::Random;
use super::soundness::{has_bare_sessions, is_sound};

const TOPICS: &[&str] = &["a", "b", "c", "d"];
const VALUES: &[&str] = &["mark", "lower", "null_c", "show", "first", "key"];
const KEYS: &[&str] = &["first", "value", "const", "same", "null_b", "upper"];
const PREDICATES: &[&str] = &["not_a", "short", "has_key", "has_value", "even"];
const JOINERS: &[&str] = &["plus", "plus", "plus", "null_same", "left", "right"];
const REDUCERS: &[&str] = &["concat", "concat", "max", "last", "null_b"];
const INNER_LEFT: &[&str] = &["inner", "left"];
const ALL_KINDS: &[&str] = &["inner", "left", "outer"];
const OF_STREAMS: &[&str] = &[
    "map_values",
    "map",
    "select_key",
    "filter",
    "filter_not",
    "flat_map",
    "flat_map_values",
    "peek",
    "split",
    "repartition",
    "to_table",
    "aggregate",
    "aggregate",
    "aggregate",
    "aggregate",
];
const OF_TABLES: &[&str] = &[
    "table_filter",
    "table_map_values",
    "table_aggregate",
    "table_aggregate",
    "suppress",
    "to_stream",
    "to_stream",
];
const OF_WINDOWS: &[&str] = &["table_filter", "table_map_values", "suppress", "to_stream"];
const PAIRS: &[&str] = &[
    "merge",
    "stream_join",
    "stream_join",
    "join_table",
    "join_global",
    "table_join",
    "table_join",
    "foreign_key_join",
    "foreign_key_join",
    "foreign_key_join",
    "cogroup",
];

fn one_of(random: &mut Random, choices: &[&str]) -> Option<String> {
    Some(random.pick(choices).to_owned())
}

/// The program of a seed.
pub(super) fn program(seed: u64) -> Program {
    let mut random = Random::new(seed);
    let mut program = Program::default();
    if random.chance(400) {
        program.config.insert("statestore.cache.max.bytes".to_owned(), "0".to_owned());
    }
    // The scale of time: some windows reach over several segments of a store.
    let unit = random.pick(&[1, 1, 1, 1000, 20_000]);
    let sources = random.pick(&[1, 2, 2, 3, 3, 4]);
    for topic in &TOPICS[..sources] {
        let op = random.pick(&["stream", "stream", "table", "table", "table", "global_table"]);
        let operator = source(&mut random, program.operators.len(), op, topic, unit);
        program.operators.push(operator);
    }
    let wanted = program.operators.len() + random.between(1, 7) as usize;
    for _ in 0..200 {
        if program.operators.len() >= wanted {
            break;
        }
        let kinds = program.kinds();
        let operator = operator(&mut random, &kinds, unit);
        let is_split = operator.is("split");
        program.operators.push(operator);
        if !is_sound(&program) {
            program.operators.pop();
        } else if is_split {
            let split = program.operators.len() - 1;
            for index in 0..2 {
                let op = "branch".to_owned();
                let branch = Operator { op, of: vec![split], index, ..Operator::default() };
                program.operators.push(branch);
            }
        }
    }
    write_ends(&mut random, &mut program);
    let steps = random.between(5, 40);
    let mut now = random.pick(&[0, 5, 100, 1_000_000]);
    if unit > 1000 {
        now += 10_000_000;
    }
    let topics: Vec<&str> = TOPICS[..sources].to_vec();
    program.steps = (0..steps).map(|_| step(&mut random, &topics, &mut now, unit)).collect();
    if has_bare_sessions(&program) {
        program.steps.iter_mut().for_each(|step| step.input.headers.clear());
    }
    program
}

fn source(random: &mut Random, place: usize, op: &str, topic: &str, unit: u64) -> Operator {
    let store = (op != "stream").then(|| format!("s{place}"));
    let versioned = (op == "table" && random.chance(250)).then(|| unit * random.between(0, 60));
    let (op, topic) = (op.to_owned(), Some(topic.to_owned()));
    Operator { op, topic, store, versioned, ..Operator::default() }
}

fn any_of(random: &mut Random, kinds: &[Kind], wanted: Kind) -> Option<usize> {
    let found: Vec<usize> = (0..kinds.len()).filter(|at| kinds[*at] == wanted).collect();
    (!found.is_empty()).then(|| random.pick(&found))
}

fn operator(random: &mut Random, kinds: &[Kind], unit: u64) -> Operator {
    let place = kinds.len();
    let mut operator = Operator::default();
    if random.chance(400) {
        let op = random.pick(PAIRS);
        let (left, right) = match op {
            "merge" | "stream_join" | "cogroup" => (Kind::Stream, Kind::Stream),
            "join_table" => (Kind::Stream, Kind::Table),
            "join_global" => (Kind::Stream, Kind::GlobalTable),
            _ => (Kind::Table, Kind::Table),
        };
        let left = any_of(random, kinds, left);
        operator.of = left.into_iter().chain(any_of(random, kinds, right)).collect();
        operator.op = op.to_owned();
    } else {
        let of = random.below(place as u64) as usize;
        let ops = match kinds[of] {
            Kind::Stream => OF_STREAMS,
            Kind::Table => OF_TABLES,
            Kind::Windows | Kind::Sessions => OF_WINDOWS,
            _ => &["none"],
        };
        operator.op = random.pick(ops).to_owned();
        operator.of = vec![of];
    }
    let name = format!("n{place}");
    let store = Some(format!("s{place}"));
    if random.chance(500) {
        operator.name = Some(name.clone());
    }
    operator.f = match operator.op.as_str() {
        "map_values" | "map" | "table_map_values" => one_of(random, VALUES),
        "filter" | "filter_not" | "table_filter" | "split" => one_of(random, PREDICATES),
        "aggregate" | "table_aggregate" | "cogroup" => one_of(random, REDUCERS),
        op if op.contains("join") => one_of(random, JOINERS),
        _ => None,
    };
    match operator.op.as_str() {
        "map" | "select_key" | "join_global" => operator.by = one_of(random, KEYS),
        "to_table" => operator.store = store.clone(),
        "aggregate" => {
            if random.chance(400) {
                operator.by = one_of(random, KEYS);
            }
            operator.store = store.clone();
            operator.how = one_of(random, &["count", "reduce", "aggregate"]);
            windows(random, &mut operator, unit, 700);
            operator.no_cache = random.chance(150);
            operator.no_log = random.chance(50);
            if operator.windows.is_some() && random.chance(300) {
                operator.emit_final = true;
                // Kafka Streams never emits windows that the store no longer has.
                operator.retention = Some(1_000_000_000);
            }
        }
        "cogroup" => {
            operator.name = Some(name.clone());
            operator.store = store.clone();
            windows(random, &mut operator, unit, 700);
        }
        "stream_join" => {
            operator.store = Some(format!("j{place}"));
            operator.name = None;
            operator.kind = one_of(random, ALL_KINDS);
            operator.before = (unit * random.between(0, 20)) as i64;
            operator.after = (unit * random.between(0, 20)) as i64;
            operator.grace = unit * random.pick(&[0, 0, 3, 20]);
            if random.chance(100) {
                operator.before = -operator.after / 2;
            }
        }
        "join_table" => operator.kind = one_of(random, INNER_LEFT),
        "foreign_key_join" => {
            operator.kind = one_of(random, INNER_LEFT);
            operator.by = one_of(random, &["first", "value", "const"]);
            operator.name = Some(name.clone());
            operator.store = store.clone();
        }
        "table_aggregate" => {
            operator.by = one_of(random, KEYS);
            operator.how = one_of(random, &["count", "reduce", "aggregate"]);
            operator.store = store.clone();
            operator.name = Some(name.clone());
        }
        "suppress" => {
            operator.name = Some(name.clone());
            operator.limit = unit * random.between(0, 30);
            operator.records = random.chance(300).then(|| random.between(1, 3) as usize);
        }
        "table_join" => {
            operator.kind = one_of(random, ALL_KINDS);
            if operator.f() != "plus" {
                operator.store = store.clone();
            }
        }
        _ => {}
    }
    if operator.op == "join_global" {
        operator.kind = one_of(random, INNER_LEFT);
    }
    let is_view = ["table_filter", "table_map_values", "table_join"].contains(&&*operator.op);
    let of_windows = operator.of.first().is_some_and(|of| kinds[*of] != Kind::Table);
    if is_view && operator.store.is_none() && !of_windows && random.chance(400) {
        operator.store = store;
    }
    operator
}

fn windows(random: &mut Random, operator: &mut Operator, unit: u64, per_mille: u64) {
    if !random.chance(per_mille) {
        return;
    }
    operator.windows = one_of(random, &["tumbling", "hopping", "sliding", "session"]);
    operator.size = unit * random.between(1, 20);
    operator.advance = 1 + operator.size / random.between(1, 4);
    operator.advance = operator.advance.min(operator.size);
    operator.grace = unit * random.pick(&[0, 0, 3, 10, 30]);
}

/// Writes what nobody takes to a topic of its own, and now and then something else too.
fn write_ends(random: &mut Random, program: &mut Program) {
    let kinds = program.kinds();
    for (at, kind) in kinds.into_iter().enumerate() {
        let is_taken = program.operators.iter().any(|operator| operator.of.contains(&at));
        let has_records = !matches!(kind, Kind::Branches | Kind::GlobalTable | Kind::Nothing);
        if has_records && (!is_taken || random.chance(150)) {
            let (op, topic) = ("to".to_owned(), Some(format!("out{at}")));
            program.operators.push(Operator { op, of: vec![at], topic, ..Operator::default() });
        }
    }
}

fn step(random: &mut Random, topics: &[&str], now: &mut u64, unit: u64) -> Step {
    let text = |text: &str| Some(Hex(text.as_bytes().to_vec()));
    let key = match random.below(20) {
        0 => None,
        1 => text(""),
        _ => text(random.pick(&["a", "b", "k"])),
    };
    let value = match random.below(20) {
        0..3 => None,
        3 => text(""),
        4 => text("Dd"),
        _ => text(random.pick(&["a", "b", "c", "d", "ab", "bc"])),
    };
    let ts = match random.below(20) {
        0..3 => *now,
        3..6 => now.saturating_sub(unit * random.between(1, 15)),
        6 => now.saturating_sub(unit * random.between(15, 80)),
        7 => {
            *now += random.pick(&[unit * 100, 60_000, 130_000, 400_000]);
            *now
        }
        8 => {
            *now += unit * random.between(10, 50);
            *now
        }
        _ => {
            *now += unit * random.between(0, 6) + random.below(2);
            *now
        }
    };
    let headers = match random.below(6) {
        0 => vec![("h".to_owned(), text("1"))],
        1 => vec![("h".to_owned(), None), ("g".to_owned(), text(""))],
        _ => Vec::new(),
    };
    let topic = random.pick(topics).to_owned();
    Step { input: RawRecord { topic, key, value, ts: Some(ts as i64), headers } }
}
