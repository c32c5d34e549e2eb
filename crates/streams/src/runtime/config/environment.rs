//! Settings from the environment: `MILLSTREAM_…`.

use std::ffi::OsString;

use super::{Config, ConfigError};

/// What the variables begin with.
const PREFIX: &str = "MILLSTREAM_";

/// What stands for what in a variable, the longest first.
const WRITTEN: &[(&str, &str)] = &[("___", "_"), ("__", "-"), ("_", ".")];

impl Config {
    /// The settings of the environment; `application.id`, as `MILLSTREAM_APPLICATION_ID`, has to be
    /// among them. [`Config`] says how keys are written.
    pub fn from_env() -> Result<Self, ConfigError> {
        let config = Self::unnamed().with_env()?;
        config.validate()?;
        Ok(config)
    }

    /// Sets what the environment says, over what was set before. A variable that begins with
    /// `MILLSTREAM_` and is no setting is an error.
    pub fn with_env(self) -> Result<Self, ConfigError> {
        self.with_variables(std::env::vars_os())
    }

    /// Sets what `variables` say.
    pub(super) fn with_variables(
        self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        variables.into_iter().try_fold(self, |config, (name, value)| {
            let name = name.to_string_lossy();
            let Some(written) = name.strip_prefix(PREFIX) else { return Ok(config) };
            let wrong =
                |reason: String| ConfigError::Variable { name: name.clone().into_owned(), reason };
            let value = value.to_str().ok_or_else(|| wrong("its value is not UTF-8".to_owned()))?;
            config.set(key(written), value).map_err(|error| match error {
                ConfigError::UnknownKey { nearest: Some(nearest), .. } => {
                    wrong(format!("unknown setting: did you mean `{}`?", variable(&nearest)))
                }
                error => wrong(error.to_string()),
            })
        })
    }
}

/// The key that a variable, without its prefix, stands for.
fn key(written: &str) -> String {
    let mut key = String::with_capacity(written.len());
    let mut rest = written;
    while let Some(char) = rest.chars().next() {
        let special = WRITTEN.iter().find(|(written, _)| rest.starts_with(written));
        let (len, read) =
            special.map_or((char.len_utf8(), None), |(w, read)| (w.len(), Some(read)));
        match read {
            Some(read) => key.push_str(read),
            None => key.extend(char.to_lowercase()),
        }
        rest = &rest[len..];
    }
    key
}

/// The variable of a key.
fn variable(key: &str) -> String {
    let mut variable = PREFIX.to_owned();
    for char in key.chars() {
        match char {
            '.' => variable.push('_'),
            '-' => variable.push_str("__"),
            '_' => variable.push_str("___"),
            char => variable.extend(char.to_uppercase()),
        }
    }
    variable
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_is_read_back(parts in prop::collection::vec("[a-z0-9]{1,5}", 1..5), between in prop::collection::vec("[._-]", 5)) {
            let mut written = parts[0].clone();
            for (part, between) in parts[1..].iter().zip(between) {
                written = format!("{written}{between}{part}");
            }
            prop_assert_eq!(key(variable(&written).strip_prefix(PREFIX).unwrap_or_default()), written);
        }
    }
}
