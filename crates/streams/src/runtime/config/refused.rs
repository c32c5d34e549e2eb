//! Settings of clients that the engine's promises rest on, and that are therefore not for others
//! to set.

use super::ConfigError;
use super::clients::ClientKind::{self, Consumer, Producer};

/// Settings that are refused together.
struct Refusal {
    /// For one kind of client, or for each.
    kind: Option<ClientKind>,
    names: &'static [&'static str],
    /// A value that changes nothing, because it is so anyway.
    unless: fn(&str) -> bool,
    /// Why, and what to do instead.
    reason: &'static str,
}

fn never(_: &str) -> bool {
    false
}

static REFUSED: &[Refusal] = &[
    Refusal {
        kind: None,
        names: &["bootstrap.servers", "metadata.broker.list"],
        unless: never,
        reason: "all clients of an application have one cluster, or it could not commit together \
                 what it reads and writes: set `bootstrap.servers`, without a prefix",
    },
    Refusal {
        kind: None,
        names: &["client.id"],
        unless: never,
        reason: "each client of each stream thread has a name of its own, made from one: set \
                 `client.id`, without a prefix",
    },
    Refusal {
        kind: Some(Consumer),
        names: &["group.id"],
        unless: never,
        reason: "the group is the application's: set `application.id`",
    },
    Refusal {
        kind: Some(Consumer),
        names: &["group.instance.id"],
        unless: never,
        reason: "each stream thread adds its number to it, and two members of one name would put \
                 each other out of the group: set `group.instance.id`, without a prefix",
    },
    Refusal {
        kind: Some(Consumer),
        names: &["group.protocol", "session.timeout.ms", "heartbeat.interval.ms"],
        unless: never,
        reason: "it is the application's: set it without the prefix",
    },
    Refusal {
        kind: Some(Consumer),
        names: &["max.poll.interval.ms", "auto.offset.reset"],
        unless: never,
        reason: "the engine itself follows it: set it without the prefix",
    },
    Refusal {
        kind: Some(Consumer),
        names: &["partition.assignment.strategy", "group.remote.assignor", "group.protocol.type"],
        unless: never,
        reason: "what is assigned are tasks, and partitions of one task must stay together, or a \
                 key would be counted in two places: remove it",
    },
    Refusal {
        kind: Some(Consumer),
        names: &["enable.auto.commit", "auto.commit.enable", "auto.commit.interval.ms"],
        unless: |value| value == "false",
        reason: "offsets are committed together with what was made of the records, or records \
                 would be lost or counted twice: remove it; `commit.interval.ms` says how often",
    },
    Refusal {
        kind: Some(Consumer),
        names: &[
            "enable.auto.offset.store",
            "offset.store.method",
            "offset.store.path",
            "offset.store.sync.interval.ms",
        ],
        unless: |value| value == "false",
        reason: "the engine knows itself how far it has come, or records would be passed over: \
                 remove it",
    },
    Refusal {
        kind: Some(Consumer),
        names: &["enable.partition.eof"],
        unless: |value| value == "false",
        reason: "the engine finds the end of a partition by offsets and would take the mark for \
                 an error: remove it",
    },
    Refusal {
        kind: Some(Producer),
        names: &["transactional.id"],
        unless: never,
        reason: "each stream thread has one of its own, and two of one id would fence each other: \
                 remove it",
    },
    Refusal {
        kind: Some(Producer),
        names: &["transaction.timeout.ms"],
        unless: never,
        reason: "it is the application's: set `transaction.timeout.ms`, without a prefix",
    },
    Refusal {
        kind: Some(Producer),
        names: &["enable.idempotence"],
        unless: |value| value == "true",
        reason: "without it a record that is sent again would be there twice, or out of order: \
                 remove it",
    },
    Refusal {
        kind: Some(Producer),
        names: &["acks", "request.required.acks"],
        unless: |value| matches!(value, "all" | "-1"),
        reason: "a record that not all replicas have may be lost with its leader: remove it, or \
                 set it to `all`",
    },
    Refusal {
        kind: Some(Producer),
        names: &["max.in.flight", "max.in.flight.requests.per.connection"],
        unless: |value| matches!(value.parse(), Ok(1..=5)),
        reason: "the broker tells copies of at most 5 requests apart, beyond that records could \
                 be there twice or out of order: set it to 5 or less",
    },
    Refusal {
        kind: Some(Producer),
        names: &["retries", "message.send.max.retries"],
        unless: |value| value.parse().is_ok_and(|retries: u32| retries > 0),
        reason: "without another try a lost connection would fail the transaction: remove it, and \
                 bound the time by `producer.delivery.timeout.ms`",
    },
    Refusal {
        kind: Some(Producer),
        names: &["partitioner"],
        unless: never,
        reason: "the engine chooses partitions, as Kafka's own producer does, or a key would be \
                 counted in two places: remove it",
    },
    Refusal {
        kind: Some(Producer),
        names: &["enable.gapless.guarantee"],
        unless: |value| value == "false",
        reason: "a record that fails aborts its transaction, and this would end the producer \
                 instead: remove it",
    },
    Refusal {
        kind: Some(Producer),
        names: &["queuing.strategy"],
        unless: |value| value == "fifo",
        reason: "records of a partition would overtake each other: remove it",
    },
    Refusal {
        kind: Some(Producer),
        names: &["delivery.report.only.error"],
        unless: never,
        reason: "the engine must hear what became of its records: remove it",
    },
];

/// An error when `name` is not for others to set to `value` for this kind of client.
pub(super) fn refuse(kind: ClientKind, name: &str, value: &str) -> Result<(), ConfigError> {
    let refusal = REFUSED.iter().find(|refusal| {
        refusal.kind.is_none_or(|only| only == kind) && refusal.names.contains(&name)
    });
    match refusal {
        Some(refusal) if !(refusal.unless)(value) => Err(ConfigError::Refused {
            key: format!("{}{name}", kind.prefix()),
            reason: refusal.reason,
        }),
        _ => Ok(()),
    }
}
