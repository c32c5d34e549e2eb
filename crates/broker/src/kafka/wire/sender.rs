//! Sends batches to one node.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::batches::Batch;
use super::code_of;
use super::connection::Connection;
use super::leaders::{Next, Shared, State, has_another_leader};
use super::requests::{PRODUCE, ProducedPartition, by_topic, decode_produce, encode_produce};
use super::threads::Work;
use super::writing::Writing;
use crate::TopicPartition;

/// What is sent together at the most, but for a batch that is larger.
const REQUEST_BYTES: usize = 4 * 1024 * 1024;

pub(super) struct Sender {
    shared: Arc<Shared<Writing>>,
    node: i32,
}

/// Batches that are on their way; those that were dealt with are gone.
pub(super) type Batches = Vec<(TopicPartition, Batch)>;

impl Work for Sender {
    type Partition = Writing;
    type Job = Batches;

    const NAME: &str = "produce";

    fn new(shared: Arc<Shared<Writing>>, node: i32) -> Self {
        Self { shared, node }
    }

    fn next(&mut self, state: &mut State<Writing>) -> Next<Batches> {
        let mut batches = Vec::new();
        let (mut bytes, mut shortest) = (0, None);
        for (partition, at, _) in state.led_by(self.node) {
            match at.lingers(&self.shared.common) {
                Some(Duration::ZERO) if bytes < REQUEST_BYTES => {
                    if let Some(batch) = at.take() {
                        bytes += batch.size();
                        batches.push((partition.clone(), batch));
                    }
                }
                Some(time) => {
                    shortest = Some(shortest.map_or(time, |least: Duration| least.min(time)))
                }
                None => {}
            }
        }
        match shortest {
            _ if !batches.is_empty() => Next::Now(batches),
            Some(time) => Next::Later(time),
            None => Next::Nothing,
        }
    }

    fn run(&mut self, connection: &mut Connection, batches: &mut Batches) -> io::Result<Duration> {
        let Shared { settings, common, .. } = &*self.shared;
        let transactional_id = common.settings.transactional_id.as_deref();
        let is_transactional = transactional_id.is_some();
        batches.iter_mut().for_each(|(_, batch)| batch.finish(common.producer, is_transactional));
        let timeout = common.settings.timeout;
        let mut answer = connection.call(PRODUCE, settings.socket_timeout, |request| {
            let rows = batches.iter().map(|(partition, batch)| (partition, batch.bytes()));
            encode_produce(request, transactional_id, timeout, &by_topic(rows));
        })?;
        let mut answered = Vec::new();
        let throttle = decode_produce(&mut answer, |produced| answered.push(produced))?;
        let mut silence = throttle;
        let mut state = self.shared.lock();
        for produced in answered {
            let ours = |(partition, _): &(TopicPartition, Batch)| {
                *partition.topic == *produced.topic
                    && u32::try_from(produced.partition) == Ok(partition.partition)
            };
            let Some(found) = batches.iter().position(ours) else { continue };
            let (partition, batch) = batches.swap_remove(found);
            let ProducedPartition { error, base_offset, .. } = produced;
            let is_known = state.partitions.get_mut(&partition);
            let Some(at) = is_known else { continue };
            match code_of(error) {
                Code::NoError => {
                    at.acknowledge(&batch, base_offset);
                    common.recycle(batch);
                }
                code if is_passing(code) => {
                    tracing::debug!("{}: {partition}: {code}", settings.client_id);
                    at.give_back(batch);
                    silence = silence.max(settings.backoff);
                    if has_another_leader(code) {
                        state.forget_leader(&partition);
                    }
                }
                code => {
                    at.refuse(&batch, code);
                    common.recycle(batch);
                }
            }
        }
        self.shared.notify(&state);
        drop(state);
        match batches.is_empty() {
            true => Ok(silence),
            false => Err(io::Error::new(io::ErrorKind::InvalidData, "not all of it was answered")),
        }
    }

    fn give_back(state: &mut State<Writing>, batches: Batches) {
        for (partition, batch) in batches {
            if let Some(at) = state.partitions.get_mut(&partition) {
                at.give_back(batch);
            }
        }
    }

    fn has_failed(shared: &Shared<Writing>) {
        let state = shared.lock();
        shared.notify(&state);
    }
}

/// Whether the batch is to be sent again.
fn is_passing(code: Code) -> bool {
    has_another_leader(code) && code != Code::Unknown
        || matches!(
            code,
            Code::NotEnoughReplicas
                | Code::NotEnoughReplicasAfterAppend
                | Code::NetworkException
                | Code::BrokerNotAvailable
                | Code::ConcurrentTransactions
                | Code::InvalidMessage
        )
}
