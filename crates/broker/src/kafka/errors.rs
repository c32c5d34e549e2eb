//! What librdkafka and the broker say, in the port's words.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::ffi::NativeError;
use crate::BrokerError;

/// What was being done, for the message of an error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doing<'a> {
    /// The cluster.
    pub(super) servers: &'a str,
    /// Ends a sentence that begins with "not allowed: to …".
    pub(super) action: &'a str,
}

impl Doing<'_> {
    pub(super) fn failed(self, error: NativeError) -> BrokerError {
        self.code(error.code, error.text)
    }

    /// An error that concerns no group or transaction in particular.
    pub(super) fn code(self, code: Code, reason: String) -> BrokerError {
        let Self { servers, action } = self;
        match code {
            Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::SSL
            | Code::NetworkException
            | Code::BrokerNotAvailable => {
                BrokerError::Unreachable { servers: servers.to_owned(), reason }
            }
            Code::OperationTimedOut
            | Code::MessageTimedOut
            | Code::TimedOutQueue
            | Code::RequestTimedOut
            | Code::WaitingForCoordinator
            | Code::WaitCache
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::NotLeaderForPartition
            | Code::LeaderNotAvailable
            // A broker that was away leads again, which clients hear of a moment later.
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::ReplicaNotAvailable
            | Code::KafkaStorageError
            | Code::OffsetNotAvailable
            | Code::NotController
            | Code::UnstableOffsetCommit
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::ConcurrentTransactions
            | Code::PurgeQueue
            | Code::PurgeInflight => {
                BrokerError::Timeout(format!("{action}: {reason} (brokers: {servers})"))
            }
            Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::Authentication => {
                let reason = match missing_right(code, action) {
                    Some(right) => format!("{reason}; it needs {right}"),
                    None => reason,
                };
                BrokerError::Denied { action: action.to_owned(), reason }
            }
            Code::UnsupportedVersion | Code::UnsupportedFeature | Code::NotImplemented => {
                BrokerError::Unsupported(format!(
                    "{action}: {reason}; Kafka 2.5 or later is needed"
                ))
            }
            _ => BrokerError::Cluster { action: action.to_owned(), reason },
        }
    }

    /// An error of the safe wrapper.
    pub(super) fn wrapped(self, error: &KafkaError) -> BrokerError {
        match error {
            KafkaError::ClientConfig(_, reason, key, _) => {
                BrokerError::InvalidSetting { key: key.clone(), reason: reason.clone() }
            }
            KafkaError::AdminOp(code) => self.code(*code, code.to_string()),
            error => match error.rdkafka_error_code() {
                Some(code) => self.code(code, code.to_string()),
                None => BrokerError::Cluster {
                    action: self.action.to_owned(),
                    reason: error.to_string(),
                },
            },
        }
    }
}

/// The right that an action needs, as Kafka's ACLs call it.
fn missing_right(code: Code, action: &str) -> Option<&'static str> {
    const OF_TOPICS: [(&str, &str); 8] = [
        ("to be a member of ", "the right Describe on the topic"),
        ("to read the configs of ", "the right DescribeConfigs on the topic"),
        ("to read the offsets of ", "the right Describe on the topic"),
        ("to read ", "the right Read on the topic"),
        ("to create topic", "the right Create on the topic or on the cluster"),
        ("to add partitions ", "the right Alter on the topic"),
        ("to delete records ", "the right Delete on the topic"),
        ("to delete topic", "the right Delete on the topic"),
    ];
    match code {
        Code::TopicAuthorizationFailed => {
            let known = OF_TOPICS.iter().find(|(begin, _)| action.starts_with(begin));
            Some(known.map_or("the right Write on the topic", |(_, right)| right))
        }
        Code::GroupAuthorizationFailed => Some("the right Read on the group"),
        Code::TransactionalIdAuthorizationFailed => Some(
            "the right Write on the transactional id (those of an application begin with its name)",
        ),
        Code::ClusterAuthorizationFailed => {
            Some("the right Create or IdempotentWrite on the cluster")
        }
        _ => None,
    }
}
