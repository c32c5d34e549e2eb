package millstream;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * What a test does with topics, by Kafka's own clients.
 *
 * <pre>
 * Topics BOOTSTRAP create NAME PARTITIONS   creates a topic
 * Topics BOOTSTRAP list                     prints NAME TAB PARTITIONS of all topics
 * Topics BOOTSTRAP produce NAME FILE        writes each line of a file as a record without a key
 * Topics BOOTSTRAP feed NAME RATE           writes the numbers from 0, so many a second, and when SIGTERM ends it prints
 *                                           FED and how many
 * Topics BOOTSTRAP consume NAME             prints KEY TAB NUMBER of all committed records with 8-byte values
 * Topics BOOTSTRAP allow ACL...             each is USER:OPERATION:TYPE:NAME; a name that ends with * is a prefix
 * Topics BOOTSTRAP scram USER PASSWORD      lets a user in by SCRAM
 * </pre>
 */
public final class Topics {
    public static void main(String[] args) throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", args[0]);
        switch (args[1]) {
            case "create" -> create(settings, args[2], Integer.parseInt(args[3]));
            case "list" -> list(settings);
            case "produce" -> produce(settings, args[2], Path.of(args[3]));
            case "feed" -> feed(settings, args[2], Integer.parseInt(args[3]));
            case "consume" -> consume(args[0], args[2]);
            case "allow" -> allow(settings, List.of(args).subList(2, args.length));
            case "scram" -> scram(settings, args[2], args[3]);
            default -> throw new IllegalArgumentException(args[1]);
        }
    }

    private static void create(Map<String, Object> settings, String name, int partitions) throws Exception {
        try (Admin admin = Admin.create(settings)) {
            admin.createTopics(List.of(new NewTopic(name, Optional.of(partitions), Optional.empty()))).all().get();
        }
    }

    private static void allow(Map<String, Object> settings, List<String> acls) throws Exception {
        try (Admin admin = Admin.create(settings)) {
            admin.createAcls(acls.stream().map(Topics::acl).toList()).all().get();
        }
    }

    private static void scram(Map<String, Object> settings, String user, String password) throws Exception {
        try (Admin admin = Admin.create(settings)) {
            // One request cannot alter a user twice.
            for (ScramMechanism mechanism : List.of(ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)) {
                ScramCredentialInfo info = new ScramCredentialInfo(mechanism, 4096);
                admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion(user, info, password))).all().get();
            }
        }
    }

    private static AclBinding acl(String text) {
        String[] parts = text.split(":");
        boolean isPrefix = parts[3].endsWith("*");
        String name = isPrefix ? parts[3].substring(0, parts[3].length() - 1) : parts[3];
        return new AclBinding(
                new ResourcePattern(ResourceType.valueOf(parts[2]), name, isPrefix ? PatternType.PREFIXED : PatternType.LITERAL),
                new AccessControlEntry("User:" + parts[0], "*", AclOperation.valueOf(parts[1]), AclPermissionType.ALLOW));
    }

    private static void list(Map<String, Object> settings) throws Exception {
        try (Admin admin = Admin.create(settings)) {
            Map<String, TopicDescription> all = admin.describeTopics(admin.listTopics().names().get()).allTopicNames().get();
            new TreeMap<>(all).forEach((name, topic) -> System.out.println(name + "\t" + topic.partitions().size()));
        }
    }

    private static void produce(Map<String, Object> settings, String name, Path file) throws Exception {
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            for (String line : Files.readAllLines(file)) {
                producer.send(new ProducerRecord<>(name, line));
            }
        }
    }

    private static void feed(Map<String, Object> settings, String name, int rate) throws Exception {
        AtomicBoolean stop = new AtomicBoolean();
        Thread feeding = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stop.set(true);
            try {
                feeding.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
        long fed = 0;
        long start = System.nanoTime();
        try (KafkaProducer<String, Long> producer = new KafkaProducer<>(settings, new StringSerializer(), new LongSerializer())) {
            while (!stop.get()) {
                long due = (System.nanoTime() - start) / 1000 * rate / 1_000_000;
                for (; fed < due; fed++) {
                    producer.send(new ProducerRecord<>(name, "k" + fed % 50, fed));
                }
                Thread.sleep(5);
            }
        }
        System.out.println("FED " + fed);
        System.out.flush();
    }

    private static void consume(String bootstrap, String name) {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "isolation.level", "read_committed");
        try (KafkaConsumer<String, Long> consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new LongDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(name).stream()
                    .map(partition -> new TopicPartition(name, partition.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
                consumer.poll(Duration.ofMillis(100)).forEach(record -> System.out.println(record.key() + "\t" + record.value()));
            }
        }
    }
}
