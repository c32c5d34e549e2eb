//! Random programs with nasty input.

use millstream::Optimization;

use super::super::case::{Hex, RawRecord};
use super::program::{Kind, OPTIMIZATION, Operator, Program, Step};
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
    "process",
    "process",
    "process_values",
    "aggregate",
    "aggregate",
    "aggregate",
    "aggregate",
];
/// What repartition topics are moved past under optimization, and what asks for them.
const MOVING: &[&str] = &[
    "select_key",
    "map",
    "flat_map",
    "filter",
    "filter_not",
    "peek",
    "split",
    "to_table",
    "aggregate",
    "aggregate",
    "aggregate",
];
const OF_TABLES: &[&str] = &[
    "table_filter",
    "table_map_values",
    "table_transform_values",
    "table_aggregate",
    "table_aggregate",
    "suppress",
    "to_stream",
    "to_stream",
];
const OF_WINDOWS: &[&str] = &["table_filter", "table_map_values", "suppress", "to_stream"];
const WINDOWS: &[&str] = &[
    "tumbling",
    "tumbling",
    "hopping",
    "hopping",
    "sliding",
    "sliding",
    "session",
    "session",
    "unlimited",
];
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
    if random.chance(250) {
        program.config.insert(OPTIMIZATION.to_owned(), "all".to_owned());
    }
    // The scale of time: some windows reach over several segments of a store.
    let unit = random.pick(&[1, 1, 1, 1000, 20_000]);
    let sources = random.pick(&[1, 2, 2, 3, 3, 4]);
    for topic in &TOPICS[..sources] {
        let op = match random.below(13) {
            0..4 => "stream",
            4..10 => "table",
            10..12 => "global_table",
            _ => "by_hand",
        };
        let operator = source(&mut random, program.operators.len(), op, topic, unit);
        program.operators.push(operator);
    }
    let moves_topics = program.optimization() != Optimization::None && random.chance(500);
    let wanted = program.operators.len() + random.between(1, 7) as usize;
    for _ in 0..200 {
        if program.operators.len() >= wanted {
            break;
        }
        let kinds = program.kinds();
        let operator = operator(&mut random, &program, &kinds, unit, moves_topics);
        let (is_split, children) = (operator.is("split"), operator.children.clone());
        program.operators.push(operator);
        if !is_sound(&program) {
            program.operators.pop();
            continue;
        }
        let parent = program.operators.len() - 1;
        let child = Operator { of: vec![parent], ..Operator::default() };
        if is_split {
            program.operators.extend((0..2).map(|index| {
                let op = "branch".to_owned();
                Operator { op, index, ..child.clone() }
            }));
        }
        program.operators.extend(children.into_iter().map(|name| {
            let (op, f) = ("map_values".to_owned(), one_of(&mut random, VALUES));
            Operator { op, f, name: Some(name), ..child.clone() }
        }));
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
        let inputs = program.steps.iter_mut().filter_map(|step| step.input.as_mut());
        inputs.for_each(|input| input.headers.clear());
    }
    program
}

fn source(random: &mut Random, place: usize, op: &str, topic: &str, unit: u64) -> Operator {
    let store = (op != "stream").then(|| format!("s{place}"));
    let versioned = (op == "table" && random.chance(250)).then(|| unit * random.between(0, 60));
    let by_hand = op == "by_hand";
    let name = by_hand.then(|| format!("n{place}"));
    let (op, topic) = (op.to_owned(), Some(topic.to_owned()));
    let mut operator = Operator { op, topic, store, versioned, name, ..Operator::default() };
    if by_hand {
        operator.kind = one_of(random, &["plain", "timestamped"]);
        operator.no_cache = random.chance(300);
    }
    operator
}

fn any_of(random: &mut Random, kinds: &[Kind], wanted: Kind) -> Option<usize> {
    let found: Vec<usize> = (0..kinds.len()).filter(|at| kinds[*at] == wanted).collect();
    (!found.is_empty()).then(|| random.pick(&found))
}

fn operator(
    random: &mut Random,
    program: &Program,
    kinds: &[Kind],
    unit: u64,
    moves_topics: bool,
) -> Operator {
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
            Kind::Stream if moves_topics => MOVING,
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
            let may_close = operator.windows.as_deref().is_some_and(|it| it != "unlimited");
            if may_close && random.chance(300) {
                operator.emit_final = true;
                // Kafka Streams never emits windows that the store no longer has.
                operator.retention = Some(1_000_000_000);
            }
        }
        "cogroup" => {
            operator.name = Some(name.clone());
            operator.store = store.clone();
            windows(random, &mut operator, unit, 700);
            // Kafka Streams' caches show what the store no longer has, when one stream is far ahead.
            let ends = operator.windows.as_deref().is_some_and(|windows| windows != "unlimited");
            operator.retention = ends.then_some(1_000_000_000);
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
        "join_table" => {
            operator.kind = one_of(random, INNER_LEFT);
            let versioned = program.operators.get(*operator.of.last().unwrap_or(&0));
            let versioned = versioned.and_then(|table| table.versioned);
            if let Some(history @ 1..) = versioned.filter(|_| random.chance(600)) {
                operator.grace = random.between(1, history);
                operator.name = Some(name.clone());
            }
        }
        "process" => {
            let hows = ["last", "last", "tick", "tick_wall", "twice", "route"];
            operator.how = one_of(random, &hows);
            processor(random, program, &mut operator, unit);
        }
        "process_values" => {
            operator.how = one_of(random, &["last"]);
            processor(random, program, &mut operator, unit);
        }
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
    if operator.op.ends_with("aggregate") && random.chance(250) {
        let earlier =
            program.operators.iter().filter(|it| it.op == operator.op && it.name.is_some());
        let earlier: Vec<&Operator> = earlier.collect();
        if !earlier.is_empty() {
            let shared = random.pick(&earlier);
            operator.of.clone_from(&shared.of);
            operator.by.clone_from(&shared.by);
            operator.name.clone_from(&shared.name);
        }
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

/// What a processor written by hand has besides: a store, which it may share with an earlier one, how
/// often or how much later, and its children.
fn processor(random: &mut Random, program: &Program, operator: &mut Operator, unit: u64) {
    let place = program.operators.len();
    operator.size = unit * random.between(1, 20);
    match operator.how() {
        "twice" => {}
        "route" => operator.children = (1..=2).map(|n| format!("n{}", place + n)).collect(),
        how => {
            let kinds: &[&str] = match how {
                "last" => &["plain", "timestamped", "window"],
                _ => &["plain", "timestamped"],
            };
            operator.kind = one_of(random, kinds);
            // As above: a cache shows what the store no longer has.
            operator.no_cache = random.chance(300) || operator.kind() == "window";
            operator.no_log = random.chance(50);
            operator.store = Some(format!("s{place}"));
            let of_this_kind =
                |other: &&Operator| other.op.starts_with("process") && other.kind == operator.kind;
            let shared: Vec<&Operator> = program.operators.iter().filter(of_this_kind).collect();
            if !shared.is_empty() && random.chance(500) {
                let shared = random.pick(&shared);
                operator.store = shared.store.clone();
                operator.no_cache = shared.no_cache;
                operator.no_log = shared.no_log;
            }
        }
    }
}

fn windows(random: &mut Random, operator: &mut Operator, unit: u64, per_mille: u64) {
    if !random.chance(per_mille) {
        return;
    }
    operator.windows = one_of(random, WINDOWS);
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
            if !is_sound(program) {
                program.operators.pop();
            }
        }
    }
}

fn step(random: &mut Random, topics: &[&str], now: &mut u64, unit: u64) -> Step {
    if random.chance(70) {
        let units = unit * random.between(1, 20);
        let by = random.pick(&[1, units, 60_000]);
        return Step { advance_wall_ms: Some(by), ..Step::default() };
    }
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
    let input = RawRecord { topic, key, value, ts: Some(ts as i64), headers };
    Step { input: Some(input), ..Step::default() }
}
