package millstream;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.test.TestRecord;

/**
 * Runs programs on Kafka Streams' test driver.
 *
 * <pre>
 * Programs PORT FOLDER   connects to PORT of this machine; each line it reads there is a program, and is answered with a line
 * </pre>
 *
 * A program has "operators", "config" and "steps"; the answer is a case as the oracle has them, with "describe", or "refused".
 */
public final class Programs {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HexFormat HEX = HexFormat.of();

    public static void main(String[] args) throws Exception {
        System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "off");
        try (Socket socket = new Socket("127.0.0.1", Integer.parseInt(args[0]))) {
            socket.setTcpNoDelay(true);
            BufferedReader programs = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
            PrintStream answers = new PrintStream(new java.io.BufferedOutputStream(socket.getOutputStream()), false, StandardCharsets.UTF_8);
            for (String line = programs.readLine(); line != null; line = programs.readLine()) {
                ObjectNode answer;
                try {
                    answer = answer(JSON.readTree(line), Path.of(args[1]));
                } catch (Exception | Error broken) {
                    java.io.StringWriter told = new java.io.StringWriter();
                    broken.printStackTrace(new java.io.PrintWriter(told));
                    answer = JSON.createObjectNode().put("refused", told.toString());
                }
                answers.print(JSON.writeValueAsString(answer) + "\n");
                answers.flush();
            }
        }
    }

    private static ObjectNode answer(JsonNode program, Path folder) throws Exception {
        ObjectNode answer = JSON.createObjectNode();
        Path state = Files.createTempDirectory(folder, "state");
        Properties config = new Properties();
        config.put("application.id", "app");
        config.put("bootstrap.servers", "nobody:1");
        config.put("state.dir", state.toString());
        config.put("default.key.serde", Serdes.StringSerde.class.getName());
        config.put("default.value.serde", Serdes.StringSerde.class.getName());
        program.get("config").properties().forEach(entry -> config.put(entry.getKey(), entry.getValue().asText()));
        Topology topology;
        try {
            topology = new ProgramTopology(program.get("operators")).build(config);
        } catch (RuntimeException refused) {
            return answer.put("refused", refused.toString());
        }
        answer.put("id", "").put("topology", "");
        answer.set("config", program.get("config"));
        answer.put("describe", topology.describe().toString());
        TopologyTestDriver driver = new TopologyTestDriver(topology, config, Instant.ofEpochMilli(0));
        try {
            run(driver, program.get("steps"), answer);
        } finally {
            try {
                driver.close();
            } catch (RuntimeException failedBefore) {
                // What failed may fail to close.
            }
            delete(state);
        }
        return answer;
    }

    private static void run(TopologyTestDriver driver, JsonNode steps, ObjectNode answer) {
        ArrayNode done = answer.putArray("steps");
        boolean failed = false;
        for (JsonNode step : steps) {
            ObjectNode answered = done.addObject();
            try {
                take(driver, step, answered);
            } catch (RuntimeException error) {
                answered.put("error", error + " <- " + error.getCause());
                failed = true;
            }
            ArrayNode out = answered.putArray("out");
            for (String topic : new TreeSet<>(driver.producedTopicNames())) {
                var records = driver.createOutputTopic(topic, new ByteArrayDeserializer(), new ByteArrayDeserializer());
                records.readRecordsToList().forEach(record -> out.add(written(topic, record)));
            }
            if (failed) {
                break;
            }
        }
        if (!failed) {
            answer.set("stores", ProgramStores.contents(driver));
        }
        answer.put("dropped_records_total", dropped(driver));
    }

    private static void take(TopologyTestDriver driver, JsonNode step, ObjectNode answered) {
        if (step.hasNonNull("advance_wall_ms")) {
            answered.set("advance_wall_ms", step.get("advance_wall_ms"));
            driver.advanceWallClockTime(Duration.ofMillis(step.get("advance_wall_ms").asLong()));
            return;
        }
        JsonNode in = step.get("in");
        answered.set("in", in);
        Headers headers = new RecordHeaders();
        if (in.hasNonNull("headers")) {
            in.get("headers").forEach(header -> headers.add(header.get(0).asText(), bytes(header.get(1))));
        }
        driver.createInputTopic(in.get("topic").asText(), new ByteArraySerializer(), new ByteArraySerializer())
                .pipeInput(new TestRecord<>(bytes(in.get("key")), bytes(in.get("value")), headers, in.get("ts").asLong()));
    }

    private static byte[] bytes(JsonNode hex) {
        return hex == null || hex.isNull() ? null : HEX.parseHex(hex.asText());
    }

    static String hex(byte[] bytes) {
        return bytes == null ? null : HEX.formatHex(bytes);
    }

    private static ObjectNode written(String topic, TestRecord<byte[], byte[]> record) {
        ObjectNode written = JSON.createObjectNode();
        written.put("topic", topic).put("key", hex(record.key())).put("value", hex(record.value())).put("ts", record.timestamp());
        ArrayNode headers = written.putArray("headers");
        for (Header header : record.headers()) {
            headers.addArray().add(header.key()).add(hex(header.value()));
        }
        return written;
    }

    private static double dropped(TopologyTestDriver driver) {
        return driver.metrics().entrySet().stream()
                .filter(metric -> metric.getKey().name().equals("dropped-records-total"))
                .mapToDouble(metric -> (Double) metric.getValue().metricValue())
                .sum();
    }

    private static void delete(Path folder) throws Exception {
        try (Stream<Path> all = Files.walk(folder)) {
            List<Path> inside = all.sorted(Comparator.reverseOrder()).toList();
            for (Path path : inside) {
                Files.deleteIfExists(path);
            }
        }
    }
}
