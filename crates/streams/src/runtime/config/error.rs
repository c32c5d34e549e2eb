//! What can be wrong with settings, in words that say what would be right.

use super::setting::Setting;

/// How alike two keys have to be, from 0 to 1, before one is offered for the other.
const ALIKE: f64 = 0.5;

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No setting has this key.
    #[error("unknown setting `{key}`{}", hint(*.nearest))]
    UnknownKey {
        /// The key.
        key: String,
        /// The setting that was probably meant.
        nearest: Option<&'static str>,
    },
    /// The value is not one that the key allows.
    #[error("`{key}` = `{value}`: expected {expected}, such as `{example}`")]
    BadValue {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// What the key allows.
        expected: &'static str,
        /// A value that would be right.
        example: &'static str,
    },
    /// The value is known to Kafka Streams, and this version cannot do it yet.
    #[error(
        "`{key}` = `{value}`: that comes in a later version, for now it can only be {expected}"
    )]
    NotYet {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// What the key allows now.
        expected: &'static str,
    },
    /// Settings that are right one by one make no sense together.
    #[error("{0}")]
    Contradiction(String),
}

impl ConfigError {
    /// No setting is called `key`; the right one is looked for in `keys`.
    pub(super) fn unknown(key: &str, keys: impl Iterator<Item = &'static str>) -> Self {
        let written = key.to_lowercase();
        let nearest = keys
            .map(|known| (strsim::sorensen_dice(&written, known), known))
            .filter(|(alike, _)| *alike >= ALIKE)
            .max_by(|(one, _), (other, _)| one.total_cmp(other))
            .map(|(_, known)| known);
        Self::UnknownKey { key: key.to_owned(), nearest }
    }

    /// `setting` refuses `value`.
    pub(super) fn refused(setting: &Setting, value: &str) -> Self {
        let (key, value, expected) = (setting.key, value.to_owned(), setting.expected);
        if setting.later.contains(&value.as_str()) {
            Self::NotYet { key, value, expected }
        } else {
            Self::BadValue { key, value, expected, example: setting.example }
        }
    }

    /// Settings exclude each other, for `reason`.
    pub(super) fn contradiction(reason: impl Into<String>) -> Self {
        Self::Contradiction(reason.into())
    }
}

fn hint(nearest: Option<&'static str>) -> String {
    match nearest {
        Some(key) => format!(": did you mean `{key}`?"),
        None => ", and none is spelt like it; those of the connection belong to the broker that \
                 the application is given"
            .to_owned(),
    }
}
