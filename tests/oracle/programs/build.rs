//! Builds the topology of a program, as `ProgramTopology.java` does.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use millstream::{
    BufferConfig, EmitStrategy, GlobalKTable, GroupedStream, GroupedTable, JoinWindows, KStream,
    KTable, Materialized, Repartitioned, SessionWindow, SessionWindows, SlidingWindows,
    StreamJoined, StreamsBuilder, Suppressed, TimeWindow, TimeWindowedStream, TimeWindows,
    UnlimitedWindows, Window, Windowed, Wire,
};

use super::super::topologies::Text;
use super::functions::{
    characters, dated, holds, join, key, merge, reduce, subtract, twice, value, windowed,
};
use super::processors::{ProcessorStores, by_hand, process, process_values};
use super::program::Operator;

type Stream = KStream<Text, Text>;
type Table = KTable<Text, Text>;
type WindowTable<W> = KTable<Windowed<Text, W>, Text>;

/// What an operator gave.
enum Built {
    Stream(Stream),
    Branches([Stream; 2]),
    Table(Table),
    Global(GlobalKTable<Text, Text>),
    Windows(WindowTable<TimeWindow>),
    Sessions(WindowTable<SessionWindow>),
    Nothing,
}

pub(super) fn build(builder: &StreamsBuilder, operators: &[Operator]) {
    // Java's side leaves names out by chance.
    builder.take_over_generated_names();
    let mut built = Vec::new();
    let (stores, groupings) = Default::default();
    for operator in operators {
        let next =
            Builder { builder, operator, built: &built, stores: &stores, groupings: &groupings };
        let next = next.build();
        built.push(next);
    }
    // In Java nodes are added to what the DSL has built.
    for operator in operators.iter().filter(|operator| operator.is("by_hand")) {
        by_hand(builder, &mut stores.borrow_mut(), operator);
    }
}

struct Builder<'a> {
    builder: &'a StreamsBuilder,
    operator: &'a Operator,
    built: &'a [Built],
    stores: &'a RefCell<ProcessorStores>,
    groupings: &'a RefCell<BTreeMap<String, Grouping>>,
}

/// A grouping with a name, which several aggregations may share.
#[derive(Clone)]
enum Grouping {
    Stream(GroupedStream<Text, Text>),
    Table(Rc<GroupedTable<Text, Text>>),
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The names of functions outlive the program: closures hold them.
fn owned(name: &str) -> String {
    name.to_owned()
}

impl Builder<'_> {
    fn of(&self, side: usize) -> &Built {
        &self.built[self.operator.of[side]]
    }

    fn stream(&self, side: usize) -> &Stream {
        match self.of(side) {
            Built::Stream(stream) => stream,
            _ => panic!("{:?}: not a stream", self.operator),
        }
    }

    fn table(&self, side: usize) -> &Table {
        match self.of(side) {
            Built::Table(table) => table,
            _ => panic!("{:?}: not a table", self.operator),
        }
    }

    fn topic(&self) -> &str {
        self.operator.topic.as_deref().expect("it has a topic")
    }

    fn name(&self) -> &str {
        self.operator.name.as_deref().expect("it has a name")
    }

    fn store_name(&self) -> &str {
        self.operator.store.as_deref().expect("it has a store")
    }

    fn store<V: Wire>(&self) -> Materialized<Text, V> {
        let mut store = match self.operator.versioned {
            Some(history) => Materialized::versioned(self.store_name(), ms(history)),
            None => Materialized::new(self.store_name()),
        };
        if self.operator.no_cache {
            store = store.without_cache();
        }
        if self.operator.no_log {
            store = store.without_changelog();
        }
        match self.operator.retention {
            Some(retention) => store.retention(ms(retention)),
            None => store,
        }
    }

    fn named_stream(&self, stream: Stream) -> Built {
        Built::Stream(match &self.operator.name {
            Some(name) => stream.named(name),
            None => stream,
        })
    }

    fn named_table<K: Wire>(&self, table: KTable<K, Text>) -> KTable<K, Text> {
        match &self.operator.name {
            Some(name) => table.named(name),
            None => table,
        }
    }

    /// With the name and the store that it may have.
    fn finished_table(&self, table: Table) -> Built {
        let table = self.named_table(table);
        Built::Table(match &self.operator.store {
            Some(_) => table.materialized(self.store()),
            None => table,
        })
    }

    fn build(&self) -> Built {
        let operator = self.operator;
        let (f, by, kind) = (owned(operator.f()), owned(operator.by()), operator.kind());
        match operator.op.as_str() {
            "stream" => Built::Stream(self.builder.stream(self.topic())),
            "table" => Built::Table(self.builder.table(self.topic(), self.store())),
            "global_table" => Built::Global(self.builder.global_table(self.topic(), self.store())),
            "map_values" => {
                self.named_stream(self.stream(0).map_values_with_key(move |k, v| value(&f, k, v)))
            }
            "map" => self.named_stream(self.stream(0).map(move |k, v| {
                let by = key(&by, &k, &v);
                (by, value(&f, &k, v))
            })),
            "select_key" => {
                self.named_stream(self.stream(0).select_key(move |k, v| key(&by, k, v)))
            }
            "filter" => self.named_stream(self.stream(0).filter(move |k, v| holds(&f, k, v))),
            "filter_not" => {
                self.named_stream(self.stream(0).filter_not(move |k, v| holds(&f, k, v)))
            }
            "flat_map" => self.named_stream(self.stream(0).flat_map(twice)),
            "flat_map_values" => self.named_stream(self.stream(0).flat_map_values(characters)),
            "peek" => self.named_stream(self.stream(0).peek(|_, _| {})),
            "merge" => self.named_stream(self.stream(0).merge(self.stream(1))),
            "split" => {
                let split = self.stream(0).split();
                let mut split = match &operator.name {
                    Some(name) => split.named(name),
                    None => split,
                };
                let first = split.branch(move |k, v| holds(&f, k, v));
                Built::Branches([first, split.default_branch()])
            }
            "branch" => match self.of(0) {
                Built::Branches(branches) => Built::Stream(branches[operator.index].clone()),
                _ => panic!("{operator:?}: not a split"),
            },
            "repartition" => Built::Stream(self.stream(0).repartition(match &operator.name {
                Some(name) => Repartitioned::named(name),
                None => Repartitioned::unnamed(),
            })),
            "to_table" => {
                Built::Table(self.named_table(self.stream(0).to_table(self.store::<Text>())))
            }
            "aggregate" => self.aggregate(),
            "cogroup" => self.cogroup(),
            "stream_join" => {
                let windows = JoinWindows::of_time_difference(Duration::ZERO)
                    .before(operator.before)
                    .after(operator.after)
                    .grace(ms(operator.grace));
                let joined = StreamJoined::named(self.store_name());
                let (left, right) = (self.stream(0), self.stream(1));
                Built::Stream(match kind {
                    "inner" => left.join(right, windows, joined, move |_, l, r| join(&f, l, r)),
                    "left" => left
                        .left_join(right, windows, joined, move |_, l, r| join(&f, l, r.flatten())),
                    _ => left.outer_join(right, windows, joined, move |_, l, r| {
                        join(&f, l.flatten(), r.flatten())
                    }),
                })
            }
            "join_table" => {
                let (left, right) = (self.stream(0), self.table(1));
                let (grace, name) = (ms(operator.grace), operator.name.clone());
                if let Some(name) = name.filter(|_| operator.grace > 0) {
                    let inner = move |_: &Text, l, r| join(&f, l, r);
                    return Built::Stream(match kind {
                        "inner" => left.join_table_with_grace(right, grace, name, inner),
                        _ => {
                            let f = owned(operator.f());
                            left.left_join_table_with_grace(right, grace, name, move |_, l, r| {
                                join(&f, l, r.flatten())
                            })
                        }
                    });
                }
                self.named_stream(match kind {
                    "inner" => left.join_table(right, move |_, l, r| join(&f, l, r)),
                    _ => left.left_join_table(right, move |_, l, r| join(&f, l, r.flatten())),
                })
            }
            "join_global" => {
                let Built::Global(right) = self.of(1) else {
                    panic!("{operator:?}: not a global table");
                };
                let key = move |k: &Text, v: &Text| key(&by, k, v).map(Some);
                let left = self.stream(0);
                self.named_stream(match kind {
                    "inner" => left.join_global_table(right, key, move |_, l, r| join(&f, l, r)),
                    _ => left.left_join_global_table(right, key, move |_, l, r| {
                        join(&f, l, r.flatten())
                    }),
                })
            }
            "table_join" => {
                let (left, right) = (self.table(0), self.table(1));
                self.finished_table(match kind {
                    "inner" => left.join(right, move |_, l, r| join(&f, l, r)),
                    "left" => left.left_join(right, move |_, l, r| join(&f, l, r.flatten())),
                    _ => left.outer_join(right, move |_, l, r| join(&f, l.flatten(), r.flatten())),
                })
            }
            "foreign_key_join" => {
                let (left, right) = (self.table(0), self.table(1));
                let key = move |_: &Text, v: &Text| key(&by, &None, v).map(Some);
                self.finished_table(match kind {
                    "inner" => left.join_on_foreign_key(right, key, move |_, l, r| join(&f, l, r)),
                    _ => left.left_join_on_foreign_key(right, key, move |_, l, r| {
                        join(&f, l, r.flatten())
                    }),
                })
            }
            "table_filter" => match self.of(0) {
                Built::Windows(table) => Built::Windows(self.filter_windows(table)),
                Built::Sessions(table) => Built::Sessions(self.filter_windows(table)),
                _ => self.finished_table(self.table(0).filter(move |k, v| holds(&f, k, v))),
            },
            "table_map_values" => match self.of(0) {
                Built::Windows(table) => Built::Windows(self.map_windows(table)),
                Built::Sessions(table) => Built::Sessions(self.map_windows(table)),
                _ => self
                    .finished_table(self.table(0).map_values_with_key(move |k, v| value(&f, k, v))),
            },
            "table_transform_values" => {
                let transformed =
                    |k: &Text, v: Option<Text>, time| dated(k, &Some(v.flatten()?), time).map(Some);
                self.finished_table(self.table(0).transform_values(transformed))
            }
            "process" => {
                let stores = &mut self.stores.borrow_mut();
                let processed = process(self.builder, stores, self.stream(0), operator);
                self.named_stream(processed)
            }
            "process_values" => {
                let stores = &mut self.stores.borrow_mut();
                let processed = process_values(self.builder, stores, self.stream(0), operator);
                self.named_stream(processed)
            }
            "by_hand" => Built::Nothing,
            "table_aggregate" => {
                let grouping = self.grouping(|| {
                    let by = move |k: &Text, v: Text| (key(&by, k, &v), v);
                    Grouping::Table(Rc::new(self.table(0).group_by(by).named(self.name())))
                });
                let Grouping::Table(grouped) = grouping else { panic!("{operator:?}: a stream's") };
                Built::Table(match operator.how() {
                    "count" => shown(&grouped.count(self.store())),
                    "reduce" => {
                        grouped.reduce(self.store(), move |a, b| reduce(&f, a, b), subtract)
                    }
                    _ => grouped.aggregate(
                        self.store(),
                        || Some(String::new()),
                        move |_, v, all| reduce(&f, all, v),
                        |_, v, all| subtract(all, v),
                    ),
                })
            }
            "suppress" => match self.of(0) {
                Built::Windows(table) => Built::Windows(self.last(table)),
                Built::Sessions(table) => Built::Sessions(self.last(table)),
                _ => {
                    let limit = ms(operator.limit);
                    let suppressed = match operator.records {
                        Some(most) => {
                            Suppressed::until_time_limit(limit, BufferConfig::max_records(most))
                        }
                        None => Suppressed::until_time_limit(limit, BufferConfig::unbounded()),
                    };
                    Built::Table(self.table(0).suppress(suppressed.named(self.name())))
                }
            },
            "to_stream" => Built::Stream(match self.of(0) {
                Built::Windows(table) => window_stream(table),
                Built::Sessions(table) => window_stream(table),
                _ => self.table(0).to_stream().map_values(Option::flatten),
            }),
            "to" => {
                match self.of(0) {
                    Built::Windows(table) => table.to(self.topic()),
                    Built::Sessions(table) => table.to(self.topic()),
                    Built::Table(table) => table.to(self.topic()),
                    _ => self.stream(0).to(self.topic()),
                }
                Built::Nothing
            }
            op => panic!("operator {op}"),
        }
    }

    fn filter_windows<W: Window>(&self, table: &WindowTable<W>) -> WindowTable<W>
    where
        Windowed<Text, W>: Wire,
    {
        let f = owned(self.operator.f());
        self.named_table(table.filter(move |w, v| holds(&f, &w.key, v)))
    }

    fn map_windows<W: Window>(&self, table: &WindowTable<W>) -> WindowTable<W>
    where
        Windowed<Text, W>: Wire,
    {
        let f = owned(self.operator.f());
        self.named_table(table.map_values_with_key(move |w, v| value(&f, &w.key, v)))
    }

    fn last<W: Window>(&self, table: &WindowTable<W>) -> WindowTable<W>
    where
        Windowed<Text, W>: Wire,
    {
        let last = Suppressed::until_window_closes(BufferConfig::unbounded());
        table.suppress(last.named(self.name()))
    }

    fn time_windows(&self) -> TimeWindows {
        let Operator { size, advance, grace, .. } = *self.operator;
        let windows = match self.operator.windows.as_deref() {
            Some("tumbling") => TimeWindows::tumbling(ms(size)),
            _ => TimeWindows::hopping(ms(size), ms(advance)),
        };
        windows.grace(ms(grace))
    }

    fn sliding(&self) -> SlidingWindows {
        let Operator { size, grace, .. } = *self.operator;
        SlidingWindows::of_time_difference(ms(size)).grace(ms(grace))
    }

    fn unlimited(&self) -> UnlimitedWindows {
        UnlimitedWindows::new().start_on(self.operator.size as i64)
    }

    fn sessions(&self) -> SessionWindows {
        let Operator { size, grace, .. } = *self.operator;
        SessionWindows::of_inactivity_gap(ms(size)).grace(ms(grace))
    }

    fn grouped(&self) -> GroupedStream<Text, Text> {
        let stream = self.stream(0);
        let grouped = match &self.operator.by {
            Some(by) => {
                let by = owned(by);
                stream.group_by(move |k, v| key(&by, k, v))
            }
            None => stream.group_by_key(),
        };
        match &self.operator.name {
            Some(name) => grouped.named(name),
            None => grouped,
        }
    }

    /// The grouping of this name, made the first time.
    fn grouping(&self, make: impl FnOnce() -> Grouping) -> Grouping {
        let Some(name) = &self.operator.name else { return make() };
        let known = self.groupings.borrow().get(name).cloned();
        let grouping = known.unwrap_or_else(make);
        self.groupings.borrow_mut().insert(name.clone(), grouping.clone());
        grouping
    }

    fn aggregate(&self) -> Built {
        let operator = self.operator;
        let Grouping::Stream(grouped) = self.grouping(|| Grouping::Stream(self.grouped())) else {
            panic!("{operator:?}: a table's");
        };
        let f = owned(operator.f());
        let reducer = {
            let f = f.clone();
            move |a, b| reduce(&f, a, b)
        };
        let aggregator = move |_: &Text, v: Text, all: Text| reduce(&f, all, v);
        let empty = || Some(String::new());
        let emit = match operator.emit_final {
            true => EmitStrategy::OnWindowClose,
            false => EmitStrategy::OnWindowUpdate,
        };
        let in_time = |windowed: TimeWindowedStream<Text, Text>| {
            let windowed = windowed.emit(emit);
            Built::Windows(match operator.how() {
                "count" => shown(&windowed.count(self.store())),
                "reduce" => windowed.reduce(self.store(), reducer.clone()),
                _ => windowed.aggregate(self.store(), empty, aggregator.clone()),
            })
        };
        match operator.windows.as_deref() {
            None => Built::Table(match operator.how() {
                "count" => shown(&grouped.count(self.store())),
                "reduce" => grouped.reduce(self.store(), reducer),
                _ => grouped.aggregate(self.store(), empty, aggregator),
            }),
            Some("session") => {
                let windowed = grouped.windowed_by(self.sessions()).emit(emit);
                let merger = |_: &Text, a, b| merge(a, b);
                Built::Sessions(match operator.how() {
                    "count" => shown(&windowed.count(self.store())),
                    "reduce" => windowed.reduce(self.store(), reducer),
                    _ => windowed.aggregate(self.store(), empty, aggregator, merger),
                })
            }
            Some("sliding") => in_time(grouped.windowed_by(self.sliding())),
            Some("unlimited") => in_time(grouped.windowed_by(self.unlimited())),
            Some(_) => in_time(grouped.windowed_by(self.time_windows())),
        }
    }

    fn cogroup(&self) -> Built {
        let (f, name) = (owned(self.operator.f()), self.name());
        let left = self.stream(0).group_by_key().named(format!("{name}-left"));
        let right = self.stream(1).group_by_key().named(format!("{name}-right"));
        let all = left.cogroup(move |_: &Text, v, sum: Text| reduce(&f, sum, v));
        let all = all.cogroup(&right, |_, v, sum| subtract(sum, v));
        let empty = || Some(String::new());
        match self.operator.windows.as_deref() {
            None => Built::Table(all.aggregate(self.store(), empty)),
            Some("session") => {
                let windowed = all.windowed_by(self.sessions());
                Built::Sessions(windowed.aggregate(self.store(), empty, |_, a, b| merge(a, b)))
            }
            Some("sliding") => {
                Built::Windows(all.windowed_by(self.sliding()).aggregate(self.store(), empty))
            }
            Some("unlimited") => {
                Built::Windows(all.windowed_by(self.unlimited()).aggregate(self.store(), empty))
            }
            Some(_) => {
                Built::Windows(all.windowed_by(self.time_windows()).aggregate(self.store(), empty))
            }
        }
    }
}

/// Counts as text.
fn shown<K: Wire>(counts: &KTable<K, i64>) -> KTable<K, Text> {
    counts.map_values(|count| Some(count.to_string()))
}

fn window_stream<W: Window>(table: &WindowTable<W>) -> Stream
where
    Windowed<Text, W>: Wire,
{
    table.to_stream().map(|w: Windowed<Text, W>, v| {
        (windowed(&w.key, w.window.start(), w.window.end()), v.flatten())
    })
}
