use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, Thread};
use std::time::Duration;

use crossbeam_channel::Sender;
use millstream_broker::Waker;

use super::app_state::Shared;
use super::metrics::ThreadMetrics;
use super::requests::RequestSender;
use super::{
    Metrics, PartitionPlan, Request, Requests, Step, StreamThread, ThreadExceptionPolicy,
    ThreadOptions,
};
use crate::error::{Error, Panic};

/// First pause before a thread that died is replaced; doubled for each death in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long a broker may be away while a stream thread starts: `task.timeout.ms` of Kafka Streams.
const START_TIMEOUT: Duration = Duration::from_secs(300);

/// How a stream thread says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ThreadReport {
    /// Waits for tasks, or restores.
    Starting,
    /// Every task it has is running.
    Settled,
    Ended,
}

/// An operating-system thread that steps a stream thread, seen from outside.
#[derive(Debug)]
pub(super) struct AppThread {
    pub(super) report: ThreadReport,
    requests: RequestSender,
    thread: Thread,
    metrics: ThreadMetrics,
}

impl AppThread {
    /// Leaves a request and wakes the thread.
    pub(super) fn ask(&self, request: Request) {
        self.requests.send(request);
        self.thread.unpark();
    }

    /// Lets the thread begin: it is in the list and may report.
    pub(super) fn go(&self) {
        self.thread.unpark();
    }

    pub(super) fn metrics(&self) -> Metrics {
        self.metrics.read()
    }
}

/// Starts an operating-system thread around a stream thread. It holds `_alive` until it ends.
pub(super) fn spawn_thread(
    options: ThreadOptions,
    plan: PartitionPlan,
    shared: Arc<Shared>,
    alive: Sender<()>,
) -> Result<AppThread, Error> {
    let (sender, requests) = Requests::channel();
    let metrics = ThreadMetrics::default();
    let name = format!("{}-{}", options.config.application_id(), options.index + 1);
    let mut runner =
        Runner { options, plan, shared, requests: Some(requests), metrics: metrics.clone() };
    let spawned = thread::Builder::new().name(name.clone()).spawn(move || {
        thread::park();
        runner.run();
        // With what it holds of the disk.
        drop(runner);
        drop(alive);
    });
    let handle = spawned.map_err(|error| {
        Error::Unavailable(format!("the system gives no thread for '{name}': {error}"))
    })?;
    let thread = handle.thread().clone();
    Ok(AppThread { report: ThreadReport::Starting, requests: sender, thread, metrics })
}

/// What runs on the operating-system thread.
struct Runner {
    options: ThreadOptions,
    plan: PartitionPlan,
    shared: Arc<Shared>,
    requests: Option<Requests>,
    metrics: ThreadMetrics,
}

impl Runner {
    /// Steps stream threads, one after the other's death if the policy is to replace them.
    fn run(&mut self) {
        let this = thread::current();
        self.options.waker = Some(Waker::new(move || this.unpark()));
        let mut pause = FIRST_PAUSE;
        // Since when it could not start.
        let mut starting = self.options.clock.monotonic();
        loop {
            let before = self.metrics.read().commits;
            let started = StreamThread::with_plan(self.options.clone(), self.plan.clone());
            let waited = self.options.clock.monotonic().saturating_sub(starting);
            match started {
                Err(Error::Broker(cause)) if cause.is_retriable() && waited < START_TIMEOUT => {
                    tracing::warn!(
                        "stream thread {} starts later: {cause}",
                        self.options.index + 1
                    );
                }
                started => {
                    let Err(error) = started.and_then(|thread| self.live(thread)) else { break };
                    tracing::error!("stream thread {}: {error}", self.options.index + 1);
                    if self.shared.policy != ThreadExceptionPolicy::ReplaceThread {
                        self.shared.fail(error);
                        break;
                    }
                    starting = self.options.clock.monotonic();
                }
            }
            if self.metrics.read().commits > before {
                pause = FIRST_PAUSE;
            }
            self.shared.report(self.options.index, ThreadReport::Starting);
            if self.requests.as_ref().is_some_and(|requests| requests.closes_within(pause)) {
                break;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.shared.report(self.options.index, ThreadReport::Ended);
    }

    /// One stream thread from its start to its end.
    fn live(&mut self, mut stream_thread: StreamThread) -> Result<(), Error> {
        stream_thread.metrics = self.metrics.clone();
        stream_thread.requests = self.requests.take();
        stream_thread.paused = self.shared.is_paused();
        let stepped = catch_unwind(AssertUnwindSafe(|| self.step_until_closed(&mut stream_thread)));
        let result = stepped.unwrap_or_else(|payload| {
            let thread = stream_thread.name().to_owned();
            Err(Error::Thread { thread, panic: Panic::from_payload(&*payload) })
        });
        if result.is_err() {
            stream_thread.abandon();
        }
        self.requests = stream_thread.requests.take();
        result
    }

    fn step_until_closed(&self, stream_thread: &mut StreamThread) -> Result<(), Error> {
        let mut reported = ThreadReport::Starting;
        loop {
            let step = stream_thread.step()?;
            let report = if stream_thread.is_settled() {
                ThreadReport::Settled
            } else {
                ThreadReport::Starting
            };
            if report != reported {
                reported = report;
                self.shared.report(self.options.index, report);
            }
            match step {
                Step::Busy => {}
                Step::Idle(time) => thread::park_timeout(time),
                Step::Closed => return Ok(()),
            }
        }
    }
}
