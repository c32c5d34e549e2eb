package millstream;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.TimestampedKeyValueStore;
import org.apache.kafka.streams.state.TimestampedWindowStore;
import org.apache.kafka.streams.state.ValueAndTimestamp;
import org.apache.kafka.streams.state.WindowStore;
import org.apache.kafka.streams.state.internals.CachedStateStore;

/** What the stores of tables hold. Of the stores inside joins and suppressions the changelogs tell. */
final class ProgramStores {
    private ProgramStores() {}

    @SuppressWarnings("unchecked")
    static ArrayNode contents(TopologyTestDriver driver) {
        ArrayNode stores = new ObjectMapper().createArrayNode();
        for (Map.Entry<String, StateStore> named : new TreeMap<>(driver.getAllStateStores()).entrySet()) {
            StateStore store = named.getValue();
            if (named.getKey().contains("join-store") || named.getKey().contains("-subscription-store")) {
                continue;
            }
            if (store instanceof CachedStateStore<?, ?> cached) {
                // All of it has been written, and clean entries would show what the store has let go.
                cached.clearCache();
            }
            if (store instanceof TimestampedWindowStore) {
                ArrayNode entries = add(stores, named.getKey(), "timestamped-window");
                try (var all = ((TimestampedWindowStore<String, Object>) store).all()) {
                    all.forEachRemaining(entry -> window(entries.addObject(), entry.key, entry.value));
                }
            } else if (store instanceof SessionStore) {
                ArrayNode entries = add(stores, named.getKey(), "session");
                try (var all = ((SessionStore<String, Object>) store).findSessions(null, null, 0, Long.MAX_VALUE)) {
                    all.forEachRemaining(entry -> window(entries.addObject(), entry.key, entry.value));
                }
            } else if (store instanceof TimestampedKeyValueStore) {
                ArrayNode entries = add(stores, named.getKey(), "timestamped-key-value");
                try (KeyValueIterator<String, ValueAndTimestamp<Object>> all = ((TimestampedKeyValueStore<String, Object>) store).all()) {
                    all.forEachRemaining(entry -> value(entries.addObject().put("key", text(entry.key)), entry.value));
                }
            } else if (store instanceof WindowStore) {
                ArrayNode entries = add(stores, named.getKey(), "window");
                try (var all = ((WindowStore<String, Object>) store).all()) {
                    all.forEachRemaining(entry -> window(entries.addObject(), entry.key, entry.value));
                }
            } else if (store instanceof KeyValueStore) {
                ArrayNode entries = add(stores, named.getKey(), "key-value");
                try (KeyValueIterator<String, Object> all = ((KeyValueStore<String, Object>) store).all()) {
                    all.forEachRemaining(entry -> value(entries.addObject().put("key", text(entry.key)), entry.value));
                }
            }
        }
        return stores;
    }

    private static ArrayNode add(ArrayNode stores, String name, String kind) {
        return stores.addObject().put("name", name).put("kind", kind).putArray("entries");
    }

    private static void window(ObjectNode entry, Windowed<String> key, Object value) {
        entry.put("key", text(key.key())).put("start", key.window().start()).put("end", key.window().end());
        value(entry, value);
    }

    private static void value(ObjectNode entry, Object value) {
        if (value instanceof ValueAndTimestamp<?> dated) {
            entry.put("ts", dated.timestamp());
            value(entry, dated.value());
        } else if (value instanceof Long number) {
            entry.put("value", Programs.hex(ByteBuffer.allocate(8).putLong(number).array()));
        } else {
            entry.put("value", text((String) value));
        }
    }

    private static String text(String text) {
        return text == null ? null : Programs.hex(text.getBytes(StandardCharsets.UTF_8));
    }
}
