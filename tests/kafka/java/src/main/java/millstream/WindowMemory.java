package millstream;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.TimeWindows;

/**
 * The memory that a window takes in Kafka Streams: what the second million adds to the process, as `curves bytes` of the benchmarks tells it of
 * millstream.
 *
 * <pre>
 * WindowMemory memory|rocksdb tumbling|session|sliding|join
 * </pre>
 */
public final class WindowMemory {
    private static final int KEYS = 10_000;
    private static final long APART = 100;
    private static final Duration LONG = Duration.ofSeconds(100_000);

    public static void main(String[] args) throws Exception {
        System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "off");
        Path folder = Files.createTempDirectory("window-memory");
        Properties config = new Properties();
        config.put("application.id", "window-memory");
        config.put("bootstrap.servers", "unused:1");
        config.put("state.dir", folder.toString());
        config.put("default.key.serde", Serdes.LongSerde.class);
        config.put("default.value.serde", Serdes.LongSerde.class);
        config.put(
                "dsl.store.suppliers.class",
                args[0].equals("memory")
                        ? BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers.class
                        : BuiltInDslStoreSuppliers.RocksDBDslStoreSuppliers.class);
        StreamsBuilder builder = new StreamsBuilder();
        topology(builder, args[1]);
        long[] heap = new long[2];
        long[] resident = new long[2];
        try (TopologyTestDriver driver = new TopologyTestDriver(builder.build(config), config)) {
            TestInputTopic<Long, Long> in = driver.createInputTopic("in", new LongSerializer(), new LongSerializer());
            for (int million = 0; million < 2; million++) {
                for (int window = 0; window < 100; window++) {
                    long time = (million * 100L + window) * APART;
                    for (long key = 0; key < KEYS; key++) {
                        in.pipeInput(key * 0x9e3779b97f4a7c15L, 1L, time);
                    }
                }
                for (int times = 0; times < 3; times++) {
                    System.gc();
                    Thread.sleep(200);
                }
                Runtime runtime = Runtime.getRuntime();
                heap[million] = runtime.totalMemory() - runtime.freeMemory();
                resident[million] = residentKilobytes();
            }
        }
        System.out.printf(
                "%s\t%s\t%d bytes of heap a window of the second million\t%d MB of heap, %d MB resident with two millions%n",
                args[0], args[1], (heap[1] - heap[0]) / 1_000_000, heap[1] >> 20, resident[1] >> 10);
    }

    private static void topology(StreamsBuilder builder, String workload) {
        KStream<Long, Long> stream = builder.stream("in");
        KGroupedStream<Long, Long> grouped = stream.groupByKey();
        Duration gap = Duration.ofMillis(5);
        switch (workload) {
            case "tumbling" -> grouped.windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMillis(10), LONG))
                    .count(Materialized.<Long, Long, org.apache.kafka.streams.state.WindowStore<org.apache.kafka.common.utils.Bytes, byte[]>>as("n")
                            .withLoggingDisabled());
            case "session" -> grouped.windowedBy(SessionWindows.ofInactivityGapAndGrace(gap, LONG))
                    .count(Materialized.<Long, Long, org.apache.kafka.streams.state.SessionStore<org.apache.kafka.common.utils.Bytes, byte[]>>as("n")
                            .withLoggingDisabled());
            case "sliding" -> grouped.windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(gap, LONG))
                    .count(Materialized.<Long, Long, org.apache.kafka.streams.state.WindowStore<org.apache.kafka.common.utils.Bytes, byte[]>>as("n")
                            .withLoggingDisabled());
            default -> stream.join(
                            builder.<Long, Long>stream("other"),
                            Long::sum,
                            JoinWindows.ofTimeDifferenceAndGrace(gap, LONG),
                            StreamJoined.<Long, Long, Long>with(Serdes.Long(), Serdes.Long(), Serdes.Long()).withName("n").withLoggingDisabled())
                    .foreach((key, value) -> {});
        }
    }

    private static long residentKilobytes() throws Exception {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmRSS:")) {
                return Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        return 0;
    }
}
