//! Settings of Kafka Streams and of Java's clients that people bring along, and what takes their
//! place here.

const FORMATS: &str = "types say their formats here, see `Wire`; `Topic::with` and \
                       `Materialized` say otherwise for one topic or store";
const STANDBYS: &str = "standby tasks come in a later version: remove it";
const RACKS: &str = "standby tasks, and with them racks, come in a later version: remove it";
const METRICS: &str = "`StreamsApp::metrics` has what is counted; reporters come in a later \
                       version: remove it";
const WINDOWS: &str =
    "the key of a window carries its start, and `TimeWindows` its size: remove it";
const CODE: &str = "classes cannot be named in settings, this is no Java: remove it";
const OPENSSL: &str = "OpenSSL finds that out with the broker: remove it";
const NO_BLOCKING: &str = "nothing blocks on a client here: remove it; `socket.timeout.ms`, with \
                           `consumer.`, `producer.` or `admin.` in front, bounds a request";
const RETRIES: &str = "what may succeed later is tried again until it does: remove it";

/// Keys, and what to do instead. Under a prefix they mean the same.
static ELSEWHERE: &[(&str, &str)] = &[
    // Kafka Streams.
    ("acceptable.recovery.lag", STANDBYS),
    ("max.warmup.replicas", STANDBYS),
    ("num.standby.replicas", STANDBYS),
    ("probing.rebalance.interval.ms", STANDBYS),
    ("rack.aware.assignment.non_overlap_cost", RACKS),
    ("rack.aware.assignment.strategy", RACKS),
    ("rack.aware.assignment.tags", RACKS),
    ("rack.aware.assignment.traffic_cost", RACKS),
    ("task.assignor.class", CODE),
    ("application.server", "queries of other instances come in a later version: remove it"),
    ("default.key.serde", FORMATS),
    ("default.value.serde", FORMATS),
    ("default.list.key.serde.inner", FORMATS),
    ("default.list.key.serde.type", FORMATS),
    ("default.list.value.serde.inner", FORMATS),
    ("default.list.value.serde.type", FORMATS),
    ("windowed.inner.class.serde", FORMATS),
    ("window.size.ms", WINDOWS),
    (
        "windowstore.changelog.additional.retention.ms",
        "the changelog of a window store keeps what the store does and a day more: remove it",
    ),
    (
        "default.timestamp.extractor",
        "timestamps are those of the records; `Topic::timestamps` takes others out of one topic: \
         remove it",
    ),
    ("dsl.store.suppliers.class", CODE),
    ("default.client.supplier", "`StreamsApp::on` takes a broker of any kind: remove it"),
    ("processor.wrapper.class", CODE),
    (
        "rocksdb.config.setter",
        "RocksDB is tuned by the library: remove it; `rocksdb.memory.budget.bytes` bounds its \
         memory",
    ),
    (
        "upgrade.from",
        "there is no older version to upgrade from: stop every instance before you start one of \
         another version, and remove it",
    ),
    ("task.timeout.ms", RETRIES),
    ("built.in.metrics.version", METRICS),
    ("log.summary.interval.ms", METRICS),
    ("metric.reporters", METRICS),
    ("metrics.num.samples", METRICS),
    ("metrics.recording.level", METRICS),
    ("metrics.sample.window.ms", METRICS),
    ("auto.include.jmx.reporter", METRICS),
    (
        "ensure.explicit.internal.resource.naming",
        "name what has state, and `Topology::describe` shows every name: remove it",
    ),
    // Java's clients.
    ("key.serializer", FORMATS),
    ("value.serializer", FORMATS),
    ("key.deserializer", FORMATS),
    ("value.deserializer", FORMATS),
    ("partitioner.class", CODE),
    ("partitioner.ignore.keys", "records of one key must meet in one task: remove it"),
    ("interceptor.classes", CODE),
    ("max.poll.records", "set `buffered.records.per.partition`"),
    ("fetch.max.wait.ms", "librdkafka's name is `consumer.fetch.wait.max.ms`"),
    ("internal.leave.group.on.close", "set `leave.group.on.close`"),
    ("exclude.internal.topics", "topics are named one by one: remove it"),
    ("default.api.timeout.ms", NO_BLOCKING),
    ("max.block.ms", NO_BLOCKING),
    ("buffer.memory", "set `producer.queue.buffering.max.kbytes`, in kilobytes"),
    ("max.request.size", "set `producer.message.max.bytes`"),
    (
        "receive.buffer.bytes",
        "librdkafka's name is `socket.receive.buffer.bytes`, with `consumer.`, `producer.` or \
         `admin.` in front",
    ),
    (
        "send.buffer.bytes",
        "librdkafka's name is `socket.send.buffer.bytes`, with `consumer.`, `producer.` or \
         `admin.` in front",
    ),
    (
        "socket.connection.setup.timeout.max.ms",
        "librdkafka has one time for all attempts: set `socket.connection.setup.timeout.ms`, with \
         `consumer.`, `producer.` or `admin.` in front",
    ),
    ("security.providers", CODE),
    // How Java says who it is and whom it trusts.
    (
        "sasl.jaas.config",
        "set `sasl.username` and `sasl.password` to what stands in it (for Kerberos \
         `sasl.kerberos.principal` and `sasl.kerberos.keytab`, for OAuth \
         `sasl.oauthbearer.client.id` and `sasl.oauthbearer.client.secret`)",
    ),
    ("sasl.client.callback.handler.class", CODE),
    (
        "sasl.login.callback.handler.class",
        "set `sasl.oauthbearer.method` to `oidc`, and the other `sasl.oauthbearer.…`",
    ),
    ("sasl.login.class", CODE),
    (
        "ssl.truststore.location",
        "set `ssl.ca.location` to a file of PEM certificates; `keytool -exportcert -rfc` makes one \
         of a Java truststore",
    ),
    ("ssl.truststore.password", "a file of `ssl.ca.location` has none: remove it"),
    ("ssl.truststore.type", "a file of `ssl.ca.location` is PEM: remove it"),
    ("ssl.truststore.certificates", "set `ssl.ca.pem`"),
    (
        "ssl.keystore.type",
        "`ssl.keystore.location` is PKCS#12 here, remove it; for PEM set \
         `ssl.certificate.location` and `ssl.key.location`",
    ),
    ("ssl.keystore.key", "set `ssl.key.pem`"),
    ("ssl.keystore.certificate.chain", "set `ssl.certificate.pem`"),
    ("ssl.protocol", OPENSSL),
    ("ssl.enabled.protocols", OPENSSL),
    ("ssl.provider", OPENSSL),
    ("ssl.keymanager.algorithm", OPENSSL),
    ("ssl.trustmanager.algorithm", OPENSSL),
    ("ssl.secure.random.implementation", OPENSSL),
    ("ssl.engine.factory.class", CODE),
];

/// Prefixes of Kafka Streams that tell consumers apart which are one kind here.
const CONSUMERS: &[&str] = &["main.consumer.", "restore.consumer.", "global.consumer."];

/// What to do instead of setting `name`, when it is a setting that other libraries have.
pub(super) fn elsewhere(name: &str) -> Option<String> {
    if let Some(name) = CONSUMERS.iter().find_map(|prefix| name.strip_prefix(prefix)) {
        return Some(format!("all consumers have the same settings: set `consumer.{name}`"));
    }
    let found = ELSEWHERE.iter().find(|(key, _)| *key == name);
    found.map(|(_, remedy)| (*remedy).to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::client_names::{CONSUMERS, EVERY, PRODUCERS};
    use super::super::settings::SETTINGS;
    use super::*;

    #[test]
    fn what_is_elsewhere_is_not_here() {
        for (key, _) in ELSEWHERE {
            let names = EVERY.iter().chain(CONSUMERS).chain(PRODUCERS);
            assert!(names.clone().all(|name| name != key), "{key} is one of librdkafka");
            assert!(SETTINGS.iter().all(|setting| setting.key != *key), "{key} is ours");
            assert_eq!(ELSEWHERE.iter().filter(|(other, _)| other == key).count(), 1, "{key}");
        }
    }
}
