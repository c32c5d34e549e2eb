//! Settings of an application, under the names they have in Kafka's `StreamsConfig`.

mod check;
mod choices;
mod client_names;
mod clients;
mod debug;
mod elsewhere;
mod environment;
mod error;
mod file;
#[cfg(feature = "kafka")]
mod kafka;
mod refused;
mod rules;
mod secret;
mod setting;
mod settings;

#[cfg(test)]
mod tests;

pub use choices::{AutoOffsetReset, GroupProtocol, Guarantee, StoreKind, ThreadExceptionPolicy};
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

    /// The settings of keys and values as text; `application.id` has to be among them. Unknown
    /// keys, bad values and what [`validate`](Self::validate) refuses are errors; of two values for
    /// a key the later one counts.
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

    /// Sets `key` to `value`, both as text. An unknown key, a bad value, and what would break the
    /// engine's promises is an error that says what would be right.
    ///
    /// ```
    /// use millstream::runtime::config::Config;
    ///
    /// let config = Config::new("app")
    ///     .set("bootstrap.servers", "localhost:9092")?
    ///     .set("producer.linger.ms", "20")?;
    /// let refused = config.set("producer.acks", "1").unwrap_err().to_string();
    /// assert!(refused.starts_with("`producer.acks` is refused: "));
    /// # Ok::<(), millstream::runtime::config::ConfigError>(())
    /// ```
    pub fn set(
        mut self,
        key: impl AsRef<str>,
        value: impl AsRef<str>,
    ) -> Result<Self, ConfigError> {
        let (key, value) = (key.as_ref(), value.as_ref().trim());
        if let Some(name) = key.strip_prefix(TOPIC_PREFIX).filter(|name| !name.is_empty()) {
            return Ok(self.with_topic_config(name, value));
        }
        match SETTINGS.iter().find(|setting| setting.key == key) {
            Some(setting) => setting.apply(&mut self, value)?,
            None => self.clients.set(key, value)?,
        }
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
}
