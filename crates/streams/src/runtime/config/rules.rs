//! How the text of a setting becomes a value, and what is said when it does not.

use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::time::Duration;

use super::{AutoOffsetReset, GroupProtocol, Guarantee, StoreKind, ThreadExceptionPolicy};
use crate::error::ErrorPolicy;
use crate::topology::Optimization;

/// The texts that a setting of type `T` allows.
pub(super) struct Rule<T> {
    /// The texts, described.
    pub(super) expected: &'static str,
    /// Texts that Kafka allows and a later version will.
    pub(super) later: &'static [&'static str],
    /// The value of a text, if it is allowed.
    pub(super) read: fn(&str) -> Option<T>,
    /// The text of a value. A value that came by its type may have a text that is not allowed.
    pub(super) write: fn(&T) -> String,
}

/// Longest name of a topic in Kafka; the name of the application is in front of every internal one.
const LONGEST_NAME: usize = 249;

pub(super) const NAME: Rule<String> = Rule {
    expected: "a name of 1 to 249 letters, digits, `.`, `_` and `-`",
    later: &[],
    read: |text| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let fits = !matches!(text, "" | "." | "..") && text.len() <= LONGEST_NAME;
        (fits && text.bytes().all(allowed)).then(|| text.to_owned())
    },
    write: String::clone,
};

pub(super) const TEXT: Rule<Option<String>> = Rule {
    expected: "any text, or nothing",
    later: &[],
    read: |text| Some(Some(text.to_owned()).filter(|text| !text.is_empty())),
    write: |text| text.clone().unwrap_or_default(),
};

pub(super) const PATH: Rule<Option<PathBuf>> = Rule {
    expected: "a directory, or nothing",
    later: &[],
    read: |text| Some(Some(PathBuf::from(text)).filter(|_| !text.is_empty())),
    write: |path| path.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
};

pub(super) const SERVERS: Rule<Option<String>> = Rule {
    expected: "`host:port`, several with commas between, or nothing",
    later: &[],
    read: |text| {
        if text.is_empty() {
            return Some(None);
        }
        let servers: Vec<&str> = text.split(',').map(str::trim).collect();
        servers.iter().all(|server| is_server(server)).then(|| Some(servers.join(",")))
    },
    write: |servers| servers.clone().unwrap_or_default(),
};

/// Whether `text` is `host:port`, or `[host]:port` when the host has colons.
fn is_server(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let named = |host: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !host.is_empty() && host.bytes().all(allowed)
    };
    let host_fits = bare.map_or_else(|| named(host), |host| host.parse::<Ipv6Addr>().is_ok());
    host_fits && port.parse::<u16>().is_ok_and(|port| port > 0)
}

pub(super) const COUNT: Rule<usize> = Rule {
    expected: "a whole number from 1 on",
    later: &[],
    read: |text| text.parse().ok().filter(|count| *count > 0),
    write: usize::to_string,
};

pub(super) const YES_OR_NO: Rule<bool> = Rule {
    expected: "`true` or `false`",
    later: &[],
    read: |text| text.parse().ok(),
    write: bool::to_string,
};

pub(super) const BYTES: Rule<usize> = Rule {
    expected: "a whole number of bytes, 0 for none",
    later: &[],
    read: |text| text.parse().ok(),
    write: usize::to_string,
};

pub(super) const REPLICAS: Rule<Option<u16>> = Rule {
    expected: "a whole number from 1 to 32767, or -1 for what the broker takes by itself",
    later: &[],
    read: |text| match text.parse().ok()? {
        -1 => Some(None),
        count @ 1i16.. => Some(Some(count.unsigned_abs())),
        _ => None,
    },
    write: |count| count.map_or_else(|| "-1".to_owned(), |count| count.to_string()),
};

pub(super) const MILLIS: Rule<Duration> = Rule {
    expected: "a whole number of milliseconds",
    later: &[],
    read: |text| text.parse().ok().map(Duration::from_millis),
    write: |time| time.as_millis().to_string(),
};

pub(super) const MILLIS_OR_NOTHING: Rule<Option<Duration>> = Rule {
    expected: "a whole number of milliseconds, or nothing",
    later: &[],
    read: |text| {
        if text.is_empty() { Some(None) } else { (MILLIS.read)(text).map(Some) }
    },
    write: |time| time.as_ref().map(MILLIS.write).unwrap_or_default(),
};

pub(super) const MILLIS_OR_OFF: Rule<Option<Duration>> = Rule {
    expected: "a whole number of milliseconds, or -1 for off",
    later: &[],
    read: |text| {
        if text == "-1" { Some(None) } else { (MILLIS.read)(text).map(Some) }
    },
    write: |time| time.as_ref().map_or_else(|| "-1".to_owned(), MILLIS.write),
};

macro_rules! one_of {
    ($type:ident: $word:literal => $value:ident $(, $words:literal => $values:ident)*) => {
        Rule {
            expected: concat!("`", $word, "`" $(, " or `", $words, "`")*),
            later: &[],
            read: |text| match text {
                $word => Some($type::$value),
                $($words => Some($type::$values),)*
                _ => None,
            },
            write: |value| match value {
                $type::$value => $word.to_owned(),
                $($type::$values => $words.to_owned(),)*
            },
        }
    };
}

pub(super) const GUARANTEE: Rule<Guarantee> = one_of!(
    Guarantee: "exactly_once_v2" => ExactlyOnce, "at_least_once" => AtLeastOnce
);

pub(super) const THREAD_EXCEPTION: Rule<ThreadExceptionPolicy> = Rule {
    // Would have to reach the other instances of the group.
    later: &["shutdown_application"],
    ..one_of!(
        ThreadExceptionPolicy:
            "replace_thread" => ReplaceThread, "shutdown_client" => ShutdownClient
    )
};

pub(super) const OFFSET_RESET: Rule<AutoOffsetReset> = one_of!(
    AutoOffsetReset: "earliest" => Earliest, "latest" => Latest, "none" => None
);

pub(super) const GROUP_PROTOCOL: Rule<GroupProtocol> = Rule {
    // The broker hands out tasks by itself, KIP-1071.
    later: &["streams"],
    ..one_of!(GroupProtocol: "classic" => Classic, "consumer" => Consumer)
};

pub(super) const STORE: Rule<Option<StoreKind>> = Rule {
    expected: "`rocksDB` or `in_memory`, or nothing",
    later: &[],
    read: |text| match text {
        "" => Some(None),
        "rocksDB" => Some(Some(StoreKind::RocksDb)),
        "in_memory" => Some(Some(StoreKind::InMemory)),
        _ => None,
    },
    write: |kind| match kind {
        None => String::new(),
        Some(StoreKind::RocksDb) => "rocksDB".to_owned(),
        Some(StoreKind::InMemory) => "in_memory".to_owned(),
    },
};

pub(super) const OPTIMIZATION: Rule<Optimization> = Rule {
    later: &["single.store.self.join"],
    ..one_of!(
        Optimization:
            "none" => None,
            "all" => All,
            "reuse.ktable.source.topics" => ReuseSourceTopics,
            "merge.repartition.topics" => MergeRepartitionTopics
    )
};

const ERROR_WORDS: Rule<ErrorPolicy> = one_of!(ErrorPolicy: "fail" => Fail, "skip" => Skip);

pub(super) const ERROR_POLICY: Rule<ErrorPolicy> =
    Rule { read: |text| (ERROR_WORDS.read)(text).or_else(|| policy_of_java(text)), ..ERROR_WORDS };

/// The policy that one of Kafka's own exception handlers stands for, with or without its package.
fn policy_of_java(class: &str) -> Option<ErrorPolicy> {
    let name = class.rsplit('.').next()?.strip_suffix("ExceptionHandler")?;
    match name {
        // What Kafka calls its default for production is to fail.
        "DefaultProduction" => Some(ErrorPolicy::Fail),
        _ if name.starts_with("LogAndFail") => Some(ErrorPolicy::Fail),
        _ if name.starts_with("LogAndContinue") => Some(ErrorPolicy::Skip),
        _ => None,
    }
}
