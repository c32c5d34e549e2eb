//! Settings from files: TOML and Java's properties.

use std::collections::BTreeMap;
use std::path::Path;

use java_properties::{LineContent, PropertiesIter};
use toml::de::{DeTable, DeValue};

use super::{Config, ConfigError};

/// A setting as it stands in a file.
struct Entry {
    key: String,
    value: String,
    line: usize,
}

/// What is wrong in a file, and in which line if that is known.
type Problem = (Option<usize>, String);

impl Config {
    /// The settings of a file; `application.id` has to be among them. `.toml` is TOML, with keys in
    /// quotes or as tables; `.properties` is Java's format, read as Java does.
    ///
    /// ```
    /// use millstream::runtime::config::Config;
    ///
    /// # let folder = std::env::temp_dir().join(format!("millstream-doc-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # let path = folder.join("app.toml");
    /// std::fs::write(&path, "application.id = 'word-count'\n[producer]\nlinger.ms = 5\n")?;
    /// let config = Config::from_file(&path)?;
    /// assert_eq!(config.application_id(), "word-count");
    ///
    /// std::fs::write(&path, "application.id = 'word-count'\n[producer]\nlinger.mss = 5\n")?;
    /// let error = Config::from_file(&path).unwrap_err().to_string();
    /// assert!(error.ends_with(
    ///     "app.toml:3: unknown setting `producer.linger.mss`: did you mean `producer.linger.ms`?"
    /// ));
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let config = Self::unnamed().with_file(path)?;
        config.validate().map_err(|error| ConfigError::in_file(path, None, error))?;
        Ok(config)
    }

    /// The settings of a file, and over them those of the environment; `application.id` has to be
    /// among them. What is set on the result comes last: defaults < file < environment < code.
    ///
    /// ```no_run
    /// use millstream::runtime::config::Config;
    ///
    /// let config = Config::load("app.toml")?.with_num_stream_threads(4);
    /// # Ok::<(), millstream::runtime::config::ConfigError>(())
    /// ```
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let config = Self::unnamed().with_file(path)?.with_env()?;
        config.validate()?;
        Ok(config)
    }

    /// Sets what stands in a file, over what was set before. Whether all makes sense together is
    /// asked by [`validate`](Self::validate).
    pub fn with_file(self, path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let wrong = |(line, reason): Problem| ConfigError::in_file(path, line, reason);
        let read = match path.extension().and_then(|extension| extension.to_str()) {
            Some("toml") => toml_entries,
            Some("properties") => properties_entries,
            _ => {
                let reason = "neither `.toml` nor `.properties`, so its format is not known: \
                              rename it";
                return Err(wrong((None, reason.to_owned())));
            }
        };
        let bytes = std::fs::read(path)
            .map_err(|error| wrong((None, format!("it cannot be read: {error}"))))?;
        read(&bytes).map_err(wrong)?.into_iter().try_fold(self, |config, entry| {
            let set = config.set(&entry.key, &entry.value);
            set.map_err(|error| wrong((Some(entry.line), error.to_string())))
        })
    }
}

/// What a file of Java's properties says. Not UTF-8, but what Java takes it for.
fn properties_entries(bytes: &[u8]) -> Result<Vec<Entry>, Problem> {
    let mut entries = Vec::new();
    for line in PropertiesIter::new(bytes) {
        // The reason may quote the line, and the line hold a secret.
        let line = line.map_err(|error| {
            (error.line_number(), "not a line of a properties file: look at its `\\`".to_owned())
        })?;
        let number = line.line_number();
        if let LineContent::KVPair(key, value) = line.consume_content() {
            entries.push(Entry { key, value, line: number });
        }
    }
    Ok(entries)
}

/// What a TOML file says, tables flattened.
fn toml_entries(bytes: &[u8]) -> Result<Vec<Entry>, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = line_of(bytes, error.valid_up_to());
        (Some(line), "not UTF-8, as TOML is".to_owned())
    })?;
    let table = DeTable::parse(text).map_err(|error| {
        // Not its whole text, which would show the line and a secret in it.
        let line = error.span().map(|span| line_of(bytes, span.start));
        (line, format!("not TOML: {}", error.message()))
    })?;
    let mut found = BTreeMap::new();
    // A stack of our own, as a table may lie deep in others.
    let mut tables = vec![(String::new(), table.into_inner())];
    while let Some((prefix, table)) = tables.pop() {
        for (name, value) in table {
            let line = line_of(bytes, name.span().start);
            let key = format!("{prefix}{}", name.get_ref());
            match value.into_inner() {
                DeValue::Table(table) => tables.push((format!("{key}."), table)),
                value => {
                    let value = toml_text(&value).ok_or_else(|| {
                        let kind = value.type_str();
                        (Some(line), format!("`{key}` is of the kind {kind}: text, a number, true, false, or an array of these is expected"))
                    })?;
                    let (first, second) = match found.insert(key.clone(), (value, line)) {
                        None => continue,
                        Some((_, first)) => (first.min(line), first.max(line)),
                    };
                    return Err((
                        Some(second),
                        format!("`{key}` is set already in line {first}: remove one"),
                    ));
                }
            }
        }
    }
    let mut entries: Vec<_> =
        found.into_iter().map(|(key, (value, line))| Entry { key, value, line }).collect();
    entries.sort_by_key(|entry| entry.line);
    Ok(entries)
}

/// A TOML value as text; `None` for a date, a table, or an array that holds such.
fn toml_text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            let decimal = i64::from_str_radix(number.as_str(), number.radix());
            Some(decimal.map_or_else(|_| number.as_str().to_owned(), |number| number.to_string()))
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Array(values) => {
            let texts = values.iter().map(|value| match value.get_ref() {
                DeValue::Array(_) => None,
                value => toml_text(value),
            });
            Some(texts.collect::<Option<Vec<_>>>()?.join(","))
        }
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

/// The line, from 1, in which a byte lies.
fn line_of(bytes: &[u8], position: usize) -> usize {
    let before = &bytes[..position.min(bytes.len())];
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}
