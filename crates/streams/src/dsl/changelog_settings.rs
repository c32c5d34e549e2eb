//! The settings of changelogs, which all that describes state has alike.

/// The methods, for an `impl` of a type with a field `changelog`: configs of the topics, none when they
/// are off. `$topics` and `$state` are the words for them in the docs.
macro_rules! changelog_settings {
    ($topics:literal, $state:literal) => {
        #[doc = concat!("Switches ", $topics, " off: ", $state, " is lost when its task moves or its process")]
        /// ends.
        #[doc(alias = "withLoggingDisabled")]
        pub fn without_changelog(mut self) -> Self {
            self.changelog = None;
            self
        }

        #[doc = concat!("Sets one of Kafka's topic configs on ", $topics, ".")]
        #[doc(alias = "withLoggingEnabled")]
        pub fn changelog_config(
            mut self,
            name: impl Into<String>,
            value: impl Into<String>,
        ) -> Self {
            self.changelog.get_or_insert_default().insert(name.into(), value.into());
            self
        }
    };
}

pub(super) use changelog_settings;
