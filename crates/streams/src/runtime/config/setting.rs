//! A row of the table of settings, and what the table becomes: the type [`Config`]
//! itself, its methods, its documentation, and access by text.

use super::{Config, ConfigError};

/// A row of the table.
pub(super) struct Setting {
    pub(super) key: &'static str,
    pub(super) expected: &'static str,
    pub(super) later: &'static [&'static str],
    pub(super) example: &'static str,
    #[cfg(test)]
    pub(super) default: &'static str,
    pub(super) read_into: fn(&mut Config, &str) -> Option<()>,
    pub(super) write: fn(&Config) -> String,
}

impl Setting {
    /// Sets this in `config` from its text.
    pub(super) fn apply(&self, config: &mut Config, value: &str) -> Result<(), ConfigError> {
        (self.read_into)(config, value).ok_or_else(|| ConfigError::refused(self, value))
    }

    /// Whether what `config` has here, perhaps by its type, is allowed as a text too.
    pub(super) fn check(&self, config: &Config) -> Result<(), ConfigError> {
        self.apply(&mut config.clone(), &self.text(config))
    }

    /// What `config` has here.
    pub(super) fn text(&self, config: &Config) -> String {
        (self.write)(config)
    }
}

/// Makes [`Config`] and [`SETTINGS`](super::settings::SETTINGS) of rows.
macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])+
        $key:literal: $rule:ident, default $default:literal, example $example:literal;
        $field:ident: $type:ty;
        get $getter:ident($self:ident) -> $got:ty $get:block
        set $setter:ident($value:ident: $given:ty) $set:block
    )+) => {
        /// The settings of an application, typed and by their Kafka names.
        ///
        /// ```
        /// use std::time::Duration;
        /// use millstream::runtime::config::Config;
        ///
        /// let config = Config::new("word-count")
        ///     .with_num_stream_threads(4)
        ///     .set("commit.interval.ms", "500")?;
        /// assert_eq!(config.commit_interval(), Duration::from_millis(500));
        ///
        /// let typo = config.set("comit.interval.ms", "500").unwrap_err();
        /// assert_eq!(
        ///     typo.to_string(),
        ///     "unknown setting `comit.interval.ms`: did you mean `commit.interval.ms`?"
        /// );
        /// # Ok::<(), millstream::runtime::config::ConfigError>(())
        /// ```
        ///
        /// | Key | Default | Example | Meaning |
        /// |---|---|---|---|
        $(#[doc = concat!("| `", $key, "` | ", $default, " | `", $example, "` |" $(, $doc)+, " |")])+
        /// | `topic.<name>` | | `topic.retention.ms` | Setting of every internal topic. |
        /// | `consumer.<name>` `producer.<name>` `admin.<name>` | | `producer.linger.ms` | Setting of that kind of client on a Kafka cluster, by librdkafka's name. What exactly-once rests on is refused. |
        /// | `security.protocol` `sasl.<name>` `ssl.<name>` | | `ssl.ca.location` | How every client reaches the Kafka cluster, by librdkafka's name. |
        ///
        /// # From files and the environment
        ///
        /// Of two values for a key the one that is applied later counts. [`load`](Self::load) makes
        /// that **defaults < file < environment < code**:
        ///
        /// ```no_run
        /// # use millstream::runtime::config::Config;
        /// let config = Config::load("app.toml")?.with_num_stream_threads(4);
        /// # Ok::<(), millstream::runtime::config::ConfigError>(())
        /// ```
        ///
        /// A file is TOML (`.toml`), with keys in quotes or as tables, or Java properties
        /// (`.properties`):
        ///
        /// ```toml
        /// "application.id" = "word-count"
        /// bootstrap.servers = ["kafka-1:9092", "kafka-2:9092"]
        /// num.stream.threads = 4
        ///
        /// [consumer]
        /// fetch.min.bytes = 1024
        /// ```
        ///
        /// In the environment a key has `MILLSTREAM_` in front, is in capitals, and has `_` for
        /// `.`, `__` for `-` and `___` for `_` (as in Confluent's images):
        /// `MILLSTREAM_CONSUMER_FETCH_MIN_BYTES` is `consumer.fetch.min.bytes`.
        ///
        /// Whatever is misspelt, unknown, or not possible is an error that names file and line, or
        /// the variable, and what would be right. Secrets are shown neither by errors nor by
        /// `Debug`.
        #[derive(Clone, PartialEq, Eq)]
        #[doc(alias = "StreamsConfig")]
        pub struct Config {
            $($field: $type,)+
            pub(super) topic_configs: BTreeMap<String, String>,
            pub(super) clients: ClientSettings,
        }

        impl Config {
            /// Every setting at its default, and no name of the application.
            pub(super) fn unnamed() -> Self {
                Self {
                    $($field: ($rule.read)($default).unwrap_or_default(),)+
                    topic_configs: BTreeMap::new(),
                    clients: ClientSettings::default(),
                }
            }

            $(
                #[doc = concat!("`", $key, "`:" $(, $doc)+)]
                pub fn $getter(&$self) -> $got $get

                #[doc = concat!("Sets `", $key, "`:" $(, $doc)+)]
                pub fn $setter(mut self, $value: $given) -> Self {
                    self.$field = $set;
                    self
                }
            )+
        }

        /// Every setting that has a key of its own.
        pub(super) static SETTINGS: &[Setting] = &[$(
            Setting {
                key: $key,
                expected: $rule.expected,
                later: $rule.later,
                example: $example,
                #[cfg(test)]
                default: $default,
                read_into: |config, text| {
                    config.$field = ($rule.read)(text)?;
                    Some(())
                },
                write: |config| ($rule.write)(&config.$field),
            },
        )+];
    };
}

pub(super) use settings;
