use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::bounded::bounded;
use super::client::{CALL_TIMEOUT, SOCKET_TIMEOUT, common, extend, open};
use super::cluster::Cluster;
use super::ffi::{Delivery, Kind, Native, NativeError, Topic};
use crate::record::FIXED;
use crate::{
    BrokerError, CommitOutcome, GroupIdentity, OffsetAndMetadata, Producer, ProducerOptions,
    RecordBuffer, RecordView, TopicPartition,
};

/// Requests that a late copy of would change the next transaction: Produce, InitProducerId,
/// AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, TxnOffsetCommit.
const OF_TRANSACTIONS: [usize; 6] = [0, 22, 24, 25, 26, 28];
const END_TXN: usize = 26;
/// The most that is batched for a partition.
const BATCH_BYTES: usize = 900_000;
/// What a record takes in a batch of its own beside key, value and headers.
pub(super) const BATCH_OVERHEAD: usize = 61 + 21;
/// From so many undelivered messages on writing should wait.
const FULL: usize = 60_000;
const MOST_MESSAGES: usize = 100_000;
/// How long what was handed over may take to be acknowledged.
pub(super) const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);

/// A topic that is written.
struct Written {
    limit: usize,
    /// Bytes since the last flush, where batches must be kept small.
    unflushed: usize,
    deliveries: Vec<Arc<Delivery>>,
    topic: Topic,
}

/// How long a call of a transactional producer waits: it gives up before a request of its is taken
/// for lost and sent again unnoticed.
pub(super) fn call_timeout(options: &ProducerOptions) -> Duration {
    CALL_TIMEOUT.min(options.transaction_timeout * 4 / 5)
}

/// Whether a transactional producer may go on with what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ready,
    InTransaction,
    /// Something of the last transaction may still be on its way to the broker: nothing more is done.
    /// Whoever opens the producer anew fences all of it; not this one, which may be fenced itself.
    InDoubt,
    /// Another producer has its id.
    Fenced,
}

impl State {
    /// Whether it is as it has to be.
    pub(super) fn expect(
        self,
        wanted: Self,
        options: &ProducerOptions,
        what: &str,
    ) -> Result<(), BrokerError> {
        let reason = match (options.transactional_id.as_deref(), self) {
            (None, _) => "it has no transactional id",
            (Some(_), state) if state == wanted => return Ok(()),
            (_, Self::Ready) => "no transaction is open",
            (_, Self::InTransaction) => "a transaction is open",
            (Some(id), Self::InDoubt) => {
                return Err(BrokerError::Timeout(format!(
                    "a request of the last transaction of '{id}' was not answered: open the producer anew"
                )));
            }
            (_, Self::Fenced) => return Err(fenced(options)),
        };
        Err(BrokerError::InvalidTransactionState(format!("{what}: {reason}")))
    }

    /// After an error, what may still be done.
    pub(super) fn note(&mut self, error: BrokerError) -> BrokerError {
        if matches!(error, BrokerError::ProducerFenced(_)) {
            *self = Self::Fenced;
        }
        error
    }
}

/// Writes by librdkafka, which speaks the first transaction protocol: a late copy of a request of
/// one transaction may act on the next. So requests and answers are counted, and when one is
/// unanswered the producer begins no other transaction: it is to be opened anew under its id.
pub(super) struct KafkaProducer {
    cluster: Arc<Cluster>,
    options: ProducerOptions,
    state: State,
    topics: HashMap<Arc<str>, Written>,
    client: Arc<Native>,
}

impl KafkaProducer {
    pub(super) fn open(
        cluster: &Arc<Cluster>,
        options: ProducerOptions,
    ) -> Result<Self, BrokerError> {
        let client = open_client(cluster, &options)?;
        Ok(Self {
            cluster: cluster.clone(),
            options,
            state: State::Ready,
            topics: HashMap::new(),
            client,
        })
    }

    fn written(&mut self, partition: &TopicPartition) -> Result<&mut Written, BrokerError> {
        let Self { topics, cluster, client, .. } = self;
        let topic = &partition.topic;
        if !topics.contains_key(topic) {
            let action = format!("to write to topic '{topic}'");
            let failed = |error| cluster.doing(&action).failed(error);
            let native = client.topic(topic).map_err(failed)?;
            let limit = cluster.limit(topic)?;
            let written = Written { limit, unflushed: 0, deliveries: Vec::new(), topic: native };
            topics.insert(topic.clone(), written);
        }
        let written = topics.get_mut(topic);
        written.ok_or_else(|| BrokerError::UnknownTopic(topic.to_string()))
    }

    fn is_transactional(&self) -> bool {
        self.options.transactional_id.is_some()
    }

    fn expect(&self, state: State, what: &str) -> Result<(), BrokerError> {
        self.state.expect(state, &self.options, what)
    }

    /// The error of what was handed over, each taken once. After one error librdkafka gives up what
    /// else there is, so that is told only if there is no other.
    fn delivery_error(&mut self) -> Result<(), BrokerError> {
        let mut first: Option<(TopicPartition, Code)> = None;
        for (name, written) in &self.topics {
            for (number, delivery) in written.deliveries.iter().enumerate() {
                let Some(code) = delivery.take_error() else { continue };
                let is_given_up = |code| matches!(code, Code::PurgeQueue | Code::PurgeInflight);
                if first.as_ref().is_none_or(|(_, known)| is_given_up(*known)) {
                    first = Some((TopicPartition::new(name.clone(), number as u32), code));
                }
            }
        }
        match first {
            None => Ok(()),
            Some((partition, code)) => Err(self.failed_delivery(&partition, code)),
        }
    }

    fn failed_delivery(&self, partition: &TopicPartition, code: Code) -> BrokerError {
        match code {
            Code::MessageSizeTooLarge | Code::MessageBatchTooLarge => {
                self.cluster.forget_limit(&partition.topic);
                let limit = self.topics.get(&partition.topic).map_or(0, |topic| topic.limit);
                BrokerError::RecordTooLarge { partition: partition.clone(), bytes: limit, limit }
            }
            Code::UnknownTopic | Code::UnknownTopicOrPartition => {
                BrokerError::UnknownTopic(partition.topic.to_string())
            }
            Code::UnknownPartition => BrokerError::UnknownPartition(partition.clone()),
            Code::PurgeQueue | Code::PurgeInflight => match self.transaction_error() {
                // Not this partition's error, and the client does not say whose.
                Some(cause) => {
                    let mut topics: Vec<&str> = self.topics.keys().map(|name| &**name).collect();
                    topics.sort_unstable();
                    self.told(&format!("to write to one of {}", topics.join(", ")), cause)
                }
                None => self.undelivered(partition, code),
            },
            code => self.undelivered(partition, code),
        }
    }

    fn undelivered(&self, partition: &TopicPartition, code: Code) -> BrokerError {
        let fatal = self.client.fatal_error().map(|error| (error.code, error.text));
        let (code, reason) = fatal.unwrap_or_else(|| (code, code.to_string()));
        let error = NativeError { code, text: reason, fatal: false, abortable: false };
        self.told(&format!("to write to {partition}"), error)
    }

    /// Why the open transaction has to be aborted, if it has: the client says so when it is asked to
    /// begin one.
    fn transaction_error(&self) -> Option<NativeError> {
        let in_transaction = self.is_transactional() && self.state == State::InTransaction;
        let refused = in_transaction.then(|| self.client.begin_transaction().err())??;
        (refused.abortable || refused.fatal).then_some(refused)
    }

    fn note(&mut self, error: BrokerError) -> BrokerError {
        self.state.note(error)
    }

    fn told(&self, action: &str, error: NativeError) -> BrokerError {
        told(&self.cluster, &self.options, action, self.client.cause(error))
    }

    /// Whether every request that could act on the next transaction has been answered.
    fn is_all_answered(&self) -> bool {
        let counts = self.client.counts();
        OF_TRANSACTIONS.iter().all(|api| counts.sent(*api) == counts.received(*api))
    }
}

fn open_client(cluster: &Cluster, options: &ProducerOptions) -> Result<Arc<Native>, BrokerError> {
    let config = cluster.config();
    let mut native = common(config, &options.client_id);
    native
        .set("linger.ms", "10")
        .set("batch.size", BATCH_BYTES.to_string())
        .set("message.max.bytes", "100000000")
        .set("queue.buffering.max.messages", MOST_MESSAGES.to_string())
        .set("queue.buffering.max.kbytes", "32768");
    extend(&mut native, &config.producer);
    native.set("enable.idempotence", "true");
    let Some(id) = &options.transactional_id else {
        return open(Kind::Producer, config, &native);
    };
    native
        .set("transactional.id", id)
        .set("transaction.timeout.ms", options.transaction_timeout.as_millis().to_string())
        // librdkafka wants it no longer than the transaction.
        .set(
            "socket.timeout.ms",
            options.transaction_timeout.min(SOCKET_TIMEOUT).as_millis().to_string(),
        );
    let client = open(Kind::Producer, config, &native)?;
    client.init_transactions(CALL_TIMEOUT).map_err(|error| {
        let action = format!("to start the transactional producer '{id}'");
        told(cluster, options, &action, client.cause(error))
    })?;
    Ok(client)
}

pub(super) fn fenced(options: &ProducerOptions) -> BrokerError {
    let id = options.transactional_id.as_deref();
    BrokerError::ProducerFenced(id.unwrap_or(&options.client_id).to_owned())
}

/// What a record takes in a batch of its own.
fn in_batch(record: &RecordView<'_>) -> usize {
    let parts = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
    parts + record.headers_len() + BATCH_OVERHEAD
}

/// An error if one of the records is larger than the largest batch.
pub(super) fn too_large(
    partition: &TopicPartition,
    buffer: &RecordBuffer,
    limit: usize,
) -> Result<(), BrokerError> {
    // Seldom: most buffers are smaller than one record may be.
    let is_possible = buffer.size() + BATCH_OVERHEAD > limit;
    let mut sizes = buffer.iter().map(|record| in_batch(&record));
    match is_possible.then(|| sizes.find(|bytes| *bytes > limit)).flatten() {
        None => Ok(()),
        Some(bytes) => {
            Err(BrokerError::RecordTooLarge { partition: partition.clone(), bytes, limit })
        }
    }
}

/// An error of a producer, in the port's words.
pub(super) fn told(
    cluster: &Cluster,
    options: &ProducerOptions,
    action: &str,
    error: NativeError,
) -> BrokerError {
    match error.code {
        Code::Fenced
        | Code::ProducerFenced
        | Code::InvalidProducerEpoch
        | Code::InvalidProducerIdMapping
        | Code::UnknownProducerId
        | Code::OutOfOrderSequenceNumber
        | Code::TransactionCoordinatorFenced => fenced(options),
        Code::InvalidTransactionalState | Code::State => {
            BrokerError::InvalidTransactionState(format!("{action}: {}", error.text))
        }
        Code::InvalidTransactionTimeout => BrokerError::InvalidSetting {
            key: "transaction.timeout.ms".to_owned(),
            reason: "it is above the broker's transaction.max.timeout.ms".to_owned(),
        },
        _ => cluster.doing(action).failed(error),
    }
}

impl Producer for KafkaProducer {
    fn send(
        &mut self,
        partition: &TopicPartition,
        buffer: &mut RecordBuffer,
    ) -> Result<(), BrokerError> {
        if self.is_transactional() {
            self.expect(State::InTransaction, "records can be sent in a transaction only")?;
        }
        let client = self.client.clone();
        let Written { limit, unflushed, deliveries, topic } = self.written(partition)?;
        while deliveries.len() <= partition.partition as usize {
            deliveries.push(client.delivery());
        }
        let delivery = &deliveries[partition.partition as usize];
        too_large(partition, buffer, *limit)?;
        let mut failed = None;
        for record in buffer.iter() {
            // librdkafka fills batches up to a size of its own.
            if *limit < BATCH_BYTES {
                let bytes = in_batch(&record);
                if *unflushed + bytes > *limit {
                    let _later = client.flush(DELIVERY_TIMEOUT);
                    *unflushed = 0;
                }
                *unflushed += bytes;
            }
            let mut waited = Duration::ZERO;
            let made = loop {
                match topic.produce(partition.partition, &record, delivery) {
                    Err(error) if error.code == Code::QueueFull && waited < DELIVERY_TIMEOUT => {
                        let wait = Duration::from_millis(10);
                        client.poll(wait);
                        waited += wait;
                    }
                    made => break made,
                }
            };
            if let Err(error) = made {
                failed = Some(error.code);
                break;
            }
        }
        if let Some(code) = failed {
            // A transaction that has failed takes nothing more; why it has is told by a delivery.
            let error = match self.delivery_error() {
                Err(error) => error,
                Ok(()) if code == Code::State => {
                    BrokerError::Timeout(format!("to write to {partition}: the transaction failed"))
                }
                Ok(()) => self.failed_delivery(partition, code),
            };
            return Err(self.note(error));
        }
        buffer.clear();
        // Reports of what has been delivered make room.
        client.poll(Duration::ZERO);
        Ok(())
    }

    fn is_full(&self, _topic: &str) -> bool {
        let unsent = self.client.unsent();
        if unsent > FULL {
            self.client.poll(Duration::ZERO);
        }
        unsent > FULL
    }

    fn partitions(&mut self, topic: &str) -> Result<u32, BrokerError> {
        let partitions = self.cluster.partitions()?.get(topic).copied();
        partitions.ok_or_else(|| BrokerError::UnknownTopic(topic.to_owned()))
    }

    fn max_record_bytes(&mut self, topic: &str) -> Result<usize, BrokerError> {
        Ok((self.cluster.limit(topic)? + FIXED).saturating_sub(BATCH_OVERHEAD))
    }

    fn flush(&mut self) -> Result<(), BrokerError> {
        let flushed = self.client.flush(DELIVERY_TIMEOUT);
        let flushed = self.delivery_error().and_then(|()| {
            flushed.map_err(|error| self.told("to write what was handed over", error))
        });
        flushed.map_err(|error| self.note(error))
    }

    fn acknowledged(&self, partition: &TopicPartition) -> Option<i64> {
        let written = self.topics.get(&partition.topic)?;
        written.deliveries.get(partition.partition as usize)?.acknowledged()
    }

    fn begin(&mut self) -> Result<(), BrokerError> {
        self.expect(State::Ready, "a transaction cannot be begun")?;
        match self.client.begin_transaction() {
            Ok(()) => {
                self.state = State::InTransaction;
                Ok(())
            }
            Err(error) => {
                let error = self.told("to begin a transaction", error);
                Err(self.note(error))
            }
        }
    }

    fn send_offsets(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        identity: &GroupIdentity,
    ) -> Result<(), BrokerError> {
        self.expect(State::InTransaction, "offsets can be sent in a transaction only")?;
        let identity = self.cluster.current(identity);
        // Not longer, as to begin again costs little, and after this time it is the likely end.
        let within = call_timeout(&self.options) / 2;
        let (client, offsets) = (self.client.clone(), offsets.to_vec());
        let sent = bounded(within, {
            let identity = identity.clone();
            move || client.send_offsets(&offsets, &identity, within)
        });
        let Some(sent) = sent else {
            self.state = State::InDoubt;
            return Err(BrokerError::Timeout(format!(
                "the coordinator of group '{}' was not found: it is looked for anew",
                identity.group
            )));
        };
        sent.map_err(|error| {
            let error = match error.code {
                Code::IllegalGeneration
                | Code::StaleMemberEpoch
                | Code::UnknownMemberId
                | Code::FencedInstanceId
                | Code::RebalanceInProgress => self.cluster.group_error(&identity, error),
                _ => self.told("to add offsets to the transaction", error),
            };
            self.note(error)
        })
    }

    fn commit(&mut self) -> CommitOutcome {
        if let Err(error) = self.expect(State::InTransaction, "there is nothing to commit") {
            return CommitOutcome::Aborted(error);
        }
        let asked = self.client.counts().sent(END_TXN);
        match self.client.commit_transaction(call_timeout(&self.options)) {
            Ok(()) => {
                self.state = if self.is_all_answered() { State::Ready } else { State::InDoubt };
                if self.state == State::InDoubt {
                    tracing::warn!(
                        "{}: a request of the transaction was left unanswered; it is to be opened anew",
                        self.options.client_id
                    );
                }
                CommitOutcome::Committed
            }
            Err(error) => {
                self.state = State::InDoubt;
                let tries = self.client.counts().sent(END_TXN) - asked;
                let NativeError { abortable, fatal, .. } = error;
                let delivery = self.delivery_error().err();
                let error = delivery.unwrap_or_else(|| self.told("to commit", error));
                let error = self.note(error);
                tracing::debug!(
                    "{}: not committed (fatal: {fatal}): {error}",
                    self.options.client_id
                );
                // A request that never went out, or one that was refused and went out once only,
                // has committed nothing.
                let refused = abortable || self.state == State::Fenced;
                let nothing = tries == 0 || tries == 1 && refused && self.is_all_answered();
                if (abortable || fatal) && nothing {
                    CommitOutcome::Aborted(error)
                } else {
                    CommitOutcome::Unknown(error)
                }
            }
        }
    }

    fn abort(&mut self) -> Result<(), BrokerError> {
        if self.is_transactional() && self.state == State::Ready {
            return Ok(());
        }
        self.expect(State::InTransaction, "there is nothing to abort")?;
        self.state = State::InDoubt;
        // An abort that overtakes the first records of its transaction is fatal to the client.
        let flushed = self.client.flush(call_timeout(&self.options));
        let _undelivered = self.delivery_error();
        let aborted =
            flushed.and_then(|()| self.client.abort_transaction(call_timeout(&self.options)));
        match aborted {
            Ok(()) if self.is_all_answered() => {
                self.state = State::Ready;
                Ok(())
            }
            Ok(()) => Ok(()),
            Err(error) => {
                let error = self.told("to abort a transaction", error);
                Err(self.note(error))
            }
        }
    }
}
