//! Whether settings make sense together.

use millstream_broker::IsolationLevel;

use super::{Config, ConfigError, GroupProtocol, Guarantee};

const COMMITTED: &str = "read_committed";

/// Heartbeats that may get lost before a member is taken for dead.
const HEARTBEATS: u32 = 3;

impl Config {
    /// Whether every value is one that its key allows, and all of them make sense together. The
    /// application asks this before it starts.
    pub fn validate(&self) -> Result<(), ConfigError> {
        super::settings::SETTINGS.iter().try_for_each(|setting| setting.check(self))?;
        self.check_times()?;
        if self.bootstrap_servers().is_some() {
            self.check_group()?;
        }
        self.check_isolation()
    }

    /// What the application sees of transactions: exactly once only what is committed; at least once
    /// everything, as in Kafka Streams, unless `consumer.isolation.level` says otherwise.
    pub(crate) fn isolation(&self) -> IsolationLevel {
        let set = self.clients.consumer.get("isolation.level");
        match self.processing_guarantee() {
            Guarantee::AtLeastOnce if set.is_none_or(|level| level != COMMITTED) => {
                IsolationLevel::ReadUncommitted
            }
            _ => IsolationLevel::ReadCommitted,
        }
    }

    fn check_isolation(&self) -> Result<(), ConfigError> {
        match self.clients.consumer.get("isolation.level").map(String::as_str) {
            None | Some(COMMITTED) => Ok(()),
            Some("read_uncommitted") if self.processing_guarantee() == Guarantee::ExactlyOnce => {
                Err(ConfigError::Refused {
                    key: "consumer.isolation.level".to_owned(),
                    reason: "exactly once means that records of aborted transactions are not \
                             read: remove it, or set `processing.guarantee` to `at_least_once`",
                })
            }
            Some("read_uncommitted") => Ok(()),
            Some(_) => Err(ConfigError::contradiction(
                "`consumer.isolation.level` is neither `read_committed` nor `read_uncommitted`",
            )),
        }
    }

    fn check_times(&self) -> Result<(), ConfigError> {
        let commit = self.commit_interval();
        if commit.is_zero() {
            return Err(ConfigError::contradiction(
                "`commit.interval.ms` is 0, and a commit after every step leaves no time for \
                 records: the shortest interval is 1",
            ));
        }
        let transaction = self.transaction_timeout();
        if self.processing_guarantee() == Guarantee::ExactlyOnce && transaction < commit {
            return Err(ConfigError::contradiction(format!(
                "`transaction.timeout.ms` ({}) is below `commit.interval.ms` ({}), so the broker \
                 would abort every transaction before it is committed: raise the timeout or \
                 commit more often",
                transaction.as_millis(),
                commit.as_millis()
            )));
        }
        let (poll, between) = (self.poll_timeout(), self.max_poll_interval());
        if poll >= between {
            return Err(ConfigError::contradiction(format!(
                "`poll.ms` ({}) is not below `max.poll.interval.ms` ({}), so a stream thread \
                 without records would be taken for dead",
                poll.as_millis(),
                between.as_millis()
            )));
        }
        Ok(())
    }

    /// What members of a Kafka group tell the cluster.
    fn check_group(&self) -> Result<(), ConfigError> {
        if self.group_protocol() == GroupProtocol::Consumer {
            // The broker has these settings itself.
            return Ok(());
        }
        let (heartbeat, session) = (self.heartbeat_interval(), self.session_timeout());
        if heartbeat.is_zero() || heartbeat * HEARTBEATS > session {
            return Err(ConfigError::contradiction(format!(
                "`heartbeat.interval.ms` ({}) has to be above 0 and at most a third of \
                 `session.timeout.ms` ({}), so that an instance is not taken for dead when a \
                 heartbeat or two are late",
                heartbeat.as_millis(),
                session.as_millis()
            )));
        }
        let between = self.max_poll_interval();
        if session > between {
            return Err(ConfigError::contradiction(format!(
                "`session.timeout.ms` ({}) is above `max.poll.interval.ms` ({}): lower the one or \
                 raise the other",
                session.as_millis(),
                between.as_millis()
            )));
        }
        Ok(())
    }
}
