package millstream;

import static millstream.ProgramFunctions.cut;
import static millstream.ProgramFunctions.dated;
import static millstream.ProgramFunctions.show;
import static millstream.ProgramFunctions.starts;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.ValueTransformerWithKey;
import org.apache.kafka.streams.processor.ProcessorContext;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.TimestampedKeyValueStore;
import org.apache.kafka.streams.state.ValueAndTimestamp;
import org.apache.kafka.streams.state.WindowStore;

/** Processors written by hand, as {@code processors.rs} has them. */
final class ProgramProcessors {
    private static final Serde<String> TEXT = Serdes.String();
    private static final Duration WINDOW = Duration.ofMillis(10);
    private static final Duration RETENTION = Duration.ofMillis(100);

    private ProgramProcessors() {}

    static StoreBuilder<?> store(JsonNode operator) {
        String name = operator.get("store").asText();
        StoreBuilder<?> store = switch (operator.get("kind").asText()) {
            case "timestamped" -> Stores.timestampedKeyValueStoreBuilder(Stores.persistentTimestampedKeyValueStore(name), TEXT, TEXT);
            case "window" -> Stores.windowStoreBuilder(Stores.persistentWindowStore(name, RETENTION, WINDOW, false), TEXT, TEXT);
            default -> Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), TEXT, TEXT);
        };
        store = operator.path("no_cache").asBoolean() ? store.withCachingDisabled() : store.withCachingEnabled();
        return operator.path("no_log").asBoolean() ? store.withLoggingDisabled() : store;
    }

    static ProcessorSupplier<String, String, String, String> processor(JsonNode operator) {
        String store = operator.path("store").asText();
        long size = operator.path("size").asLong();
        return switch (operator.get("how").asText()) {
            case "last" -> () -> new Last(store);
            case "tick" -> () -> new Tick(store, size, PunctuationType.STREAM_TIME);
            case "tick_wall" -> () -> new Tick(store, size, PunctuationType.WALL_CLOCK_TIME);
            case "twice" -> () -> new Twice(size);
            case "route" -> () -> new Route(operator.get("children").get(0).asText(), operator.get("children").get(1).asText());
            default -> throw new IllegalArgumentException("processor " + operator.get("how"));
        };
    }

    static FixedKeyProcessorSupplier<String, String, String> fixedKeyProcessor(JsonNode operator) {
        String store = operator.get("store").asText();
        return () -> new LastValue(store);
    }

    /** A source, two processors with a store that they share, and two sinks. */
    static void addByHand(Topology topology, JsonNode operator) {
        String topic = operator.get("topic").asText();
        String name = operator.get("name").asText();
        String store = operator.get("store").asText();
        topology.addSource(name + "-source", TEXT.deserializer(), TEXT.deserializer(), topic);
        ProcessorSupplier<String, String, String, String> last = () -> new Last(store);
        topology.addProcessor(name + "-first", last, name + "-source");
        topology.addProcessor(name + "-second", last, name + "-source", name + "-first");
        topology.addStateStore(store(operator), name + "-first", name + "-second");
        topology.addSink(name + "-one", topic + "-one", TEXT.serializer(), TEXT.serializer(), name + "-first");
        topology.addSink(name + "-two", topic + "-two", TEXT.serializer(), TEXT.serializer(), name + "-first", name + "-second");
    }

    /** Puts a value in, unless it begins with a "d", which deletes; gives it with what was there. */
    @SuppressWarnings("unchecked")
    private static String put(StateStore any, String key, String value, long timestamp) {
        String put = starts(value, "d") ? null : value;
        String before;
        if (any instanceof TimestampedKeyValueStore) {
            TimestampedKeyValueStore<String, String> store = (TimestampedKeyValueStore<String, String>) any;
            ValueAndTimestamp<String> dated = store.get(key);
            before = dated == null ? null : dated.value() + dated.timestamp();
            store.put(key, ValueAndTimestamp.make(put, timestamp));
        } else if (any instanceof KeyValueStore) {
            KeyValueStore<String, String> store = (KeyValueStore<String, String>) any;
            before = store.get(key);
            store.put(key, put);
        } else {
            WindowStore<String, String> store = (WindowStore<String, String>) any;
            StringBuilder found = new StringBuilder();
            try (var windows = store.fetch(key, timestamp - WINDOW.toMillis(), timestamp)) {
                windows.forEachRemaining(entry -> found.append(entry.key).append(show(entry.value)));
            }
            before = found.toString();
            store.put(key, put, timestamp);
        }
        return cut(show(before) + ">" + show(value));
    }

    /** Hands each record on with what its key had before. */
    private static final class Last extends ContextualProcessor<String, String, String, String> {
        private final String store;

        Last(String store) {
            this.store = store;
        }

        @Override
        public void process(Record<String, String> record) {
            if (record.key() == null) {
                context().forward(record);
                return;
            }
            context().forward(record.withValue(put(context().getStateStore(store), record.key(), record.value(), record.timestamp())));
        }
    }

    private static final class LastValue extends ContextualFixedKeyProcessor<String, String, String> {
        private final String store;

        LastValue(String store) {
            this.store = store;
        }

        @Override
        public void process(FixedKeyRecord<String, String> record) {
            if (record.key() == null) {
                context().forward(record);
                return;
            }
            context().forward(record.withValue(put(context().getStateStore(store), record.key(), record.value(), record.timestamp())));
        }
    }

    /** Gathers values by key, and hands on and forgets what it has when it is time. */
    private static final class Tick extends ContextualProcessor<String, String, String, String> {
        private final String store;
        private final long every;
        private final PunctuationType kind;

        Tick(String store, long every, PunctuationType kind) {
            this.store = store;
            this.every = every;
            this.kind = kind;
        }

        @Override
        public void init(org.apache.kafka.streams.processor.api.ProcessorContext<String, String> context) {
            super.init(context);
            context.schedule(Duration.ofMillis(every), kind, this::punctuate);
        }

        private static String text(Object value) {
            return value instanceof ValueAndTimestamp<?> dated ? (String) dated.value() : (String) value;
        }

        @Override
        public void process(Record<String, String> record) {
            if (record.key() == null) {
                return;
            }
            KeyValueStore<String, Object> values = context().getStateStore(store);
            String before = text(values.get(record.key()));
            String value = cut((before == null ? "" : before) + show(record.value()));
            values.put(record.key(), (Object) values instanceof TimestampedKeyValueStore ? ValueAndTimestamp.make(value, record.timestamp()) : value);
        }

        private void punctuate(long time) {
            KeyValueStore<String, Object> values = context().getStateStore(store);
            List<KeyValue<String, Object>> all = new ArrayList<>();
            try (KeyValueIterator<String, Object> found = values.all()) {
                found.forEachRemaining(all::add);
            }
            for (KeyValue<String, Object> entry : all) {
                values.delete(entry.key);
                context().forward(new Record<>(entry.key, text(entry.value), time));
            }
        }
    }

    /** Hands each record on twice: later with a header more, and without headers. */
    private static final class Twice extends ContextualProcessor<String, String, String, String> {
        private final long later;

        Twice(long later) {
            this.later = later;
        }

        @Override
        public void process(Record<String, String> record) {
            Headers headers = new RecordHeaders(record.headers().toArray());
            headers.add("x", new byte[] {'y'});
            context().forward(record.withHeaders(headers).withTimestamp(record.timestamp() + later));
            context().forward(record.withHeaders(new RecordHeaders()));
        }
    }

    /** Hands records to the one child, to the other twice, or to all, by how their values begin. */
    private static final class Route extends ContextualProcessor<String, String, String, String> {
        private final String first;
        private final String second;

        Route(String first, String second) {
            this.first = first;
            this.second = second;
        }

        @Override
        public void process(Record<String, String> record) {
            if (starts(record.value(), "a")) {
                context().forward(record, first);
            } else if (starts(record.value(), "b")) {
                context().forward(record, second);
                context().forward(record.withValue(null), second);
            } else {
                context().forward(record);
            }
        }
    }

    /** The values of a table with their times. */
    static final class Dating implements ValueTransformerWithKey<String, String, String> {
        private ProcessorContext context;

        @Override
        public void init(ProcessorContext context) {
            this.context = context;
        }

        @Override
        public String transform(String key, String value) {
            return value == null ? null : dated(key, value, context.timestamp());
        }

        @Override
        public void close() {}
    }
}
