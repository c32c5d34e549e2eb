//! Variables of an environment, and what they set.

use std::ffi::OsString;

use super::super::{Config, ConfigError};
use super::text;

fn with(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables = variables.iter().map(|(n, v)| (OsString::from(n), OsString::from(v)));
    Config::new("code").set("poll.ms", "7")?.with_variables(variables)
}

#[test]
fn variables_set_what_they_name() {
    let config = with(&[
        ("PATH", "/bin"),
        ("millstream_poll_ms", "not ours"),
        ("MILLSTREAM_APPLICATION_ID", "from-env"),
        ("MILLSTREAM_BOOTSTRAP_SERVERS", "a:1"),
        ("MILLSTREAM_CONSUMER_FETCH_MIN_BYTES", "5"),
        ("MILLSTREAM_TOPIC_A___B__C", "x"),
        ("MILLSTREAM_CLIENT_ID", ""),
    ])
    .expect("valid");
    assert_eq!(config.application_id(), "from-env");
    assert_eq!(text(&config, "bootstrap.servers"), "a:1");
    assert_eq!(text(&config, "poll.ms"), "7", "what was set before stays");
    assert!(config.topic_configs().eq([("a_b-c", "x")]));
    assert_eq!(config.clients.consumer["fetch.min.bytes"], "5");
}

#[test]
fn a_variable_that_cannot_be_used_is_named() {
    let rows = [
        (
            ("MILLSTREAM_COMIT_INTERVAL_MS", "1"),
            "environment variable `MILLSTREAM_COMIT_INTERVAL_MS`: unknown setting: did you mean \
             `MILLSTREAM_COMMIT_INTERVAL_MS`?",
        ),
        (
            ("MILLSTREAM_CONSUMER_FETCH_MIN_BYTE", "1"),
            "environment variable `MILLSTREAM_CONSUMER_FETCH_MIN_BYTE`: unknown setting: did you \
             mean `MILLSTREAM_CONSUMER_FETCH_MIN_BYTES`?",
        ),
        (
            ("MILLSTREAM_NUM_STREAM_THREADS", "0"),
            "environment variable `MILLSTREAM_NUM_STREAM_THREADS`: `num.stream.threads` = `0`: \
             expected a whole number from 1 on, such as `4`",
        ),
        (
            ("MILLSTREAM_", "1"),
            "environment variable `MILLSTREAM_`: unknown setting ``, and none is spelt like it; \
             the documentation of `Config` has all of them",
        ),
    ];
    for (variable, expected) in rows {
        assert_eq!(with(&[variable]).unwrap_err().to_string(), expected);
    }
}

#[cfg(unix)]
#[test]
fn a_value_that_is_no_text_is_an_error_without_it() {
    use std::os::unix::ffi::OsStringExt;

    let value = OsString::from_vec(b"hunter\xff".to_vec());
    let error = Config::new("app").with_variables([("MILLSTREAM_SASL_PASSWORD".into(), value)]);
    let error = error.unwrap_err().to_string();
    assert_eq!(error, "environment variable `MILLSTREAM_SASL_PASSWORD`: its value is not UTF-8");
}
