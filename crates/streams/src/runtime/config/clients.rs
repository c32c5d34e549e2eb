//! What goes on to the clients of a Kafka cluster, under librdkafka's names: `consumer.<name>`,
//! `producer.<name>` and `admin.<name>` to that kind, and what says how the cluster is reached to
//! all of them.

use std::collections::BTreeMap;

use super::ConfigError;
use super::client_names::{CONSUMERS, EVERY, PRODUCERS};
use super::elsewhere::elsewhere;
use super::error::nearest;
use super::refused::refuse;
use super::settings::SETTINGS;

/// Beginnings of the names that say how the cluster is reached.
const CONNECTION: &[&str] = &["security.", "sasl.", "ssl.", "https.ca."];

/// More names that go to every client when they have no prefix.
const SHARED: &[&str] = &[
    "client.dns.lookup",
    "client.rack",
    "connections.max.idle.ms",
    "enable.metrics.push",
    "enable.sasl.oauthbearer.unsecure.jwt",
    "enable.ssl.certificate.verification",
    "metadata.max.age.ms",
    "metadata.recovery.rebootstrap.trigger.ms",
    "metadata.recovery.strategy",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
];

/// Who a setting goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientKind {
    Every,
    Consumer,
    Producer,
    Admin,
}

impl ClientKind {
    const ALL: [Self; 4] = [Self::Consumer, Self::Producer, Self::Admin, Self::Every];

    /// What stands in front of a name that goes to this kind.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Every => "",
            Self::Consumer => "consumer.",
            Self::Producer => "producer.",
            Self::Admin => "admin.",
        }
    }

    /// Splits a key into who it goes to and the name there.
    fn of(key: &str) -> (Self, &str) {
        let found =
            Self::ALL.into_iter().find_map(|kind| Some((kind, key.strip_prefix(kind.prefix())?)));
        found.unwrap_or((Self::Every, key))
    }

    /// The names that this kind knows.
    fn names(self) -> impl Iterator<Item = &'static str> {
        let own: &[&str] = match self {
            Self::Every | Self::Admin => &[],
            Self::Consumer => CONSUMERS,
            Self::Producer => PRODUCERS,
        };
        let every = EVERY.iter().filter(move |name| self != Self::Every || goes_to_every(name));
        every.chain(own).copied()
    }
}

/// Whether a name without a prefix is one that every client gets.
fn goes_to_every(name: &str) -> bool {
    CONNECTION.iter().any(|start| name.starts_with(start)) || SHARED.contains(&name)
}

/// The settings of clients.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct ClientSettings {
    pub(super) every: BTreeMap<String, String>,
    pub(super) consumer: BTreeMap<String, String>,
    pub(super) producer: BTreeMap<String, String>,
    pub(super) admin: BTreeMap<String, String>,
}

impl ClientSettings {
    /// Sets `key`, which is none of the application's own, or says what would be right.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
        let (kind, name) = ClientKind::of(key);
        if let Some(remedy) = elsewhere(name) {
            return Err(ConfigError::elsewhere(key, remedy));
        }
        refuse(kind, name, value)?;
        if !kind.names().any(|known| known == name) {
            return Err(unknown(kind, name, value));
        }
        self.map(kind).insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    fn map(&mut self, kind: ClientKind) -> &mut BTreeMap<String, String> {
        match kind {
            ClientKind::Every => &mut self.every,
            ClientKind::Consumer => &mut self.consumer,
            ClientKind::Producer => &mut self.producer,
            ClientKind::Admin => &mut self.admin,
        }
    }

    /// All of them under their keys.
    pub(super) fn entries(&self) -> impl Iterator<Item = (String, String)> {
        let of = |kind: ClientKind, map: &BTreeMap<String, String>| -> Vec<_> {
            let prefix = kind.prefix();
            map.iter().map(|(name, value)| (format!("{prefix}{name}"), value.clone())).collect()
        };
        [
            of(ClientKind::Every, &self.every),
            of(ClientKind::Consumer, &self.consumer),
            of(ClientKind::Producer, &self.producer),
            of(ClientKind::Admin, &self.admin),
        ]
        .into_iter()
        .flatten()
    }
}

/// No setting has this name for this kind of client: it belongs to another, or is misspelt.
fn unknown(kind: ClientKind, name: &str, value: &str) -> ConfigError {
    let prefix = kind.prefix();
    let key = format!("{prefix}{name}");
    // An own setting under a prefix.
    if kind != ClientKind::Every && SETTINGS.iter().any(|setting| setting.key == name) {
        return ConfigError::elsewhere(&key, format!("set `{name}`, without a prefix"));
    }
    let owner = [(ClientKind::Consumer, CONSUMERS), (ClientKind::Producer, PRODUCERS)];
    if let Some((owner, _)) = owner.into_iter().find(|(_, names)| names.contains(&name)) {
        // What would be refused there is refused here too.
        if let Err(refused) = refuse(owner, name, value) {
            return refused;
        }
        let right = owner.prefix();
        return ConfigError::elsewhere(
            &key,
            format!("it is one of Kafka's clients: set `{right}{name}`"),
        );
    }
    if kind == ClientKind::Every && EVERY.contains(&name) {
        let remedy = format!(
            "it is one of Kafka's clients: set `consumer.{name}`, `producer.{name}` or `admin.{name}`"
        );
        return ConfigError::elsewhere(&key, remedy);
    }
    let mut known: Vec<String> = kind.names().map(|name| format!("{prefix}{name}")).collect();
    if kind == ClientKind::Every {
        known.extend(SETTINGS.iter().map(|setting| setting.key.to_owned()));
    }
    ConfigError::UnknownKey { nearest: nearest(&key, known), key }
}
