//! `Debug` of [`Config`]: every setting by its key, and no secret.

use std::fmt;

use super::secret::shown;
use super::settings::SETTINGS;
use super::{Config, TOPIC_PREFIX};

impl fmt::Debug for Config {
    /// Every setting by its key; what is secret by its name only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = SETTINGS.iter().map(|setting| (setting.key.to_owned(), setting.text(self)));
        let of_topics = self
            .topic_configs()
            .map(|(name, value)| (format!("{TOPIC_PREFIX}{name}"), value.to_owned()));
        f.debug_map()
            .entries(own.chain(of_topics).chain(self.clients.entries()).map(|(key, value)| {
                let value = shown(&key, &value).to_owned();
                (key, value)
            }))
            .finish()
    }
}
