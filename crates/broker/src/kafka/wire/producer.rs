use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::super::cluster::Cluster;
use super::super::ffi::NativeError;
use super::super::producer::{
    BATCH_OVERHEAD, DELIVERY_TIMEOUT, State, call_timeout, fenced, told, too_large,
};
use super::coordinator::{Refusal, call_any};
use super::leaders::Shared;
use super::sender::Sender;
use super::settings::{ProduceSettings, Settings};
use super::threads;
use super::transaction::{Brokers, Transaction};
use super::transaction_requests::{INIT_PRODUCER_ID, decode_init, encode_init};
use super::writing::{Common, Writing};
use crate::record::FIXED;
use crate::{
    BrokerError, Clock, CommitOutcome, GroupIdentity, OffsetAndMetadata, Producer, ProducerOptions,
    RecordBuffer, SystemClock, TopicPartition,
};

/// From so many bytes on partitions are added to the transaction before its end.
const UNADDED: usize = 256 * 1024;
/// Writes with requests of its own. A request of a transaction that is not answered is sent again; as
/// its first copy may act on the next transaction (they look alike), there is no next one: the
/// producer is to be opened anew under its id, which fences what may still be on its way. Batches have
/// numbers: a late copy of one changes nothing.
pub(in crate::kafka) struct WireProducer {
    cluster: Arc<Cluster>,
    options: ProducerOptions,
    state: State,
    shared: Arc<Shared<Writing>>,
    /// If it is transactional.
    transaction: Option<Transaction>,
    /// Partitions that the open transaction does not know of yet, and what waits for them.
    unadded: BTreeSet<TopicPartition>,
    unadded_bytes: usize,
    /// The largest batch of each topic.
    limits: HashMap<Arc<str>, usize>,
}

impl WireProducer {
    /// `None` when something is set that only librdkafka knows.
    pub(in crate::kafka) fn open(
        cluster: &Arc<Cluster>,
        options: &ProducerOptions,
    ) -> Option<Result<Self, BrokerError>> {
        let (settings, own) = ProduceSettings::new(cluster.config(), options)
            .inspect_err(|key| {
                tracing::debug!("{}: written by librdkafka, as for `{key}`", options.client_id);
            })
            .ok()?;
        Some(Self::with(cluster, options, settings, own))
    }

    fn with(
        cluster: &Arc<Cluster>,
        options: &ProducerOptions,
        settings: Settings,
        own: ProduceSettings,
    ) -> Result<Self, BrokerError> {
        let within = call_timeout(options);
        let known = &settings.bootstrap;
        let (opened, action) = match options.transactional_id.as_deref() {
            Some(id) => {
                let brokers = Brokers { settings: &settings, known };
                let timeout = options.transaction_timeout;
                let opened = Transaction::open(brokers, id, timeout, within);
                let opened = opened.map(|opened| (opened.producer(), Some(opened)));
                (opened, format!("to start the transactional producer '{id}'"))
            }
            None => {
                let encode = |request: &mut _| encode_init(request, None, within);
                let asked =
                    call_any(&settings, known, within, INIT_PRODUCER_ID, encode, decode_init);
                let opened = asked.map(|producer| (producer, None));
                (opened, format!("to start the producer '{}'", options.client_id))
            }
        };
        let (producer, transaction) =
            opened.map_err(|refusal| explained(cluster, options, &action, refusal))?;
        let shared = Arc::new(Shared::new(settings, Common::new(own, producer)));
        threads::start::<Sender>(&shared)
            .map_err(|error| BrokerError::Cluster { action, reason: error.to_string() })?;
        Ok(Self {
            cluster: cluster.clone(),
            options: options.clone(),
            state: State::Ready,
            shared,
            transaction,
            unadded: BTreeSet::new(),
            unadded_bytes: 0,
            limits: HashMap::new(),
        })
    }

    fn is_transactional(&self) -> bool {
        self.options.transactional_id.is_some()
    }

    fn expect(&self, state: State, what: &str) -> Result<(), BrokerError> {
        self.state.expect(state, &self.options, what)
    }

    fn limit(&mut self, topic: &Arc<str>) -> Result<usize, BrokerError> {
        if let Some(limit) = self.limits.get(topic) {
            return Ok(*limit);
        }
        let limit = self.cluster.limit(topic)?;
        self.limits.insert(topic.clone(), limit);
        Ok(limit)
    }

    /// Does something of the open transaction. What is in doubt afterwards ends the producer.
    fn transact<T>(
        &mut self,
        action: &str,
        call: impl FnOnce(&mut Transaction, Brokers<'_>) -> Result<T, Refusal>,
    ) -> Result<T, BrokerError> {
        let mut known = self.shared.lock().addresses();
        known.extend(self.shared.settings.bootstrap.iter().cloned());
        let brokers = Brokers { settings: &self.shared.settings, known: &known };
        let Some(transaction) = &mut self.transaction else {
            self.state.expect(State::InTransaction, &self.options, action)?;
            return Err(fenced(&self.options));
        };
        call(transaction, brokers).map_err(|refusal| {
            if let Refusal::Unanswered(_) = refusal {
                self.state = State::InDoubt;
            }
            let error = explained(&self.cluster, &self.options, action, refusal);
            self.state.note(error)
        })
    }

    /// Whether a request of a transaction was not answered.
    fn has_lost(&self) -> bool {
        self.transaction.as_ref().is_some_and(Transaction::has_lost)
    }

    /// Tells the transaction of the partitions that are to be written in it, and has them written.
    fn add_partitions(&mut self) -> Result<(), BrokerError> {
        if self.unadded.is_empty() {
            return Ok(());
        }
        let partitions: Vec<_> = self.unadded.iter().cloned().collect();
        let clock = SystemClock::new();
        let action = "to add partitions to the transaction";
        while let Some((partition, code)) = self.transact(action, |transaction, brokers| {
            transaction.add_partitions(brokers, &partitions)
        })? {
            // A topic that was just made is not known to every broker yet.
            let is_new = code == Code::UnknownTopicOrPartition
                && clock.monotonic() < call_timeout(&self.options);
            if !is_new {
                return Err(self.refused(&partition, code));
            }
            self.shared.pause(self.shared.settings.backoff);
        }
        self.unadded.clear();
        self.unadded_bytes = 0;
        let mut state = self.shared.lock();
        for partition in &partitions {
            if let Some(at) = state.partitions.get_mut(partition) {
                at.is_added = true;
            }
        }
        self.shared.notify(&state);
        Ok(())
    }

    /// A partition was not written.
    fn refused(&mut self, partition: &TopicPartition, code: Code) -> BrokerError {
        if self.is_transactional() {
            // What else was sent of it may be written, or not.
            self.state = State::InDoubt;
        }
        let error = match code {
            Code::MessageSizeTooLarge | Code::MessageBatchTooLarge => {
                self.cluster.forget_limit(&partition.topic);
                let limit = self.limits.remove(&partition.topic).unwrap_or_default();
                BrokerError::RecordTooLarge { partition: partition.clone(), bytes: limit, limit }
            }
            Code::UnknownTopic | Code::UnknownTopicOrPartition => {
                BrokerError::UnknownTopic(partition.topic.to_string())
            }
            Code::UnknownPartition => BrokerError::UnknownPartition(partition.clone()),
            // Only an earlier copy of it can have the same number.
            Code::DuplicateSequenceNumber => fenced(&self.options),
            // The transaction has been ended by others.
            Code::InvalidTransactionalState => fenced(&self.options),
            code => {
                let action = format!("to write to {partition}");
                told(&self.cluster, &self.options, &action, error_of(code))
            }
        };
        self.state.note(error)
    }

    /// Waits until everything is written.
    fn wait(&mut self) -> Result<(), BrokerError> {
        self.set_urgent(true);
        let done = self.shared.wait_within(DELIVERY_TIMEOUT, |state| {
            let failed = state.partitions.iter_mut().find_map(|(partition, at)| {
                at.failure.take().map(|code| (partition.clone(), code))
            });
            match failed {
                Some(failed) => Some(Err(failed)),
                None => state.partitions.values().all(Writing::is_done).then_some(Ok(())),
            }
        });
        self.set_urgent(false);
        match done {
            Some(Ok(())) => Ok(()),
            Some(Err((partition, code))) => Err(self.refused(&partition, code)),
            None => {
                if self.is_transactional() {
                    self.state = State::InDoubt;
                }
                Err(BrokerError::Timeout(format!(
                    "what was handed over was not written within {DELIVERY_TIMEOUT:?} (brokers: {})",
                    self.cluster.servers()
                )))
            }
        }
    }

    fn set_urgent(&self, is_urgent: bool) {
        self.shared.common.is_urgent.store(is_urgent, Ordering::Relaxed);
        self.shared.notify(&self.shared.lock());
    }

    /// Ends the transaction.
    fn end(&mut self, commit: bool) -> Result<(), BrokerError> {
        let action = if commit { "to commit" } else { "to abort a transaction" };
        self.transact(action, |transaction, brokers| transaction.end(brokers, commit))?;
        // A copy of a request that is still on its way would act on the next transaction.
        self.state = if self.has_lost() { State::InDoubt } else { State::Ready };
        self.unadded.clear();
        self.unadded_bytes = 0;
        self.shared.lock().partitions.values_mut().for_each(|at| at.is_added = false);
        Ok(())
    }
}

/// Why something was not done, in the port's words.
fn explained(
    cluster: &Cluster,
    options: &ProducerOptions,
    action: &str,
    refusal: Refusal,
) -> BrokerError {
    match refusal {
        Refusal::Code(code) => told(cluster, options, action, error_of(code)),
        Refusal::Unanswered(reason) => {
            BrokerError::Timeout(format!("{action}: {reason} (brokers: {})", cluster.servers()))
        }
    }
}

fn error_of(code: Code) -> NativeError {
    NativeError { code, text: code.to_string(), fatal: false, abortable: false }
}

impl Producer for WireProducer {
    fn send(
        &mut self,
        partition: &TopicPartition,
        buffer: &mut RecordBuffer,
    ) -> Result<(), BrokerError> {
        if self.is_transactional() {
            self.expect(State::InTransaction, "records can be sent in a transaction only")?;
        }
        let limit = self.limit(&partition.topic)?;
        too_large(partition, buffer, limit)?;
        let common = &self.shared.common;
        if common.unacknowledged.load(Ordering::Relaxed) > common.settings.queued_bytes {
            // What waits for room is in partitions that have to be known.
            self.add_partitions()?;
            self.set_urgent(true);
            let common = &self.shared.common;
            let room = self.shared.wait_within(DELIVERY_TIMEOUT, |state| {
                let is_full =
                    common.unacknowledged.load(Ordering::Relaxed) > common.settings.queued_bytes;
                let has_failed = state.partitions.values().any(|at| at.failure.is_some());
                (!is_full || has_failed).then_some(())
            });
            self.set_urgent(false);
            if room.is_none() {
                self.wait()?;
            }
        }
        let common = &self.shared.common;
        let batch_bytes = common.settings.batch_bytes.min(limit);
        let mut state = self.shared.lock();
        let is_transactional = self.options.transactional_id.is_some();
        let at = match state.partitions.get_mut(partition) {
            Some(at) => at,
            None => {
                let new = Writing::new(!is_transactional);
                state.partitions.entry(partition.clone()).or_insert(new)
            }
        };
        at.append(buffer.iter(), batch_bytes, common);
        let is_added = at.is_added;
        self.shared.notify(&state);
        drop(state);
        if !is_added {
            self.unadded.insert(partition.clone());
            self.unadded_bytes += buffer.size();
        }
        buffer.clear();
        if self.unadded_bytes > UNADDED { self.add_partitions() } else { Ok(()) }
    }

    fn is_full(&self, _topic: &str) -> bool {
        let common = &self.shared.common;
        // What is not added goes on its way at the end, or when something more is sent.
        common.unacknowledged.load(Ordering::Relaxed) > common.settings.queued_bytes / 2
            && self.unadded.is_empty()
    }

    fn partitions(&mut self, topic: &str) -> Result<u32, BrokerError> {
        let partitions = self.cluster.partitions()?.get(topic).copied();
        partitions.ok_or_else(|| BrokerError::UnknownTopic(topic.to_owned()))
    }

    fn max_record_bytes(&mut self, topic: &str) -> Result<usize, BrokerError> {
        Ok((self.cluster.limit(topic)? + FIXED).saturating_sub(BATCH_OVERHEAD))
    }

    fn flush(&mut self) -> Result<(), BrokerError> {
        self.add_partitions()?;
        self.wait()
    }

    fn acknowledged(&self, partition: &TopicPartition) -> Option<i64> {
        self.shared.lock().partitions.get(partition)?.acknowledged
    }

    fn begin(&mut self) -> Result<(), BrokerError> {
        self.expect(State::Ready, "a transaction cannot be begun")?;
        self.state = State::InTransaction;
        Ok(())
    }

    fn send_offsets(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        identity: &GroupIdentity,
    ) -> Result<(), BrokerError> {
        self.expect(State::InTransaction, "offsets can be sent in a transaction only")?;
        let identity = self.cluster.current(identity);
        let action = "to add offsets to the transaction";
        let refused = self.transact(action, |transaction, brokers| {
            transaction.add_offsets(brokers, offsets, &identity)
        })?;
        match refused {
            None => Ok(()),
            Some(code) => Err(self.cluster.group_error(&identity, error_of(code))),
        }
    }

    fn commit(&mut self) -> CommitOutcome {
        if let Err(error) = self.expect(State::InTransaction, "there is nothing to commit") {
            return CommitOutcome::Aborted(error);
        }
        if let Err(error) = self.flush() {
            if self.state == State::InTransaction {
                self.state = State::InDoubt;
            }
            return CommitOutcome::Aborted(error);
        }
        match self.end(true) {
            Ok(()) => CommitOutcome::Committed,
            // Refused, and not asked for before: somebody else has the id.
            Err(error) if self.state == State::Fenced && !self.has_lost() => {
                CommitOutcome::Aborted(error)
            }
            Err(error) if self.state == State::Fenced => CommitOutcome::Unknown(error),
            Err(error) => {
                self.state = State::InDoubt;
                CommitOutcome::Unknown(error)
            }
        }
    }

    fn abort(&mut self) -> Result<(), BrokerError> {
        if self.is_transactional() && self.state == State::Ready {
            return Ok(());
        }
        self.expect(State::InTransaction, "there is nothing to abort")?;
        // What is still on its way would come behind the end of the transaction, of which nobody would
        // know then; the next producer of the id ends it, and fences that.
        let ended = self.flush().and_then(|()| self.end(false));
        if ended.is_err() && self.state != State::Fenced {
            self.state = State::InDoubt;
        }
        ended
    }
}

impl Drop for WireProducer {
    fn drop(&mut self) {
        self.shared.close();
    }
}
