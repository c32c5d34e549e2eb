//! Processors written by hand, as `ProgramProcessors.java` has them.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream::{
    BoxError, FixedKeyContext, FixedKeyProcessor, Headers, KStream, Materialized, Processor,
    ProcessorContext, PunctuationType, Record, Schedule, StoreHandle, Stores, StreamsBuilder,
    Timestamped, Windowed,
};

use super::super::topologies::Text;
use super::functions::{cut, show, starts};
use super::program::Operator;

type Done = Result<(), BoxError>;
type TextContext<'c, 'n> = ProcessorContext<'c, 'n, Text, Text>;
type TextRecord = Record<Text, Text>;

/// How long a window of a store is, and how long it is kept.
const WINDOW: u64 = 10;
const RETENTION: u64 = 100;

/// The stores of a program's processors by name: several may share one.
pub(super) type ProcessorStores = BTreeMap<String, Kept>;

/// What processors keep values in.
#[derive(Clone)]
pub(super) enum Kept {
    Plain(StoreHandle<Text, Text>),
    Timestamped(StoreHandle<Text, Text>),
    Windows(StoreHandle<Windowed<Text>, Text>),
}

impl Stores for &Kept {
    fn numbers(&self) -> Vec<usize> {
        match self {
            Kept::Plain(store) | Kept::Timestamped(store) => store.numbers(),
            Kept::Windows(store) => store.numbers(),
        }
    }
}

/// The store that an operator names, made if no other has named it.
fn kept(builder: &StreamsBuilder, stores: &mut ProcessorStores, operator: &Operator) -> Kept {
    let name = operator.store.as_deref().expect("it has a store");
    if let Some(kept) = stores.get(name) {
        return kept.clone();
    }
    let mut store = Materialized::new(name);
    if operator.no_cache {
        store = store.without_cache();
    }
    if operator.no_log {
        store = store.without_changelog();
    }
    let kept = match operator.kind() {
        "timestamped" => Kept::Timestamped(builder.add_store(store)),
        "window" => {
            let store = store.plain().retention(Duration::from_millis(RETENTION));
            Kept::Windows(builder.add_window_store(store, Duration::from_millis(WINDOW)))
        }
        _ => Kept::Plain(builder.add_store(store.plain())),
    };
    stores.insert(name.to_owned(), kept.clone());
    kept
}

/// Hands each record on with what its key had before.
struct Last(Kept);

impl Last {
    /// Puts the value in, unless it begins with a `d`, which deletes; gives it with what was there.
    fn put<V: millstream::codec::Wire>(
        &self,
        key: &Text,
        value: &Text,
        timestamp: i64,
        ctx: &mut ProcessorContext<'_, '_, Text, V>,
    ) -> Result<Text, BoxError> {
        let new = value.clone().filter(|_| !starts(value, 'd')).map(Some);
        let before = match &self.0 {
            Kept::Plain(store) => {
                let mut store = ctx.store(store)?;
                let before = store.get(key)?.flatten();
                match new {
                    Some(new) => store.put(key, new)?,
                    None => drop(store.delete(key)?),
                }
                before
            }
            Kept::Timestamped(store) => {
                let mut store = ctx.store(store)?;
                let before = store.get_timestamped(key)?;
                match new {
                    Some(value) => store.put_timestamped(key, Timestamped { value, timestamp })?,
                    None => drop(store.delete(key)?),
                }
                before.map(|before| format!("{}{}", show(&before.value), before.timestamp))
            }
            Kept::Windows(store) => {
                let mut store = ctx.store(store)?;
                let found = store.fetch(key, timestamp - WINDOW as i64..=timestamp)?;
                let shown = found.into_iter().map(|(w, v)| format!("{}{}", w.start, show(&v)));
                let before = shown.collect::<String>();
                match new {
                    Some(new) => store.put_at(key, timestamp, new)?,
                    None => drop(store.delete_at(key, timestamp)?),
                }
                Some(before)
            }
        };
        Ok(cut(format!("{}>{}", show(&before), show(value))))
    }
}

impl Processor<Text, Text> for Last {
    type KeyOut = Text;
    type ValueOut = Text;

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        if record.key.is_none() {
            return ctx.forward(record);
        }
        let value = self.put(&record.key, &record.value, record.timestamp, ctx)?;
        ctx.forward(record.with_value(value))
    }
}

impl FixedKeyProcessor<Text, Text> for Last {
    type ValueOut = Text;

    fn process(
        &mut self,
        key: &Text,
        value: Text,
        ctx: &mut FixedKeyContext<'_, '_, '_, Text, Text>,
    ) -> Done {
        if key.is_none() {
            return ctx.forward(value);
        }
        let timestamp = ctx.context().timestamp();
        let value = self.put(key, &value, timestamp, ctx.context())?;
        ctx.forward(value)
    }
}

/// Gathers values by key, and hands on and forgets what it has when it is time.
struct Tick {
    store: Kept,
    every: Duration,
    kind: PunctuationType,
}

impl Tick {
    fn store(&self) -> &StoreHandle<Text, Text> {
        match &self.store {
            Kept::Plain(store) | Kept::Timestamped(store) => store,
            Kept::Windows(_) => panic!("it gathers by key"),
        }
    }
}

impl Processor<Text, Text> for Tick {
    type KeyOut = Text;
    type ValueOut = Text;

    fn init(&mut self, ctx: &mut TextContext<'_, '_>) -> Done {
        ctx.schedule(self.every, self.kind);
        Ok(())
    }

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        if record.key.is_none() {
            return Ok(());
        }
        let mut store = ctx.store(self.store())?;
        let before = store.get(&record.key)?.flatten();
        let value = cut(format!("{}{}", before.unwrap_or_default(), show(&record.value)));
        match &self.store {
            Kept::Timestamped(_) => {
                let timestamp = record.timestamp;
                Ok(store.put_timestamped(&record.key, Timestamped { value, timestamp })?)
            }
            _ => Ok(store.put(&record.key, value)?),
        }
    }

    fn punctuate(&mut self, _: Schedule, time: i64, ctx: &mut TextContext<'_, '_>) -> Done {
        let all = ctx.store(self.store())?.range(..)?.collect::<Result<Vec<_>, _>>()?;
        for (key, value) in all {
            ctx.store(self.store())?.delete(&key)?;
            ctx.forward(Record::new(key, value, time))?;
        }
        Ok(())
    }
}

/// Hands each record on twice: later with a header more, and without headers.
struct Twice {
    later: i64,
}

impl Processor<Text, Text> for Twice {
    type KeyOut = Text;
    type ValueOut = Text;

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        let mut headers = record.headers.clone();
        headers.push("x", Some(b"y"));
        let mut later = record.clone().with_headers(headers);
        later.timestamp += self.later;
        ctx.forward(later)?;
        ctx.forward(record.with_headers(Headers::new()))
    }
}

/// Hands records to the one child, to the other twice, or to all, by how their values begin.
struct Route {
    children: Vec<String>,
}

impl Processor<Text, Text> for Route {
    type KeyOut = Text;
    type ValueOut = Text;

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        match record.value.as_deref().and_then(|value| value.chars().next()) {
            Some('a') => ctx.forward_to(&self.children[0], record),
            Some('b') => {
                ctx.forward_to(&self.children[1], record.clone())?;
                ctx.forward_to(&self.children[1], record.with_value(None))
            }
            _ => ctx.forward(record),
        }
    }
}

pub(super) fn process(
    builder: &StreamsBuilder,
    stores: &mut ProcessorStores,
    stream: &KStream<Text, Text>,
    operator: &Operator,
) -> KStream<Text, Text> {
    let tick = |stores: &mut ProcessorStores, kind| {
        let (store, every) = (kept(builder, stores, operator), operator.size);
        let every = Duration::from_millis(every);
        stream.process_with(&store.clone(), move || Tick { store: store.clone(), every, kind })
    };
    match operator.how() {
        "last" => {
            let store = kept(builder, stores, operator);
            stream.process_with(&store.clone(), move || Last(store.clone()))
        }
        "tick" => tick(stores, PunctuationType::StreamTime),
        "tick_wall" => tick(stores, PunctuationType::WallClockTime),
        "twice" => {
            let later = operator.size as i64;
            stream.process(move || Twice { later })
        }
        "route" => {
            let children = operator.children.clone();
            stream.process(move || Route { children: children.clone() })
        }
        how => panic!("processor {how}"),
    }
}

pub(super) fn process_values(
    builder: &StreamsBuilder,
    stores: &mut ProcessorStores,
    stream: &KStream<Text, Text>,
    operator: &Operator,
) -> KStream<Text, Text> {
    let store = kept(builder, stores, operator);
    stream.process_values(&store.clone(), move || Last(store.clone()))
}

/// A source, two processors with a store that they share, and two sinks, node by node.
pub(super) fn by_hand(builder: &StreamsBuilder, stores: &mut ProcessorStores, operator: &Operator) {
    let topic = operator.topic.as_deref().expect("it has a topic");
    let named = |role: &str| format!("{}-{role}", operator.name.as_deref().unwrap_or_default());
    let source = builder.add_source::<Text, Text>(named("source"), [topic]);
    let store = kept(builder, stores, operator);
    let last = || {
        let store = store.clone();
        move || Last(store.clone())
    };
    let first = builder.add_processor(named("first"), &source, &store, last());
    let second = builder.add_processor(named("second"), [&source, &first], &store, last());
    builder.add_sink(named("one"), format!("{topic}-one").as_str(), &first);
    builder.add_sink(named("two"), format!("{topic}-two").as_str(), [&first, &second]);
}
