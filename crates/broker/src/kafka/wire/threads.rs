//! The threads of a client: one asks who leads what, one for each of those works with it.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::connection::{Address, Connection};
use super::leaders::{Led, Next, Shared, State};
use super::requests::{METADATA, Metadata, decode_metadata, encode_metadata};
use crate::{Clock, SystemClock};

/// How long a broker may take to tell who leads what, before another one is asked.
const LEADERS_WITHIN: Duration = Duration::from_secs(3);

/// Leaders are asked for anew after this time (Kafka's `metadata.max.age.ms`): one that was cut off from
/// the others does not say that it leads no more.
const LEADERS_FOR: Duration = Duration::from_secs(300);

/// What a client's thread does with a node.
pub(super) trait Work: Send + 'static {
    type Partition: Led;
    /// What is done at a time.
    type Job;

    /// A word for names of threads.
    const NAME: &str;

    fn new(shared: Arc<Shared<Self::Partition>>, node: i32) -> Self;

    /// What is to be done, if there is anything.
    fn next(&mut self, state: &mut State<Self::Partition>) -> Next<Self::Job>;

    /// Does it; how long the broker wants us to be silent afterwards.
    fn run(&mut self, connection: &mut Connection, job: &mut Self::Job) -> io::Result<Duration>;

    /// It could not be done.
    fn give_back(state: &mut State<Self::Partition>, job: Self::Job);

    /// A partition has failed for good: the owner has news.
    fn has_failed(shared: &Shared<Self::Partition>);
}

/// Starts the first thread; the others follow when it is known with whom to work.
pub(super) fn start<W: Work>(shared: &Arc<Shared<W::Partition>>) -> io::Result<()> {
    let name = format!("{}-leaders", shared.settings.client_id);
    let shared = shared.clone();
    thread::Builder::new().name(name).spawn(move || follow_leaders::<W>(&shared)).map(|_| ())
}

/// Finds the leaders of partitions that have none.
fn follow_leaders<W: Work>(shared: &Arc<Shared<W::Partition>>) {
    let mut connection = None;
    let mut wait = Duration::ZERO;
    let mut all_asked = SystemClock::new();
    loop {
        shared.pause(wait);
        let asked = shared.wait_for(|state| {
            let rest = LEADERS_FOR.saturating_sub(all_asked.monotonic());
            let topics = state.without_leader();
            if !topics.is_empty() {
                Next::Now(topics)
            } else if rest.is_zero() {
                all_asked = SystemClock::new();
                Next::Now(state.topics())
            } else {
                Next::Later(rest)
            }
        });
        let Some(topics) = asked else { return };
        let settings = &shared.settings;
        let mut is_found = false;
        match ask_any(shared, &mut connection, &topics) {
            Ok(metadata) => {
                let (nodes, has_failed) = shared.lock().learn(metadata);
                nodes.into_iter().for_each(|node| work_with::<W>(shared, node));
                if has_failed {
                    W::has_failed(shared);
                }
                is_found = shared.lock().without_leader().is_empty();
            }
            Err(error) if wait <= settings.backoff => {
                tracing::warn!("{}: no broker answers: {error}", settings.client_id);
            }
            Err(error) => tracing::debug!("{}: no broker answers: {error}", settings.client_id),
        }
        let longer = (wait.max(settings.backoff) * 2).min(settings.longest_backoff);
        wait = if is_found { settings.backoff } else { longer };
        let state = shared.lock();
        shared.notify(&state);
    }
}

/// Asks the broker that answered last, or else the first that answers.
fn ask_any<P: Led>(
    shared: &Shared<P>,
    connection: &mut Option<Connection>,
    topics: &[String],
) -> io::Result<Metadata> {
    let mut last = io::Error::other("no broker is known");
    if let Some(mut open) = connection.take().filter(|open| !open.is_idle()) {
        match ask(&mut open, topics) {
            Ok(metadata) => {
                *connection = Some(open);
                return Ok(metadata);
            }
            Err(error) => last = error,
        }
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
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn ask(connection: &mut Connection, topics: &[String]) -> io::Result<Metadata> {
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    let mut answer =
        connection.call(METADATA, LEADERS_WITHIN, |request| encode_metadata(request, &topics))?;
    decode_metadata(&mut answer)
}

/// Starts the thread of a node.
fn work_with<W: Work>(shared: &Arc<Shared<W::Partition>>, node: i32) {
    let name = format!("{}-{}-{node}", shared.settings.client_id, W::NAME);
    let ended = Ended { shared: shared.clone(), node };
    let spawned = thread::Builder::new().name(name).spawn(move || {
        let ended = ended;
        run::<W>(&ended.shared, node);
    });
    if let Err(error) = spawned {
        tracing::error!("no thread for broker {node}: {error}");
    }
}

/// However a thread ends, another one can follow.
struct Ended<P: Led> {
    shared: Arc<Shared<P>>,
    node: i32,
}

impl<P: Led> Drop for Ended<P> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.ended(self.node);
        self.shared.notify(&state);
    }
}

fn run<W: Work>(shared: &Arc<Shared<W::Partition>>, node: i32) {
    let settings = &shared.settings;
    let mut work = W::new(shared.clone(), node);
    let mut connection: Option<(Address, Connection)> = None;
    let mut backoff = Duration::ZERO;
    while let Some((address, mut job)) = shared.wait_for(|state| {
        let Some(address) = state.address(node) else { return Next::Nothing };
        match work.next(state) {
            Next::Now(job) => Next::Now((address, job)),
            Next::Later(time) => Next::Later(time),
            Next::Nothing => Next::Nothing,
        }
    }) {
        // A broker that has moved.
        connection = connection.filter(|(known, open)| *known == address && !open.is_idle());
        let done = match &mut connection {
            Some((_, open)) => work.run(open, &mut job),
            None => Connection::open(&address, settings, settings.setup_timeout).and_then(|open| {
                let (_, open) = connection.insert((address.clone(), open));
                work.run(open, &mut job)
            }),
        };
        match done {
            Ok(silence) => {
                backoff = Duration::ZERO;
                if !silence.is_zero() {
                    shared.pause(silence);
                }
            }
            Err(error) => {
                let (host, port) = &address;
                let name = &settings.client_id;
                match backoff {
                    Duration::ZERO => {
                        tracing::warn!("{name}: broker {host}:{port}: {error}; it is tried again")
                    }
                    _ => tracing::debug!("{name}: broker {host}:{port}: {error}"),
                }
                connection = None;
                let mut state = shared.lock();
                W::give_back(&mut state, job);
                // Others may lead what it led.
                state.forget_node(node);
                shared.notify(&state);
                drop(state);
                backoff = (backoff.max(settings.backoff / 2) * 2).min(settings.longest_backoff);
                shared.pause(backoff);
            }
        }
    }
}
