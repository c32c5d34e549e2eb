//! Settings of an application, under the names they have in Kafka's `StreamsConfig`.

mod choices;
mod debug;
mod error;
mod rules;
mod setting;
mod settings;

#[cfg(test)]
mod tests;

pub use choices::{Guarantee, Optimization, StoreKind, ThreadExceptionPolicy};
pub use error::ConfigError;
pub use settings::Config;

use settings::SETTINGS;

/// Settings with this in front go to every internal topic that is created (Kafka's
/// `StreamsConfig.TOPIC_PREFIX`).
const TOPIC_PREFIX: &str = "topic.";

impl Config {
    /// The settings of the application `application_id`, all others at their defaults. The name is
    /// checked by [`validate`](Self::validate).
    pub fn new(application_id: impl Into<String>) -> Self {
        Self::unnamed().with_application_id(application_id)
    }

    /// The settings of a properties file or an environment; `application.id` has to be among
    /// them. Unknown keys, bad values and what [`validate`](Self::validate) refuses are errors; of
    /// two values for a key the later one counts.
    ///
    /// ```
    /// use millstream::runtime::config::Config;
    ///
    /// let config = Config::from_pairs([("application.id", "word-count"), ("poll.ms", "20")])?;
    /// assert_eq!(config.poll_timeout().as_millis(), 20);
    /// # Ok::<(), millstream::runtime::config::ConfigError>(())
    /// ```
    pub fn from_pairs<K: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, ConfigError> {
        let config = pairs
            .into_iter()
            .try_fold(Self::unnamed(), |config, (key, value)| config.set(key, value))?;
        config.validate()?;
        Ok(config)
    }

    /// Sets `key` to `value`, both as text. An unknown key or a bad value is an error that says
    /// what would be right.
    pub fn set(
        mut self,
        key: impl AsRef<str>,
        value: impl AsRef<str>,
    ) -> Result<Self, ConfigError> {
        let (key, value) = (key.as_ref(), value.as_ref().trim());
        if let Some(name) = key.strip_prefix(TOPIC_PREFIX).filter(|name| !name.is_empty()) {
            return Ok(self.with_topic_config(name, value));
        }
        let setting = SETTINGS
            .iter()
            .find(|setting| setting.key == key)
            .ok_or_else(|| ConfigError::unknown(key, SETTINGS.iter().map(|known| known.key)))?;
        setting.apply(&mut self, value)?;
        Ok(self)
    }

    /// Sets `name` to `value` on every internal topic that is created, over what its kind would
    /// have (Kafka's `topic.<name>`). The broker checks it.
    pub fn with_topic_config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.topic_configs.insert(name.into(), value.into());
        self
    }

    /// What internal topics are created with, sorted by name.
    pub fn topic_configs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.topic_configs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether every value is one that its key allows, and all of them make sense together. The
    /// application asks this before it starts.
    pub fn validate(&self) -> Result<(), ConfigError> {
        SETTINGS.iter().try_for_each(|setting| setting.check(self))?;
        let commit = self.commit_interval();
        if commit.is_zero() {
            return Err(ConfigError::contradiction(
                "`commit.interval.ms` is 0, and a commit after every step leaves no time for \
                 records: the shortest interval is 1",
            ));
        }
        let transaction = self.transaction_timeout();
        if self.processing_guarantee() == Guarantee::ExactlyOnce && transaction < commit {
            return Err(ConfigError::contradiction(format!(
                "`transaction.timeout.ms` ({}) is below `commit.interval.ms` ({}), so the broker \
                 would abort every transaction before it is committed: raise the timeout or \
                 commit more often",
                transaction.as_millis(),
                commit.as_millis()
            )));
        }
        let (poll, between) = (self.poll_timeout(), self.max_poll_interval());
        if poll >= between {
            return Err(ConfigError::contradiction(format!(
                "`poll.ms` ({}) is not below `max.poll.interval.ms` ({}), so a stream thread \
                 without records would be taken for dead",
                poll.as_millis(),
                between.as_millis()
            )));
        }
        Ok(())
    }
}
