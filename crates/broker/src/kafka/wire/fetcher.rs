//! Fetches from one node.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::code_of;
use super::connection::Connection;
use super::leaders::{Next, Shared, State, has_another_leader};
use super::reading::{Failure, Reading};
use super::records::RecordReader;
use super::requests::{FETCH, FetchFrom, FetchRequest, FetchedPartition, by_topic, decode_fetch};
use super::threads::Work;
use crate::{IsolationLevel, TopicPartition};

/// How long a broker holds an answer back while a partition that it leads has enough, but may soon
/// have not; doubled as long as nothing comes.
const SHORT_WAIT: Duration = Duration::from_millis(5);

pub(super) struct Fetcher {
    shared: Arc<Shared<Reading>>,
    node: i32,
    reader: RecordReader,
    /// Which partition comes first in the next request.
    turn: usize,
    wait: Duration,
}

/// A partition that is asked for.
pub(super) struct Ask {
    partition: TopicPartition,
    leader_epoch: i32,
    offset: i64,
    assignment: u64,
}

/// What is asked for together.
pub(super) struct Asks {
    asks: Vec<Ask>,
    /// Whether the node leads others that have enough.
    have_enough: bool,
}

impl Work for Fetcher {
    type Partition = Reading;
    type Job = Asks;

    const NAME: &str = "fetch";

    fn new(shared: Arc<Shared<Reading>>, node: i32) -> Self {
        Self { shared, node, reader: RecordReader::default(), turn: 0, wait: SHORT_WAIT }
    }

    fn next(&mut self, state: &mut State<Reading>) -> Next<Asks> {
        let mut asks = Asks { asks: Vec::new(), have_enough: false };
        for (partition, at, leader) in state.led_by(self.node) {
            if at.failure.is_some() {
                continue;
            }
            if at.has_enough(self.shared.common.queued_bytes) {
                asks.have_enough = true;
                continue;
            }
            asks.asks.push(Ask {
                partition: partition.clone(),
                leader_epoch: leader.epoch,
                offset: at.next,
                assignment: at.assignment,
            });
        }
        if asks.asks.is_empty() { Next::Nothing } else { Next::Now(asks) }
    }

    fn run(&mut self, connection: &mut Connection, job: &mut Asks) -> io::Result<Duration> {
        let Asks { asks, have_enough } = job;
        let (settings, common) = (&self.shared.settings, &self.shared.common);
        // What is asked for first is answered first when there is more than fits.
        asks.sort_unstable_by(|a, b| a.partition.cmp(&b.partition));
        let turn = self.turn % asks.len();
        asks.rotate_left(turn);
        self.turn = self.turn.wrapping_add(1);
        let max_wait = if *have_enough { self.wait.min(common.max_wait) } else { common.max_wait };
        let rows = asks.iter().map(|ask| {
            let Ask { leader_epoch, offset, .. } = *ask;
            (&ask.partition, FetchFrom { leader_epoch, offset })
        });
        let request = FetchRequest {
            isolation: common.isolation,
            max_wait,
            min_bytes: common.min_bytes,
            max_bytes: common.max_bytes,
            max_partition_bytes: common.max_partition_bytes,
            topics: &by_topic(rows),
        };
        let within = settings.socket_timeout + max_wait;
        let mut answer = connection.call(FETCH, within, |bytes| request.encode(bytes))?;
        let (shared, reader, mut is_news) = (&self.shared, &mut self.reader, false);
        let throttle = decode_fetch(&mut answer, |fetched| {
            let ask = asks.iter().find(|ask| {
                *ask.partition.topic == *fetched.topic
                    && u32::try_from(fetched.partition) == Ok(ask.partition.partition)
            });
            if let Some(ask) = ask {
                is_news |= take(shared, reader, ask, fetched);
            }
        });
        self.wait = if is_news { SHORT_WAIT } else { (self.wait * 2).min(common.max_wait) };
        if is_news {
            self.shared.common.wake();
        }
        throttle
    }

    /// It is asked for again as it is.
    fn give_back(_: &mut State<Reading>, _: Asks) {}

    fn has_failed(shared: &Shared<Reading>) {
        shared.common.wake();
    }
}

/// Takes what came of one partition; whether there is news for its owner.
fn take(
    shared: &Shared<Reading>,
    reader: &mut RecordReader,
    ask: &Ask,
    fetched: FetchedPartition<'_>,
) -> bool {
    let end = match shared.common.isolation {
        IsolationLevel::ReadCommitted => fetched.last_stable_offset,
        IsolationLevel::ReadUncommitted => fetched.high_watermark,
    };
    let read = match code_of(fetched.error) {
        Code::NoError => {
            let FetchedPartition { records, aborted, .. } = fetched;
            reader
                .read(records, ask.offset, aborted, shared.settings.longest_answer)
                .map_err(|error| Failure::Unreadable(error.to_string()))
        }
        code => Err(Failure::Code(code)),
    };
    let mut state = shared.lock();
    if let Err(Failure::Code(code)) = read
        && has_another_leader(code)
    {
        tracing::debug!("{}: {}: {code}", shared.settings.client_id, ask.partition);
        state.forget_leader(&ask.partition);
        shared.notify(&state);
        return false;
    }
    // It may have been assigned anew meanwhile.
    let asked = state.partitions.get_mut(&ask.partition);
    let Some(at) = asked.filter(|at| (at.assignment, at.next) == (ask.assignment, ask.offset))
    else {
        return false;
    };
    match read {
        Ok(read) => at.take(end, read),
        Err(failure) => {
            at.failure = Some(failure);
            true
        }
    }
}
