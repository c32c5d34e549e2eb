//! The application: stream threads on operating-system threads, and what is asked of them.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use millstream_broker::{Broker, Clock, SystemClock};
use millstream_state::StateBackend;

use super::app_state::{AppState, Shared, lock};
use super::app_thread::{AppThread, spawn_thread};
use super::config::GroupProtocol;
use super::connect::connect;
use super::{
    Config, Metrics, Pace, Request, RestoreProgress, ThreadOptions, prepare_topics, state_choice,
};
use crate::error::Error;
use crate::topology::Topology;

/// How long [`StreamsApp::run`] waits for its threads once it is to end.
const RUN_CLOSES_WITHIN: Duration = Duration::from_secs(30);

/// A topology at work: `num.stream.threads` stream threads, until it is closed.
///
/// ```no_run
/// use millstream::{Config, StreamsApp, StreamsBuilder};
///
/// # async fn run() -> Result<(), millstream::Error> {
/// let builder = StreamsBuilder::new();
/// builder.stream::<String, String>("in").to("out");
/// let app = StreamsApp::new(builder.build()?, Config::new("copy"))?;
/// app.run().await // until Ctrl-C, SIGTERM or an error
/// # }
/// ```
#[doc(alias = "KafkaStreams")]
pub struct StreamsApp {
    topology: Topology,
    config: Config,
    broker: Arc<dyn Broker>,
    /// Whether the broker is this application's own, so that missing topics are simply created.
    owns_broker: bool,
    clock: Arc<dyn Clock>,
    /// Where stores are kept, if it is not for the settings to say.
    backend: Option<Arc<dyn StateBackend>>,
    shared: Arc<Shared>,
    on_restore: Mutex<Option<Arc<dyn Fn(&RestoreProgress) + Send + Sync>>>,
    /// Disconnects when the last thread has ended.
    ended: Mutex<Option<Receiver<()>>>,
}

impl StreamsApp {
    /// An application on the Kafka cluster of `bootstrap.servers` (feature `kafka`), whose topics
    /// must exist when it starts; when none is named, on a broker of its own, in memory: no server,
    /// nothing kept, and topics that are missing are created, with a partition for each stream
    /// thread.
    pub fn new(topology: Topology, config: Config) -> Result<Self, Error> {
        config.validate()?;
        let (broker, owns_broker) = connect(&config)?;
        let mut app = Self::on(broker, topology, config)?;
        app.owns_broker = owns_broker;
        Ok(app)
    }

    /// An application on `broker`, whatever `bootstrap.servers` says. Several applications, and
    /// several instances of one, may share it. The topics it reads and writes must exist when it
    /// starts.
    pub fn on(broker: Arc<dyn Broker>, topology: Topology, config: Config) -> Result<Self, Error> {
        config.validate()?;
        state_choice::check(&config)?;
        Ok(Self {
            topology: topology.optimized(config.topology_optimization()),
            broker,
            owns_broker: false,
            clock: Arc::new(SystemClock::new()),
            backend: None,
            shared: Arc::new(Shared::new(config.stream_thread_exception_handler())),
            on_restore: Mutex::default(),
            ended: Mutex::default(),
            config,
        })
    }

    /// Keeps stores in `backend`, whatever the settings say: for databases with options of your
    /// own. Stores with a backend of their own ([`Materialized::backend`](crate::Materialized::backend))
    /// stay where they are.
    #[doc(alias = "DslStoreSuppliers")]
    pub fn with_state_backend(mut self, backend: Arc<dyn StateBackend>) -> Self {
        self.backend = Some(backend);
        self
    }

    /// The broker it runs on.
    pub fn broker(&self) -> &Arc<dyn Broker> {
        &self.broker
    }

    /// The program.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Where it stands.
    pub fn state(&self) -> AppState {
        *self.shared.state.borrow()
    }

    /// Calls `listener` with the old and the new state whenever the state changes, from one of the
    /// application's threads; it must not block. Replaces an earlier listener.
    #[doc(alias = "setStateListener")]
    pub fn on_state_change(&self, listener: impl Fn(AppState, AppState) + Send + Sync + 'static) {
        *lock(&self.shared.listener) = Some(Arc::new(listener));
    }

    /// Calls `listener` as stores are restored, from the thread that restores; it must not block.
    /// To be set before the start.
    #[doc(alias = "setGlobalStateRestoreListener")]
    pub fn on_restore(&self, listener: impl Fn(&RestoreProgress) + Send + Sync + 'static) {
        *lock(&self.on_restore) = Some(Arc::new(listener));
    }

    /// Starts the stream threads, after checking the topics and creating the application's own. An
    /// application is started once.
    pub fn start(&self) -> Result<(), Error> {
        let not_again = |state| {
            Error::Unavailable(format!(
                "the application cannot be started: it is {state:?}; make a new one"
            ))
        };
        if self.state() != AppState::Created {
            return Err(not_again(self.state()));
        }
        let threads = self.config.num_stream_threads();
        let missing = self.owns_broker.then_some(u32::try_from(threads).unwrap_or(u32::MAX));
        let mut admin = self.broker.admin()?;
        let plan = prepare_topics(&self.topology, &self.config, &mut *admin, missing)?;
        // Opened by the start and dropped with the last thread: an application that has ended does
        // not keep the next one out of its directory.
        let backend = match &self.backend {
            Some(backend) => backend.clone(),
            None => state_choice::open(&self.config)?,
        };
        let new_id = || uuid::Uuid::new_v4().to_string();
        let mut config = self.config.clone();
        let backends = state_choice::backends(&*backend, &self.topology).into_iter();
        let mut lasting = backends.map(|backend| backend.identity(&new_id));
        let process_id = match lasting.find_map(Result::transpose).transpose()? {
            // Whoever starts in this directory takes the place of who was there before.
            Some(lasting) => {
                // A broker that assigns does not let it in again before its former session is over.
                let comes_back = config.group_protocol() == GroupProtocol::Classic;
                if comes_back && config.group_instance_id().is_none() {
                    config = config.with_group_instance_id(&lasting);
                }
                lasting
            }
            None => new_id(),
        };
        // Of two that come so far together one goes on.
        let before = self.shared.change_state(|state| match state {
            AppState::Created => AppState::Rebalancing,
            later => later,
        });
        if before != AppState::Created {
            return Err(not_again(before));
        }
        let (alive, ended): (Sender<()>, Receiver<()>) = crossbeam_channel::bounded(0);
        *lock(&self.ended) = Some(ended);
        for index in 0..threads {
            let options = ThreadOptions {
                topology: self.topology.clone(),
                config: config.clone(),
                broker: self.broker.clone(),
                clock: self.clock.clone(),
                state: backend.clone(),
                process_id: process_id.clone(),
                index,
                pace: Pace::Interval,
                waker: None,
                on_restore: lock(&self.on_restore).clone(),
            };
            let spawned = spawn_thread(options, plan.clone(), self.shared.clone(), alive.clone())?;
            lock(&self.shared.threads).push(spawned);
        }
        for thread in lock(&self.shared.threads).iter() {
            thread.go();
        }
        if self.state() == AppState::PendingShutdown {
            // Whoever closed it meanwhile may have found no thread to ask.
            self.shared.ask_all(|| Request::Close);
        }
        Ok(())
    }

    /// Takes no more records until [`resume`](Self::resume); the group keeps the tasks here.
    pub fn pause(&self) {
        self.shared.pause(true);
    }

    /// Goes on after a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.shared.pause(false);
    }

    /// Commits, closes and leaves the group; waits for that as long as `deadline`. Gives the error
    /// that stopped the application, if one did, and [`Error::Timeout`] when a thread has not ended
    /// in time (it goes on ending).
    pub fn close(&self, deadline: Duration) -> Result<(), Error> {
        if self.shared.ask_to_close() == AppState::Created {
            return Ok(());
        }
        // The lock must not be held while waiting: others may want to close too.
        let ended = lock(&self.ended).clone();
        let in_time = wait_for_end(ended, deadline);
        self.outcome(in_time, deadline)
    }

    fn outcome(&self, in_time: bool, deadline: Duration) -> Result<(), Error> {
        if !in_time {
            return Err(Error::Timeout(format!(
                "the application did not close within {deadline:?}: a closure or processor is still at work"
            )));
        }
        match lock(&self.shared.error).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Starts, and runs until Ctrl-C, SIGTERM, [`close`](Self::close) or an error; then closes
    /// within 30 seconds. Needs a tokio runtime with its I/O driver.
    pub async fn run(&self) -> Result<(), Error> {
        self.start()?;
        first_of(stop_signal(), self.ended()).await;
        self.shared.ask_to_close();
        let ended = lock(&self.ended).clone();
        // Beside the runtime, so that its other tasks go on.
        let waits = tokio::task::spawn_blocking(move || wait_for_end(ended, RUN_CLOSES_WITHIN));
        self.outcome(waits.await.unwrap_or(false), RUN_CLOSES_WITHIN)
    }

    /// As [`run`](Self::run), for programs without a tokio runtime.
    pub fn run_blocking(&self) -> Result<(), Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::Unavailable(format!("no tokio runtime: {error}")))?;
        runtime.block_on(self.run())
    }

    /// Waits until the application has ended.
    async fn ended(&self) {
        let mut state = self.shared.state.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ended = state.wait_for(|state| state.is_terminal()).await;
    }

    /// Waits until every task is running; an error when the application ends before.
    pub async fn running(&self) -> Result<(), Error> {
        let mut state = self.shared.state.subscribe();
        let reached =
            state.wait_for(|state| *state == AppState::Running || state.is_terminal()).await;
        match reached.map(|state| *state) {
            Ok(AppState::Running) => Ok(()),
            _ => Err(Error::Unavailable("the application ended before it was running".to_owned())),
        }
    }

    /// What it has done so far, over all threads.
    pub fn metrics(&self) -> Metrics {
        let threads = lock(&self.shared.threads);
        threads.iter().map(AppThread::metrics).fold(Metrics::default(), |all, one| all + one)
    }

    /// How many stream threads it runs.
    pub(crate) fn threads(&self) -> usize {
        self.config.num_stream_threads()
    }

    /// Sends a piece of work to every stream thread; each does it between two records.
    pub(crate) fn ask_threads(
        &self,
        work: impl Fn() -> Box<dyn FnOnce(&mut super::StreamThread) + Send>,
    ) {
        self.shared.ask_all(|| Request::Query(work()));
    }
}

/// Waits until the last thread has ended; `false` when the deadline comes first.
fn wait_for_end(ended: Option<Receiver<()>>, deadline: Duration) -> bool {
    let Some(ended) = ended else { return true };
    ended.recv_timeout(deadline) != Err(crossbeam_channel::RecvTimeoutError::Timeout)
}

/// Ends when the process is asked to stop.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            let terminated = async {
                terminate.recv().await;
            };
            return first_of(interrupted(), terminated).await;
        }
    }
    interrupted().await;
}

async fn interrupted() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::warn!("Ctrl-C cannot be heard: {error}");
        std::future::pending::<()>().await;
    }
}

/// Waits for one of two.
async fn first_of(a: impl Future<Output = ()>, b: impl Future<Output = ()>) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(|cx| match (a.as_mut().poll(cx), b.as_mut().poll(cx)) {
        (Poll::Pending, Poll::Pending) => Poll::Pending,
        _ => Poll::Ready(()),
    })
    .await;
}

impl Drop for StreamsApp {
    /// Asks the threads to close and does not wait for them.
    fn drop(&mut self) {
        self.shared.ask_all(|| Request::Close);
    }
}

impl std::fmt::Debug for StreamsApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamsApp")
            .field("application_id", &self.config.application_id())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
