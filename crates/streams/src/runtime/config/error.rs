//! What can be wrong with settings, in words that say what would be right.

use std::path::{Path, PathBuf};

use super::secret::shown;
use super::setting::Setting;

/// How alike two keys have to be, from 0 to 1, before one is offered for the other.
const ALIKE: f64 = 0.5;

/// A setting that cannot be used. What is secret is not in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No setting has this key.
    #[error("unknown setting `{key}`{}", hint(.nearest))]
    UnknownKey {
        /// The key.
        key: String,
        /// The setting that was probably meant.
        nearest: Option<String>,
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
    /// Kafka Streams or Java's clients have the setting; here something else takes its place.
    #[error("`{key}` is not a setting here: {remedy}")]
    Elsewhere {
        /// The key.
        key: String,
        /// What to do instead.
        remedy: String,
    },
    /// A client's setting that would break what the engine promises.
    #[error("`{key}` is refused: {reason}")]
    Refused {
        /// The key.
        key: String,
        /// Why, and what to do instead.
        reason: &'static str,
    },
    /// Settings that are right one by one make no sense together.
    #[error("{0}")]
    Contradiction(String),
    /// A file cannot be read, or something in it cannot be used.
    #[error("{}{}: {reason}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1, where one is to blame.
        line: Option<usize>,
        /// What is wrong.
        reason: String,
    },
    /// A variable of the environment cannot be used.
    #[error("environment variable `{name}`: {reason}")]
    Variable {
        /// The variable.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

impl ConfigError {
    /// `setting` refuses `value`.
    pub(super) fn refused(setting: &Setting, value: &str) -> Self {
        let (key, expected) = (setting.key, setting.expected);
        let (is_later, value) = (setting.later.contains(&value), shown(key, value).to_owned());
        if is_later {
            Self::NotYet { key, value, expected }
        } else {
            Self::BadValue { key, value, expected, example: setting.example }
        }
    }

    /// Something else takes the place of `key`.
    pub(super) fn elsewhere(key: &str, remedy: impl Into<String>) -> Self {
        Self::Elsewhere { key: key.to_owned(), remedy: remedy.into() }
    }

    /// Settings exclude each other, for `reason`.
    pub(super) fn contradiction(reason: impl Into<String>) -> Self {
        Self::Contradiction(reason.into())
    }

    /// Something is wrong with a file.
    pub(super) fn in_file(path: &Path, line: Option<usize>, reason: impl ToString) -> Self {
        Self::File { path: path.to_owned(), line, reason: reason.to_string() }
    }
}

/// The one of `names` that is spelt most like `written`, if one is.
pub(super) fn nearest(written: &str, names: impl IntoIterator<Item = String>) -> Option<String> {
    let written = written.to_lowercase();
    let alike = names.into_iter().map(|name| (strsim::sorensen_dice(&written, &name), name));
    alike
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

fn hint(nearest: &Option<String>) -> String {
    match nearest {
        Some(key) => format!(": did you mean `{key}`?"),
        None => {
            ", and none is spelt like it; the documentation of `Config` has all of them".to_owned()
        }
    }
}
