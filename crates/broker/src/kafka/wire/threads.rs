//! The threads of a consumer: one asks who leads what, one for each of those fetches.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::code_of;
use super::connection::{Address, Connection};
use super::partitions::{Ask, Failure, Shared};
use super::records::RecordReader;
use super::requests::{
    FETCH, FetchPartition, FetchRequest, FetchedPartition, METADATA, Metadata, decode_fetch,
    decode_metadata, encode_metadata,
};
use crate::IsolationLevel;

/// How long a broker holds an answer back while a partition that it leads has enough, but may soon
/// have not; doubled as long as nothing comes.
const SHORT_WAIT: Duration = Duration::from_millis(5);

/// How long a broker may take to tell who leads what, before another one is asked.
const LEADERS_WITHIN: Duration = Duration::from_secs(3);

/// Starts the first thread; the others follow when it is known where to fetch.
pub(super) fn start(shared: &Arc<Shared>) -> io::Result<()> {
    let name = format!("{}-leaders", shared.settings.client_id);
    let shared = shared.clone();
    thread::Builder::new().name(name).spawn(move || follow_leaders(&shared)).map(|_| ())
}

/// Finds the leaders of partitions that have none.
fn follow_leaders(shared: &Arc<Shared>) {
    let mut connection = None;
    let mut wait = Duration::ZERO;
    loop {
        shared.pause(wait);
        let Some(topics) = shared.wait_for(|state| {
            let topics = state.without_leader();
            (!topics.is_empty()).then_some(topics)
        }) else {
            return;
        };
        let settings = &shared.settings;
        match ask_any(shared, &mut connection, &topics) {
            Ok(metadata) => {
                let (nodes, has_failed) = shared.lock().learn(metadata);
                nodes.into_iter().for_each(|node| fetch_from(shared, node));
                if has_failed {
                    shared.wake();
                }
                let is_found = shared.lock().without_leader().is_empty();
                wait = if is_found { settings.backoff } else { wait.max(settings.backoff) * 2 };
            }
            Err(error) => {
                if wait <= settings.backoff {
                    tracing::warn!("{}: no broker answers: {error}", settings.client_id);
                }
                wait = wait.max(settings.backoff) * 2;
            }
        }
        wait = wait.min(settings.longest_backoff);
        let state = shared.lock();
        shared.notify(&state);
    }
}

/// Asks the broker that answered last, or else the first that answers.
fn ask_any(
    shared: &Shared,
    connection: &mut Option<Connection>,
    topics: &[String],
) -> io::Result<Metadata> {
    let mut last = None;
    if let Some(open) = connection {
        match ask(open, topics) {
            Ok(metadata) => return Ok(metadata),
            Err(error) => last = Some(error),
        }
        *connection = None;
    }
    let mut addresses = shared.lock().addresses();
    addresses.extend(shared.settings.bootstrap.iter().cloned());
    for address in addresses {
        if shared.lock().is_closed {
            break;
        }
        let answer = Connection::open(&address, &shared.settings, LEADERS_WITHIN)
            .and_then(|mut open| Ok((ask(&mut open, topics)?, open)));
        match answer {
            Ok((metadata, open)) => {
                *connection = Some(open);
                return Ok(metadata);
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::other("no broker is known")))
}

fn ask(connection: &mut Connection, topics: &[String]) -> io::Result<Metadata> {
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    let mut answer =
        connection.call(METADATA, LEADERS_WITHIN, |request| encode_metadata(request, &topics))?;
    decode_metadata(&mut answer)
}

/// Starts the thread of a node.
fn fetch_from(shared: &Arc<Shared>, node: i32) {
    let name = format!("{}-fetch-{node}", shared.settings.client_id);
    let fetcher = Fetcher { shared: shared.clone(), node, turn: 0, wait: SHORT_WAIT };
    if let Err(error) = thread::Builder::new().name(name).spawn(move || fetcher.run()) {
        tracing::error!("no thread for fetching from broker {node}: {error}");
    }
}

/// Fetches from one node.
struct Fetcher {
    shared: Arc<Shared>,
    node: i32,
    /// Which partition comes first in the next request.
    turn: usize,
    wait: Duration,
}

/// However it ends, another one can follow.
impl Drop for Fetcher {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.ended(self.node);
        self.shared.notify(&state);
    }
}

impl Fetcher {
    fn run(mut self) {
        let shared = self.shared.clone();
        let settings = &shared.settings;
        let mut connection: Option<(Address, Connection)> = None;
        let mut reader = RecordReader::default();
        let mut backoff = Duration::ZERO;
        while let Some((address, asks, have_enough)) =
            shared.wait_for(|state| state.asks(self.node, settings.queued_bytes))
        {
            // A broker that has moved.
            connection = connection.filter(|(known, _)| *known == address);
            let fetched = match &mut connection {
                Some((_, open)) => self.fetch(open, &mut reader, asks, have_enough),
                None => {
                    Connection::open(&address, settings, settings.setup_timeout).and_then(|open| {
                        let (_, open) = connection.insert((address.clone(), open));
                        self.fetch(open, &mut reader, asks, have_enough)
                    })
                }
            };
            match fetched {
                Ok(throttle) => {
                    backoff = Duration::ZERO;
                    shared.pause(throttle);
                }
                Err(error) => {
                    let (host, port) = &address;
                    let name = &settings.client_id;
                    match backoff {
                        Duration::ZERO => tracing::warn!("{name}: {host}:{port}: {error}"),
                        _ => tracing::debug!("{name}: {host}:{port}: {error}"),
                    }
                    connection = None;
                    // Others may lead what it led.
                    let mut state = shared.lock();
                    state.forget_node(self.node);
                    shared.notify(&state);
                    drop(state);
                    backoff = (backoff.max(settings.backoff / 2) * 2).min(settings.longest_backoff);
                    shared.pause(backoff);
                }
            }
        }
    }

    /// Asks once; how long the broker wants us to be silent.
    fn fetch(
        &mut self,
        connection: &mut Connection,
        reader: &mut RecordReader,
        mut asks: Vec<Ask>,
        have_enough: bool,
    ) -> io::Result<Duration> {
        let settings = &self.shared.settings;
        // What is asked for first is answered first when there is more than fits.
        asks.sort_unstable_by(|a, b| a.partition.cmp(&b.partition));
        let turn = self.turn % asks.len();
        asks.rotate_left(turn);
        self.turn = self.turn.wrapping_add(1);
        let max_wait =
            if have_enough { self.wait.min(settings.max_wait) } else { settings.max_wait };
        let request = FetchRequest {
            isolation: settings.isolation,
            max_wait,
            min_bytes: settings.min_bytes,
            max_bytes: settings.max_bytes,
            max_partition_bytes: settings.max_partition_bytes,
            topics: &by_topic(&asks),
        };
        let within = settings.socket_timeout + max_wait;
        let mut answer = connection.call(FETCH, within, |bytes| request.encode(bytes))?;
        let mut is_news = false;
        let throttle = decode_fetch(&mut answer, |fetched| {
            let ask = asks.iter().find(|ask| {
                *ask.partition.topic == *fetched.topic
                    && u32::try_from(fetched.partition) == Ok(ask.partition.partition)
            });
            if let Some(ask) = ask {
                is_news |= take(&self.shared, reader, ask, fetched);
            }
        })?;
        self.wait = if is_news { SHORT_WAIT } else { (self.wait * 2).min(settings.max_wait) };
        if is_news {
            self.shared.wake();
        }
        Ok(throttle)
    }
}

/// The partitions in the request's shape.
fn by_topic(asks: &[Ask]) -> Vec<(&str, Vec<FetchPartition>)> {
    let mut topics: Vec<(&str, Vec<FetchPartition>)> = Vec::new();
    for Ask { partition, leader_epoch, offset, .. } in asks {
        let row = FetchPartition {
            partition: i32::try_from(partition.partition).unwrap_or(i32::MAX),
            leader_epoch: *leader_epoch,
            offset: *offset,
        };
        match topics.iter_mut().find(|(topic, _)| **topic == *partition.topic) {
            Some((_, rows)) => rows.push(row),
            None => topics.push((&partition.topic, vec![row])),
        }
    }
    topics
}

/// Takes what came of one partition; whether there is news for its owner.
fn take(
    shared: &Shared,
    reader: &mut RecordReader,
    ask: &Ask,
    fetched: FetchedPartition<'_>,
) -> bool {
    let settings = &shared.settings;
    let end = match settings.isolation {
        IsolationLevel::ReadCommitted => fetched.last_stable_offset,
        IsolationLevel::ReadUncommitted => fetched.high_watermark,
    };
    let code = code_of(fetched.error);
    let failure = match code {
        Code::NoError => {
            let FetchedPartition { records, aborted, .. } = fetched;
            match reader.read(records, ask.offset, aborted, settings.longest_answer) {
                Ok(read) => return shared.lock().take(ask, end, read),
                Err(error) => Failure::Unreadable(error.to_string()),
            }
        }
        code if has_another_leader(code) => {
            tracing::debug!("{}: {}: {code}", settings.client_id, ask.partition);
            let mut state = shared.lock();
            state.forget_leader(&ask.partition);
            shared.notify(&state);
            return false;
        }
        code => Failure::Code(code),
    };
    shared.lock().fail(ask, failure);
    true
}

/// Whether to ask again who leads the partition, as it may be another one by now.
fn has_another_leader(code: Code) -> bool {
    matches!(
        code,
        Code::NotLeaderForPartition
            | Code::LeaderNotAvailable
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::OffsetNotAvailable
            | Code::ReplicaNotAvailable
            | Code::KafkaStorageError
            | Code::UnknownTopicOrPartition
            | Code::RequestTimedOut
            | Code::Unknown
    )
}
