//! The configs of a topic that the embedded broker acts on, parsed from Kafka's texts
//! (`TopicConfig`). Unknown configs are kept and described, and otherwise ignored.

use std::collections::BTreeMap;

use crate::BrokerError;

/// Kafka's default of `max.message.bytes` (1 MiB and 12 bytes).
const MAX_MESSAGE_BYTES: usize = 1_048_588;
/// Default of `segment.bytes`. Kafka's is 1 GiB; as only what lies before the active segment is
/// compacted, a broker inside a process needs a smaller one.
const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;
/// Kafka's default of `delete.retention.ms`: one day.
const DELETE_RETENTION_MS: i64 = 86_400_000;

/// Parsed configs of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TopicConfig {
    /// Whether `cleanup.policy` holds `delete`.
    pub(super) delete: bool,
    /// Whether `cleanup.policy` holds `compact`.
    pub(super) compact: bool,
    /// `retention.ms`; `None` = for ever.
    pub(super) retention_ms: Option<i64>,
    /// `retention.bytes` of each partition; `None` = no limit.
    pub(super) retention_bytes: Option<u64>,
    /// `segment.bytes`: what is not compacted at the end of the log.
    pub(super) segment_bytes: u64,
    /// `delete.retention.ms`: how long a tombstone outlives its first compaction.
    pub(super) delete_retention_ms: i64,
    /// `min.compaction.lag.ms`: how long a record is not compacted.
    pub(super) min_compaction_lag_ms: i64,
    /// `max.message.bytes`: largest record taken.
    pub(super) max_message_bytes: usize,
}

impl TopicConfig {
    /// Parses `configs` of `topic`; [`BrokerError::InvalidTopic`] names the first that is wrong.
    pub(super) fn parse(
        topic: &str,
        configs: &BTreeMap<String, String>,
    ) -> Result<Self, BrokerError> {
        let invalid =
            |reason: String| BrokerError::InvalidTopic { topic: topic.to_owned(), reason };
        let number = |name: &str, default: i64, least: i64| match configs.get(name) {
            None => Ok(default),
            Some(text) => match text.trim().parse::<i64>() {
                Ok(value) if value >= least => Ok(value),
                _ => Err(invalid(format!(
                    "config {name}={text} is not a whole number of at least {least}"
                ))),
            },
        };
        let (mut delete, mut compact) = (false, false);
        let policy = configs.get("cleanup.policy").map_or("delete", |p| p);
        for word in policy.split(',') {
            match word.trim() {
                "delete" => delete = true,
                "compact" => compact = true,
                other => {
                    return Err(invalid(format!(
                        "config cleanup.policy has '{other}': use delete, compact or both"
                    )));
                }
            }
        }
        let limit = |value: i64| (value >= 0).then_some(value);
        Ok(Self {
            delete,
            compact,
            retention_ms: limit(number("retention.ms", -1, -1)?),
            retention_bytes: limit(number("retention.bytes", -1, -1)?).map(|v| v as u64),
            segment_bytes: number("segment.bytes", SEGMENT_BYTES as i64, 1)? as u64,
            delete_retention_ms: number("delete.retention.ms", DELETE_RETENTION_MS, 0)?,
            min_compaction_lag_ms: number("min.compaction.lag.ms", 0, 0)?,
            max_message_bytes: number("max.message.bytes", MAX_MESSAGE_BYTES as i64, 0)? as usize,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(configs: &[(&str, &str)]) -> Result<TopicConfig, BrokerError> {
        let configs = configs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        TopicConfig::parse("t", &configs)
    }

    #[test]
    fn kafkas_texts_are_understood() {
        let config = parse(&[
            ("cleanup.policy", "compact, delete"),
            ("retention.ms", "-1"),
            ("retention.bytes", "10"),
            ("min.insync.replicas", "2"),
        ])
        .unwrap();
        assert!(config.compact && config.delete);
        assert_eq!((config.retention_ms, config.retention_bytes), (None, Some(10)));
        assert_eq!(config.max_message_bytes, MAX_MESSAGE_BYTES);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (name, value) in
            [("cleanup.policy", "forget"), ("retention.ms", "a day"), ("segment.bytes", "0")]
        {
            let error = parse(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
