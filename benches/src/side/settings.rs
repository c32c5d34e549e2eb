use millstream::Config;

use crate::Failure;
use crate::arguments::Arguments;

/// The settings; those not asked for are Kafka Streams' defaults.
pub fn settings(arguments: &Arguments) -> Result<Config, Failure> {
    if arguments.group_protocol.as_deref() == Some("streams") {
        return Err("--group-protocol streams: there is no such group yet".into());
    }
    let flag =
        |yes: bool, then: &str, otherwise: &str| (if yes { then } else { otherwise }).to_owned();
    let reset = arguments.reset.clone();
    let reset = reset.unwrap_or_else(|| flag(arguments.is_restore(), "latest", "earliest"));
    let mut settings = vec![
        ("application.id", arguments.app_id.clone()),
        ("bootstrap.servers", arguments.bootstrap.clone()),
        ("num.stream.threads", arguments.threads.to_string()),
        ("state.dir", arguments.state_dir.clone()),
        ("processing.guarantee", flag(arguments.eos, "exactly_once_v2", "at_least_once")),
        ("statestore.cache.max.bytes", arguments.cache_bytes().to_string()),
        ("default.dsl.store", flag(arguments.rocksdb, "rocksDB", "in_memory")),
        ("auto.offset.reset", reset),
        ("producer.linger.ms", arguments.linger_ms.clone().unwrap_or_else(|| "100".to_owned())),
    ];
    let mut given = |key, value: &Option<String>| {
        settings.extend(value.clone().map(|value| (key, value)));
    };
    given("commit.interval.ms", &arguments.commit_ms);
    given("group.protocol", &arguments.group_protocol);
    if arguments.tuned {
        settings.extend([
            ("buffered.records.per.partition", "10000".to_owned()),
            ("consumer.fetch.message.max.bytes", (4 << 20).to_string()),
            ("producer.batch.size", (128 << 10).to_string()),
        ]);
    }
    let given = arguments.conf.iter().map(|(key, value)| (key.as_str(), value.clone()));
    Ok(Config::from_pairs(settings.into_iter().chain(given))?)
}
