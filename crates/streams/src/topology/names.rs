//! Every generated name: nodes, stores and internal topics, as Kafka Streams makes them
//! (`InternalStreamsBuilder.newProcessorName`, `ProcessorStateManager.storeChangelogTopic`).

use super::TopicRef;

/// A generated name: a prefix and the running number of the builder.
pub(crate) fn generated_name(prefix: &str, index: usize) -> String {
    format!("{prefix}{index:010}")
}

/// Prefix and number of a generated name.
pub(super) fn generated_parts(name: &str) -> Option<(&str, usize)> {
    let (prefix, number) = name.split_at_checked(name.len().checked_sub(10)?)?;
    Some((prefix, number.parse().ok()?)).filter(|_| prefix.ends_with('-'))
}

/// The repartition topic of an operator, without the application id.
pub(crate) fn repartition_topic(name: &str) -> String {
    format!("{name}-repartition")
}

/// A topic of a foreign-key join that was given no name, without the application id.
pub(crate) fn foreign_key_topic(generated: &str) -> String {
    format!("{generated}-topic")
}

/// The changelog topic of a store, in full.
pub(crate) fn changelog_topic(application_id: &str, store: &str) -> String {
    format!("{application_id}-{store}-changelog")
}

impl TopicRef {
    /// The topic's full name.
    pub(crate) fn full_name(&self, application_id: &str) -> String {
        if self.internal { format!("{application_id}-{}", self.name) } else { self.name.clone() }
    }
}

/// Whether the DSL made a name up: one of its prefixes and a number, with whatever behind them.
pub(super) fn is_made_up(name: &str) -> bool {
    let of_dsl = ["KSTREAM-", "KTABLE-", "COGROUPKSTREAM-"].iter().any(|dsl| name.starts_with(dsl));
    let is_number =
        |part: &str| part.len() >= 10 && part.bytes().take(10).all(|byte| byte.is_ascii_digit());
    of_dsl && name.split('-').any(is_number)
}

/// Whether a repartition topic's name was generated; its nodes then have generated names too
/// (Kafka's pattern `KSTREAM.*-[0-9]{10}`).
pub(crate) fn is_generated(name: &str) -> bool {
    name.starts_with("KSTREAM")
        && name
            .rsplit_once('-')
            .is_some_and(|(_, n)| n.len() == 10 && n.bytes().all(|b| b.is_ascii_digit()))
}
