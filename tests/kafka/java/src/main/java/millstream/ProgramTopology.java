package millstream;

import static millstream.ProgramFunctions.holds;
import static millstream.ProgramFunctions.join;
import static millstream.ProgramFunctions.key;
import static millstream.ProgramFunctions.merge;
import static millstream.ProgramFunctions.reduce;
import static millstream.ProgramFunctions.subtract;
import static millstream.ProgramFunctions.value;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.Stores;

/** Builds the topology of a program: a list of operators that name earlier ones by their place. */
final class ProgramTopology {
    private static final Serde<String> TEXT = Serdes.String();

    private final StreamsBuilder builder = new StreamsBuilder();
    private final Set<String> added = new HashSet<>();
    private final List<JsonNode> byHand = new ArrayList<>();
    private final List<Object> built = new ArrayList<>();
    /** Groupings by their names: several aggregations may share one. */
    private final Map<String, Object> groupings = new HashMap<>();
    private JsonNode operator;

    ProgramTopology(JsonNode operators) {
        for (JsonNode each : operators) {
            operator = each;
            built.add(build(text("op")));
        }
    }

    private String text(String field) {
        JsonNode found = operator.get(field);
        return found == null || found.isNull() ? null : found.asText();
    }

    private long number(String field) {
        JsonNode found = operator.get(field);
        return found == null || found.isNull() ? 0 : found.asLong();
    }

    private boolean has(String field) {
        return text(field) != null;
    }

    private boolean is(String field) {
        JsonNode found = operator.get(field);
        return found != null && found.asBoolean();
    }

    private Object of(int side) {
        return built.get(operator.get("of").get(side).asInt());
    }

    @SuppressWarnings("unchecked")
    private KStream<String, String> stream(int side) {
        return (KStream<String, String>) of(side);
    }

    @SuppressWarnings("unchecked")
    private <K> KTable<K, String> table(int side) {
        return (KTable<K, String>) ((of(side) instanceof Table<?> t) ? t.table : of(side));
    }

    /** A table of windows, and how long they are; none for sessions. */
    private record Table<K>(KTable<K, String> table, Long size) {}

    private Named named() {
        return has("name") ? Named.as(text("name")) : Named.as(null);
    }

    private <K, V, S extends StateStore> Materialized<K, V, S> store() {
        Materialized<K, V, S> store = Materialized.as(text("store"));
        if (is("no_cache")) {
            store.withCachingDisabled();
        }
        if (is("no_log")) {
            store.withLoggingDisabled();
        }
        if (has("retention")) {
            store.withRetention(Duration.ofMillis(number("retention")));
        }
        return store;
    }

    private <S extends StateStore> Materialized<String, String, S> texts() {
        Materialized<String, String, S> store = this.<String, String, S>store();
        return store.withKeySerde(TEXT).withValueSerde(TEXT);
    }

    private Materialized<String, String, org.apache.kafka.streams.state.KeyValueStore<org.apache.kafka.common.utils.Bytes, byte[]>> source() {
        if (!has("versioned")) {
            return texts();
        }
        Materialized<String, String, org.apache.kafka.streams.state.KeyValueStore<org.apache.kafka.common.utils.Bytes, byte[]>> store =
                Materialized.as(Stores.persistentVersionedKeyValueStore(text("store"), Duration.ofMillis(number("versioned"))));
        return store.withKeySerde(TEXT).withValueSerde(TEXT);
    }

    private Object build(String op) {
        String f = text("f");
        String by = text("by");
        ValueJoiner<String, String, String> joiner = (l, r) -> join(f, l, r);
        switch (op) {
            case "stream":
                return builder.stream(text("topic"), Consumed.with(TEXT, TEXT));
            case "table":
                return builder.table(text("topic"), Consumed.with(TEXT, TEXT), source());
            case "global_table":
                return builder.globalTable(text("topic"), Consumed.with(TEXT, TEXT), texts());
            case "map_values":
                return has("name") ? stream(0).mapValues((k, v) -> value(f, k, v), named()) : stream(0).mapValues((k, v) -> value(f, k, v));
            case "map": {
                KeyValueMapper<String, String, KeyValue<String, String>> mapper = (k, v) -> KeyValue.pair(key(by, k, v), value(f, k, v));
                return has("name") ? stream(0).map(mapper, named()) : stream(0).map(mapper);
            }
            case "select_key":
                return has("name") ? stream(0).selectKey((k, v) -> key(by, k, v), named()) : stream(0).selectKey((k, v) -> key(by, k, v));
            case "filter":
                return has("name") ? stream(0).filter((k, v) -> holds(f, k, v), named()) : stream(0).filter((k, v) -> holds(f, k, v));
            case "filter_not":
                return has("name") ? stream(0).filterNot((k, v) -> holds(f, k, v), named()) : stream(0).filterNot((k, v) -> holds(f, k, v));
            case "flat_map":
                return has("name") ? stream(0).flatMap(ProgramFunctions::twice, named()) : stream(0).flatMap(ProgramFunctions::twice);
            case "flat_map_values":
                return has("name") ? stream(0).flatMapValues(ProgramFunctions::characters, named()) : stream(0).flatMapValues(ProgramFunctions::characters);
            case "peek":
                return has("name") ? stream(0).peek((k, v) -> {}, named()) : stream(0).peek((k, v) -> {});
            case "merge":
                return has("name") ? stream(0).merge(stream(1), named()) : stream(0).merge(stream(1));
            case "split": {
                BranchedKStream<String, String> split = has("name") ? stream(0).split(named()) : stream(0).split();
                Map<String, KStream<String, String>> branches = split.branch((k, v) -> holds(f, k, v)).defaultBranch();
                List<String> names = branches.keySet().stream().sorted().toList();
                // The default branch is number 0.
                return List.of(branches.get(names.get(1)), branches.get(names.get(0)));
            }
            case "branch":
                return ((List<?>) of(0)).get((int) number("index"));
            case "repartition":
                return stream(0).repartition(has("name") ? Repartitioned.<String, String>as(text("name")).withKeySerde(TEXT).withValueSerde(TEXT) : Repartitioned.with(TEXT, TEXT));
            case "to_table":
                return has("name") ? stream(0).toTable(named(), source()) : stream(0).toTable(source());
            case "aggregate":
                return aggregate(f, by);
            case "cogroup":
                return cogroup();
            case "stream_join": {
                JoinWindows windows = JoinWindows.ofTimeDifferenceAndGrace(Duration.ZERO, Duration.ofMillis(number("grace")));
                // In an order in which no window in between is empty.
                windows = windows.after(Duration.ofMillis(Math.max(0, number("after")))).before(Duration.ofMillis(number("before")))
                        .after(Duration.ofMillis(number("after")));
                StreamJoined<String, String, String> joined = StreamJoined.with(TEXT, TEXT, TEXT).withName(text("store")).withStoreName(text("store"));
                return switch (text("kind")) {
                    case "inner" -> stream(0).join(stream(1), joiner, windows, joined);
                    case "left" -> stream(0).leftJoin(stream(1), joiner, windows, joined);
                    default -> stream(0).outerJoin(stream(1), joiner, windows, joined);
                };
            }
            case "join_table": {
                Joined<String, String, String> joined = number("grace") > 0
                        ? Joined.with(TEXT, TEXT, TEXT, text("name"), Duration.ofMillis(number("grace")))
                        : Joined.with(TEXT, TEXT, TEXT, text("name"));
                KTable<String, String> other = table(1);
                return text("kind").equals("inner") ? stream(0).join(other, joiner, joined) : stream(0).leftJoin(other, joiner, joined);
            }
            case "join_global": {
                @SuppressWarnings("unchecked")
                GlobalKTable<String, String> other = (GlobalKTable<String, String>) of(1);
                KeyValueMapper<String, String, String> mapper = (k, v) -> key(by, k, v);
                if (text("kind").equals("inner")) {
                    return has("name") ? stream(0).join(other, mapper, joiner, named()) : stream(0).join(other, mapper, joiner);
                }
                return has("name") ? stream(0).leftJoin(other, mapper, joiner, named()) : stream(0).leftJoin(other, mapper, joiner);
            }
            case "table_join": {
                KTable<String, String> left = table(0);
                KTable<String, String> right = table(1);
                String kind = text("kind");
                if (has("store")) {
                    return switch (kind) {
                        case "inner" -> has("name") ? left.join(right, joiner, named(), texts()) : left.join(right, joiner, texts());
                        case "left" -> has("name") ? left.leftJoin(right, joiner, named(), texts()) : left.leftJoin(right, joiner, texts());
                        default -> has("name") ? left.outerJoin(right, joiner, named(), texts()) : left.outerJoin(right, joiner, texts());
                    };
                }
                return switch (kind) {
                    case "inner" -> has("name") ? left.join(right, joiner, named()) : left.join(right, joiner);
                    case "left" -> has("name") ? left.leftJoin(right, joiner, named()) : left.leftJoin(right, joiner);
                    default -> has("name") ? left.outerJoin(right, joiner, named()) : left.outerJoin(right, joiner);
                };
            }
            case "foreign_key_join": {
                KTable<String, String> left = table(0);
                KTable<String, String> right = table(1);
                TableJoined<String, String> joined = TableJoined.as(text("name"));
                return text("kind").equals("inner")
                        ? left.join(right, v -> key(by, null, v), joiner, joined, texts())
                        : left.leftJoin(right, v -> key(by, null, v), joiner, joined, texts());
            }
            case "table_filter":
                return of(0) instanceof Table ? filterWindows(f) : filterTable(f);
            case "table_map_values":
                return of(0) instanceof Table ? mapWindows(f) : mapTable(f);
            case "table_transform_values": {
                KTable<String, String> table = table(0);
                ValueTransformerWithKeySupplier<String, String, String> dating = ProgramProcessors.Dating::new;
                if (has("store")) {
                    return has("name") ? table.transformValues(dating, texts(), named()) : table.transformValues(dating, texts());
                }
                return has("name") ? table.transformValues(dating, named()) : table.transformValues(dating);
            }
            case "process": {
                var processor = ProgramProcessors.processor(operator);
                String[] stores = processorStore();
                return has("name") ? stream(0).process(processor, named(), stores) : stream(0).process(processor, stores);
            }
            case "process_values": {
                var processor = ProgramProcessors.fixedKeyProcessor(operator);
                String[] stores = processorStore();
                return has("name") ? stream(0).processValues(processor, named(), stores) : stream(0).processValues(processor, stores);
            }
            case "by_hand":
                byHand.add(operator);
                return null;
            case "table_aggregate": {
                @SuppressWarnings("unchecked")
                KGroupedTable<String, String> grouped = (KGroupedTable<String, String>) groupings.computeIfAbsent(text("name"), name -> grouped(table(0), by, name));
                return switch (text("how")) {
                    case "count" -> shown(grouped.count(this.<String, Long, org.apache.kafka.streams.state.KeyValueStore<org.apache.kafka.common.utils.Bytes, byte[]>>store().withKeySerde(TEXT)));
                    case "reduce" -> grouped.reduce((a, b) -> reduce(f, a, b), ProgramFunctions::subtract, texts());
                    default -> grouped.aggregate(() -> "", (k, v, all) -> reduce(f, all, v), (k, v, all) -> subtract(all, v), texts());
                };
            }
            case "suppress": {
                if (of(0) instanceof Table<?> t) {
                    @SuppressWarnings("unchecked")
                    Table<Windowed<String>> windows = (Table<Windowed<String>>) t;
                    var last = Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()).withName(text("name"));
                    return new Table<>(windows.table.suppress(last), windows.size);
                }
                KTable<String, String> table = table(0);
                Suppressed.BufferConfig<?> buffer = has("records") ? Suppressed.BufferConfig.maxRecords(number("records")) : Suppressed.BufferConfig.unbounded();
                return table.suppress(Suppressed.<String>untilTimeLimit(Duration.ofMillis(number("limit")), buffer).withName(text("name")));
            }
            case "to_stream": {
                if (of(0) instanceof Table<?> t) {
                    @SuppressWarnings("unchecked")
                    Table<Windowed<String>> windows = (Table<Windowed<String>>) t;
                    return windows.table.toStream().map((w, v) -> KeyValue.pair(ProgramFunctions.windowed(w.key(), w.window().start(), w.window().end()), v));
                }
                KTable<String, String> table = table(0);
                return table.toStream().mapValues(v -> v);
            }
            case "to": {
                if (of(0) instanceof Table<?> t) {
                    @SuppressWarnings("unchecked")
                    Table<Windowed<String>> windows = (Table<Windowed<String>>) t;
                    Serde<Windowed<String>> serde = windows.size == null ? WindowedSerdes.sessionWindowedSerdeFrom(String.class) : WindowedSerdes.timeWindowedSerdeFrom(String.class, windows.size);
                    windows.table.toStream().to(text("topic"), Produced.with(serde, TEXT));
                } else if (of(0) instanceof KTable) {
                    KTable<String, String> table = table(0);
                    table.toStream().to(text("topic"), Produced.with(TEXT, TEXT));
                } else {
                    stream(0).to(text("topic"), Produced.with(TEXT, TEXT));
                }
                return null;
            }
            default:
                throw new IllegalArgumentException("operator " + op);
        }
    }

    /** The name of the store that a processor has, if it has one; the store is added if no other has named it. */
    private String[] processorStore() {
        if (!has("store")) {
            return new String[0];
        }
        if (added.add(text("store"))) {
            builder.addStateStore(ProgramProcessors.store(operator));
        }
        return new String[] {text("store")};
    }

    /** The topology, with the nodes that are added one by one. */
    Topology build(Properties config) {
        Topology topology = builder.build(config);
        byHand.forEach(node -> ProgramProcessors.addByHand(topology, node));
        return topology;
    }

    private static <K> KTable<K, String> shown(KTable<K, Long> counts) {
        return counts.mapValues(n -> String.valueOf(n));
    }

    private KTable<String, String> filterTable(String f) {
        KTable<String, String> table = table(0);
        Predicate<String, String> predicate = (k, v) -> holds(f, k, v);
        if (has("store")) {
            return has("name") ? table.filter(predicate, named(), texts()) : table.filter(predicate, texts());
        }
        return has("name") ? table.filter(predicate, named()) : table.filter(predicate);
    }

    private KTable<String, String> mapTable(String f) {
        KTable<String, String> table = table(0);
        ValueMapperWithKey<String, String, String> mapper = (k, v) -> value(f, k, v);
        if (has("store")) {
            return has("name") ? table.mapValues(mapper, named(), texts()) : table.mapValues(mapper, texts());
        }
        return has("name") ? table.mapValues(mapper, named()) : table.mapValues(mapper);
    }

    @SuppressWarnings("unchecked")
    private Object filterWindows(String f) {
        Table<Windowed<String>> windows = (Table<Windowed<String>>) of(0);
        Predicate<Windowed<String>, String> predicate = (w, v) -> holds(f, w.key(), v);
        return new Table<>(has("name") ? windows.table.filter(predicate, named()) : windows.table.filter(predicate), windows.size);
    }

    @SuppressWarnings("unchecked")
    private Object mapWindows(String f) {
        Table<Windowed<String>> windows = (Table<Windowed<String>>) of(0);
        ValueMapperWithKey<Windowed<String>, String, String> mapper = (w, v) -> value(f, w.key(), v);
        return new Table<>(has("name") ? windows.table.mapValues(mapper, named()) : windows.table.mapValues(mapper), windows.size);
    }

    private KGroupedStream<String, String> grouped(int side, String by, String name) {
        Grouped<String, String> grouped = Grouped.with(name, TEXT, TEXT);
        return by == null ? stream(side).groupByKey(grouped) : stream(side).groupBy((k, v) -> key(by, k, v), grouped);
    }

    private static KGroupedTable<String, String> grouped(KTable<String, String> table, String by, String name) {
        return table.groupBy((k, v) -> KeyValue.pair(key(by, k, v), v), Grouped.with(name, TEXT, TEXT));
    }

    private Windows<? extends Window> fixed() {
        Duration size = Duration.ofMillis(number("size"));
        Duration grace = Duration.ofMillis(number("grace"));
        return switch (text("windows")) {
            case "tumbling" -> TimeWindows.ofSizeAndGrace(size, grace);
            case "unlimited" -> UnlimitedWindows.of().startOn(Instant.ofEpochMilli(number("size")));
            case "hopping" -> TimeWindows.ofSizeAndGrace(size, grace).advanceBy(Duration.ofMillis(number("advance")));
            default -> null;
        };
    }

    private SlidingWindows sliding() {
        return SlidingWindows.ofTimeDifferenceAndGrace(Duration.ofMillis(number("size")), Duration.ofMillis(number("grace")));
    }

    private SessionWindows sessions() {
        return SessionWindows.ofInactivityGapAndGrace(Duration.ofMillis(number("size")), Duration.ofMillis(number("grace")));
    }

    private Object aggregate(String f, String by) {
        @SuppressWarnings("unchecked")
        KGroupedStream<String, String> grouped = has("name")
                ? (KGroupedStream<String, String>) groupings.computeIfAbsent(text("name"), name -> grouped(0, by, name))
                : grouped(0, by, null);
        String how = text("how");
        Aggregator<String, String, String> aggregator = (k, v, all) -> reduce(f, all, v);
        Reducer<String> reducer = (a, b) -> reduce(f, a, b);
        EmitStrategy emit = is("emit_final") ? EmitStrategy.onWindowClose() : EmitStrategy.onWindowUpdate();
        if (!has("windows")) {
            return switch (how) {
                case "count" -> shown(grouped.count(this.<String, Long, org.apache.kafka.streams.state.KeyValueStore<org.apache.kafka.common.utils.Bytes, byte[]>>store().withKeySerde(TEXT)));
                case "reduce" -> grouped.reduce(reducer, texts());
                default -> grouped.aggregate(() -> "", aggregator, texts());
            };
        }
        if (text("windows").equals("session")) {
            SessionWindowedKStream<String, String> windowed = grouped.windowedBy(sessions()).emitStrategy(emit);
            return new Table<>(switch (how) {
                case "count" -> shown(windowed.count(this.<String, Long, org.apache.kafka.streams.state.SessionStore<org.apache.kafka.common.utils.Bytes, byte[]>>store().withKeySerde(TEXT)));
                case "reduce" -> windowed.reduce(reducer, texts());
                default -> windowed.aggregate(() -> "", aggregator, (k, a, b) -> merge(a, b), texts());
            }, null);
        }
        boolean isSliding = text("windows").equals("sliding");
        TimeWindowedKStream<String, String> windowed = isSliding ? grouped.windowedBy(sliding()) : grouped.windowedBy(fixed());
        windowed = windowed.emitStrategy(emit);
        return new Table<>(switch (how) {
            case "count" -> shown(windowed.count(this.<String, Long, org.apache.kafka.streams.state.WindowStore<org.apache.kafka.common.utils.Bytes, byte[]>>store().withKeySerde(TEXT)));
            case "reduce" -> windowed.reduce(reducer, texts());
            default -> windowed.aggregate(() -> "", aggregator, texts());
        }, number("size"));
    }

    private Object cogroup() {
        String f = text("f");
        CogroupedKStream<String, String> all = grouped(0, null, text("name") + "-left").cogroup((k, v, sum) -> reduce(f, sum, v));
        all = all.cogroup(grouped(1, null, text("name") + "-right"), (k, v, sum) -> subtract(sum, v));
        if (!has("windows")) {
            return all.aggregate(() -> "", texts());
        }
        return switch (text("windows")) {
            case "session" -> new Table<>(all.windowedBy(sessions()).aggregate(() -> "", (k, a, b) -> merge(a, b), texts()), null);
            case "sliding" -> new Table<>(all.windowedBy(sliding()).aggregate(() -> "", texts()), number("size"));
            default -> new Table<>(all.windowedBy(fixed()).aggregate(() -> "", texts()), number("size"));
        };
    }
}
