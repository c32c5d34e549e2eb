//! Files, and what becomes of them.

use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::super::settings::SETTINGS;
use super::super::{Config, ConfigError};
use super::text;

/// Reads `content` as the file `app.<extension>`.
fn read(extension: &str, content: impl AsRef<[u8]>) -> Result<Config, ConfigError> {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join(format!("app.{extension}"));
    fs::write(&path, content).expect("it can be written");
    Config::from_file(path)
}

/// The error, from the name of the file on.
fn error(extension: &str, content: impl AsRef<[u8]>) -> String {
    let error = read(extension, content).map_or_else(|e| e.to_string(), |_| "no error".to_owned());
    error.split_once("/app.").map_or(error.clone(), |(_, rest)| rest.to_owned())
}

#[test]
fn both_formats_say_the_same() {
    let properties = "
# A comment
application.id = app
bootstrap.servers: a:1,\\
    b:2
num.stream.threads 3
commit.interval.ms=1000
consumer.fetch.min.bytes=5
sasl.password=p\\u00e4\\=ss
topic.min.insync.replicas=2
";
    let flat = r#"
"application.id" = "app"
"bootstrap.servers" = "a:1,b:2"
"num.stream.threads" = 3
"commit.interval.ms" = 0x3E8
"consumer.fetch.min.bytes" = 5
"sasl.password" = "pä=ss"
"topic.min.insync.replicas" = 2
"#;
    let nested = r#"
application = { id = "app" }
bootstrap.servers = ["a:1", "b:2"]
num.stream.threads = 3
commit.interval.ms = 1_000
sasl.password = 'pä=ss'
topic.min.insync.replicas = 2

[consumer]
"fetch.min" = { bytes = 5 }
"#;
    let expected = Config::from_pairs([
        ("application.id", "app"),
        ("bootstrap.servers", "a:1,b:2"),
        ("num.stream.threads", "3"),
        ("commit.interval.ms", "1000"),
        ("consumer.fetch.min.bytes", "5"),
        ("sasl.password", "pä=ss"),
        ("topic.min.insync.replicas", "2"),
    ]);
    for (extension, content) in [("properties", properties), ("toml", flat), ("toml", nested)] {
        assert_eq!(read(extension, content), expected, "{content}");
    }
}

#[test]
fn what_is_wrong_names_file_and_line() {
    let rows: &[(&str, &[u8], &str)] = &[
        (
            "yaml",
            b"",
            "yaml: neither `.toml` nor `.properties`, so its format is not known: rename it",
        ),
        (
            "toml",
            b"application.id = 'a'\n\n[consumer]\nfetch.min.byte = 1\n",
            "toml:4: unknown setting `consumer.fetch.min.byte`: did you mean \
             `consumer.fetch.min.bytes`?",
        ),
        (
            "properties",
            b"application.id = a\n\ncomit.interval.ms = 1",
            "properties:3: unknown setting `comit.interval.ms`: did you mean `commit.interval.ms`?",
        ),
        (
            "toml",
            b"'poll.ms' = 1\n[poll]\nms = 2",
            "toml:3: `poll.ms` is set already in line 1: remove one",
        ),
        (
            "toml",
            b"application.id = 2020-01-01",
            "toml:1: `application.id` is of the kind datetime: text, a number, true, false, or an \
             array of these is expected",
        ),
        (
            "toml",
            b"bootstrap.servers = [['a:1']]",
            "toml:1: `bootstrap.servers` is of the kind array: text, a number, true, false, or an \
             array of these is expected",
        ),
        ("toml", b"a = 1\n\xff", "toml:2: not UTF-8, as TOML is"),
        (
            "toml",
            b"poll.ms = 1",
            "toml: `application.id` = ``: expected a name of 1 to 249 letters, digits, `.`, `_` and `-`, such as `word-count`",
        ),
        (
            "properties",
            b"a = b\\u00x\n",
            "properties:1: not a line of a properties file: look at its `\\`",
        ),
    ];
    for (extension, content, expected) in rows {
        assert_eq!(error(extension, content), *expected);
    }
    let missing = Config::from_file("/nowhere/app.toml").unwrap_err().to_string();
    assert!(missing.starts_with("/nowhere/app.toml: it cannot be read: "), "{missing}");
}

#[test]
fn what_cannot_be_read_tells_no_secret() {
    let rows = [
        ("toml", "sasl.password = \"hunter2"),
        ("toml", "sasl.password = hunter2"),
        ("toml", "[sasl]\npassword = \"hunter2\" \"hunter2\""),
        ("toml", "sasl.password = { hunter2 = 2020-01-01, "),
        ("properties", "sasl.password = hunter2\\u00"),
    ];
    for (extension, content) in rows {
        let error = read(extension, content).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn deep_tables_are_no_danger() {
    let depth = 20_000;
    let dotted = format!("{}a = 1", "a.".repeat(depth));
    let arrays = format!("a = {}{}", "[".repeat(depth), "]".repeat(depth));
    let tables = format!("[{}a]\nb = 1", "a.".repeat(depth));
    for content in [dotted, arrays, tables] {
        assert!(read("toml", content).is_err());
    }
}

/// Text that is a file now and then.
fn content() -> impl Strategy<Value = String> {
    let key = prop::sample::select(
        SETTINGS
            .iter()
            .map(|s| s.key)
            .chain(["sasl.password", "consumer.x", ""])
            .collect::<Vec<_>>(),
    );
    let value =
        prop::sample::select(vec!["1", "'a'", "\"b\\\"", "[1, 'x']", "{ a = 1 }", "\\u12", ""]);
    let line = (key, prop::sample::select(vec![" = ", "=", ":", " ", "\\\n"]), value)
        .prop_map(|(key, between, value)| format!("{key}{between}{value}"));
    let line = prop_oneof![4 => line, 1 => "\\[?[a-z.'\"]{0,9}\\]?", 1 => ".{0,40}"];
    prop::collection::vec(line, 0..8).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_file_makes_it_panic(
        extension in prop::sample::select(vec!["toml", "properties"]),
        content in prop_oneof![
            content().prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..200)
        ],
    ) {
        if let Ok(config) = read(extension, content) {
            prop_assert!(!text(&config, "application.id").is_empty());
        }
    }
}
