use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use millstream_broker::{
    Admin, BrokerError, Consumer, ConsumerOptions, GroupIdentity, GroupJoin, Membership,
    MembershipChange, MembershipEvent, ProducerOptions, TaskId,
};
use millstream_state::Overlay;

use super::global_stores::GlobalStores;
use super::metrics::ThreadMetrics;
use super::requests::{Request, Requests};
use super::task::Task;
use super::thread_options::{Pace, Step, ThreadOptions};
use super::turn::Turn;
use super::{Guarantee, Metrics, PartitionPlan, RecordCollector, prepare_topics};
use crate::error::Error;
use crate::processor::CacheBudget;

/// How often the pause between two recoveries is doubled, from 1 ms.
const MOST_DOUBLINGS: u32 = 7;
/// A record that was written waits no longer for others to fill the buffer it is in: at least once,
/// whoever reads the topic would wait with it until the commit.
const BUFFERED_FOR: Duration = Duration::from_millis(10);

/// A member of the group with its tasks, its consumer and its producer. A plain struct: whoever owns
/// it calls [`step`](Self::step) again and again, an operating-system thread in an application, a
/// test driver or a simulator elsewhere. Same inputs, same run.
pub struct StreamThread {
    pub(super) name: String,
    pub(super) options: ThreadOptions,
    pub(super) plan: PartitionPlan,
    pub(super) consumer: Box<dyn Consumer>,
    pub(super) collector: RecordCollector,
    pub(super) admin: Box<dyn Admin>,
    membership: Box<dyn Membership>,
    /// Changes of the group that are not dealt with yet.
    events: VecDeque<MembershipEvent>,
    pub(super) identity: Option<GroupIdentity>,
    pub(super) tasks: BTreeMap<TaskId, Task>,
    /// Tasks to be made, each with the database of its earlier life in this thread.
    pub(super) waiting: BTreeMap<TaskId, Option<Overlay>>,
    /// The task that restored last.
    pub(super) last_started: Option<TaskId>,
    /// The task that could not be made last; the others are tried before it.
    pub(super) last_refused: Option<TaskId>,
    /// The producer is to be opened anew before anything is written.
    pub(super) restarting: bool,
    pub(super) cache: Option<CacheBudget>,
    pub(super) global: GlobalStores,
    pub(super) requests: Option<Requests>,
    pub(super) metrics: ThreadMetrics,
    pub(super) paused: bool,
    turn: Turn,
    /// Rounds in a row that ended in a recovery.
    recoveries: u32,
    closed: bool,
    pub(super) next_commit: Duration,
    /// When as many intervals will have passed as commits were made: how far they are ahead.
    pub(super) commits_paid: Duration,
    pub(super) next_purge: Duration,
    /// When databases of former tasks are looked for again.
    pub(super) next_cleanup: Duration,
    /// Records processed since the last commit.
    pub(super) since_commit: usize,
    /// Whether anything has been done since the last commit.
    pub(super) uncommitted: bool,
    /// When what is buffered is handed to the producer at the latest.
    next_send: Duration,
}

impl StreamThread {
    /// Joins the group. Checks the topics first, and creates the application's own.
    pub fn new(mut options: ThreadOptions) -> Result<Self, Error> {
        options.config.validate()?;
        options.topology = options.topology.optimized(options.config.topology_optimization());
        let mut admin = options.broker.admin()?;
        let plan = prepare_topics(&options.topology, &options.config, &mut *admin, None)?;
        Self::with_plan(options, plan)
    }

    pub(crate) fn with_plan(options: ThreadOptions, plan: PartitionPlan) -> Result<Self, Error> {
        let config = &options.config;
        let client = config.client_id().unwrap_or(config.application_id());
        let name = format!("{client}-StreamThread-{}", options.index + 1);
        let consumer = options.broker.consumer(ConsumerOptions {
            client_id: format!("{name}-consumer"),
            isolation: config.isolation(),
            waker: options.waker.clone(),
        })?;
        // Before it joins: nobody is to wait for a member that cannot write.
        let collector = open_collector(&options, &name)?;
        let membership = options.broker.membership(GroupJoin {
            group: config.application_id().to_owned(),
            client_id: name.clone(),
            instance: config
                .group_instance_id()
                .map(|instance| format!("{instance}-{}", options.index + 1)),
            tasks: plan.tasks.to_vec(),
            poll_timeout: config.max_poll_interval(),
            waker: options.waker.clone(),
        })?;
        let cache_bytes = config.statestore_cache_max_bytes() / config.num_stream_threads().max(1);
        let cache = (cache_bytes > 0).then(|| CacheBudget::new(cache_bytes));
        let now = options.clock.monotonic();
        Ok(Self {
            collector,
            admin: options.broker.admin()?,
            next_commit: now + config.commit_interval(),
            commits_paid: now,
            next_purge: now + config.repartition_purge_interval(),
            next_cleanup: now,
            name,
            plan,
            consumer,
            membership,
            events: VecDeque::new(),
            identity: None,
            tasks: BTreeMap::new(),
            waiting: BTreeMap::new(),
            last_started: None,
            last_refused: None,
            restarting: false,
            cache,
            global: GlobalStores::default(),
            requests: None,
            metrics: ThreadMetrics::default(),
            paused: false,
            turn: Turn::default(),
            recoveries: 0,
            closed: false,
            since_commit: 0,
            uncommitted: false,
            next_send: now,
            options,
        })
    }

    /// Its name, `<client.id>-StreamThread-<n>`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tasks it has, with whether each is running (its stores restored).
    pub fn tasks(&self) -> impl Iterator<Item = (TaskId, bool)> {
        let made = self.tasks.iter().map(|(id, task)| (*id, task.is_running()));
        made.chain(self.waiting.keys().map(|id| (*id, false)))
    }

    pub(crate) fn tasks_mut(&mut self) -> impl Iterator<Item = &mut Task> {
        self.tasks.values_mut()
    }

    /// Whether it has its tasks and all of them are running.
    pub(crate) fn is_settled(&self) -> bool {
        self.identity.is_some()
            && self.has_global_stores()
            && self.waiting.is_empty()
            && self.tasks.values().all(Task::is_running)
    }

    /// What it has done so far.
    pub fn metrics(&self) -> Metrics {
        self.metrics.read()
    }

    pub(super) fn is_exactly_once(&self) -> bool {
        self.options.config.processing_guarantee() == Guarantee::ExactlyOnce
    }

    /// One bounded round: requests, changes of membership, restores, fetch, process, punctuate,
    /// commit when due. An error means that the thread cannot go on: [`abandon`](Self::abandon) it.
    /// Being fenced is no error: the tasks begin again from what is committed.
    pub fn step(&mut self) -> Result<Step, Error> {
        if self.closed {
            return Ok(Step::Closed);
        }
        match self.round() {
            Ok(step) => {
                self.recoveries = 0;
                Ok(step)
            }
            Err(error) => {
                self.recover(error)?;
                // A broker that refuses at once is not asked again at once, over and over.
                self.recoveries = (self.recoveries + 1).min(MOST_DOUBLINGS);
                Ok(Step::Idle(Duration::from_millis(1 << self.recoveries)))
            }
        }
    }

    fn round(&mut self) -> Result<Step, Error> {
        self.answer_requests()?;
        if self.closed {
            return Ok(Step::Closed);
        }
        let mut busy = self.follow_membership()?;
        self.renew_producer()?;
        busy |= self.follow_global_topics()?;
        let ready = self.has_global_stores();
        if ready {
            busy |= self.make_tasks()?;
            busy |= self.start_tasks()?;
        }
        let now = self.options.clock.wall_ms();
        let (mut processed, mut blocked) = (0, false);
        if ready && !self.paused {
            for task in self.tasks.values_mut().filter(|task| task.is_running()) {
                task.state.wall_clock = now;
                task.fetch(&self.options.config, &mut *self.consumer)?;
            }
            let (records, full) = self.process()?;
            (processed, blocked) = (records, full);
            let mut punctuated = false;
            for task in self.tasks.values_mut().filter(|task| task.is_running()) {
                let collector = &mut self.collector;
                punctuated |= self.global.with(task, |task| task.punctuate(collector))?;
            }
            self.since_commit += processed;
            self.uncommitted |= processed > 0 || punctuated;
            busy |= processed > 0 || punctuated;
        }
        if self.is_commit_due(processed, busy, blocked) {
            // What a commit makes visible may be this thread's own input.
            busy |= self.commit()?;
        }
        self.send_buffered(busy)?;
        self.keep_state()?;
        if busy { Ok(Step::Busy) } else { Ok(Step::Idle(self.idle_time(now))) }
    }

    /// Gives each task its turn, or one task its record; says whether a full topic held one up.
    fn process(&mut self) -> Result<(usize, bool), Error> {
        let mut processed = 0;
        let mut blocked = false;
        match self.options.pace {
            Pace::Interval => {
                for task in self.tasks.values_mut().filter(|task| task.is_running()) {
                    if task.is_blocked(&self.collector) {
                        blocked = true;
                        continue;
                    }
                    processed += self.turn.run(&*self.options.clock, |limit| {
                        let collector = &mut self.collector;
                        let records =
                            self.global.with(task, |task| task.process(limit, collector))?;
                        if self.collector.wants_send() {
                            self.collector.send()?;
                        }
                        Ok(records)
                    })?;
                }
            }
            Pace::Records(records) => {
                let records = records.max(1);
                let running = self.tasks.values_mut().filter(|task| task.is_running());
                let next = running
                    .filter_map(|task| Some((task.next_timestamp()?, task)))
                    .min_by_key(|(timestamp, _)| *timestamp);
                if let Some((_, task)) = next {
                    let limit = records - self.since_commit.min(records - 1);
                    let collector = &mut self.collector;
                    processed = self.global.with(task, |task| task.process(limit, collector))?;
                    if self.collector.wants_send() {
                        self.collector.send()?;
                    }
                }
            }
        }
        Ok((processed, blocked))
    }

    /// Hands what is buffered to the producer, when it has waited or nothing comes to fill it up.
    /// What is in a transaction nobody sees before its commit, which hands it over.
    fn send_buffered(&mut self, busy: bool) -> Result<(), Error> {
        let is_seen = self.options.pace == Pace::Interval && !self.is_exactly_once();
        if is_seen && self.collector.has_buffered() {
            let now = self.options.clock.monotonic();
            if !busy || now >= self.next_send {
                self.collector.send()?;
                self.next_send = now + BUFFERED_FOR;
            }
        }
        Ok(())
    }

    fn answer_requests(&mut self) -> Result<(), Error> {
        while let Some(request) = self.requests.as_ref().and_then(Requests::next) {
            match request {
                Request::Query(answer) => {
                    // Whoever asked finds that nobody answers; the thread goes on.
                    if catch_unwind(AssertUnwindSafe(|| answer(self))).is_err() {
                        tracing::warn!("{}: a query panicked", self.name);
                    }
                }
                Request::Pause(paused) => self.paused = paused,
                Request::Close => return self.close(),
            }
        }
        Ok(())
    }

    /// Takes what has changed in the group. An event stays until it is dealt with, whatever goes
    /// wrong on the way; new ones are taken only then, so that a release that is repeated finds the
    /// group as it was.
    fn follow_membership(&mut self) -> Result<bool, Error> {
        if self.events.is_empty() {
            self.events = self.membership.poll()?.into();
            // The group goes by the last event it has handed out, in all of them.
            if let Some(last) = self.events.back() {
                self.identity = Some(last.identity.clone());
            }
            // What was asked for before everything was lost is nobody's business any more.
            let lost = |event: &MembershipEvent| matches!(event.change, MembershipChange::Lost(_));
            if let Some(at) = self.events.iter().rposition(lost) {
                self.events.drain(..at);
            }
        }
        let any = !self.events.is_empty();
        while let Some(event) = self.events.front() {
            super::failpoint::reached("in-rebalance");
            match event.change.clone() {
                MembershipChange::Assigned(tasks) => {
                    tracing::info!("{}: gets {}", self.name, listed(&tasks));
                    for id in tasks {
                        if !self.tasks.contains_key(&id) {
                            self.waiting.entry(id).or_default();
                        }
                    }
                }
                MembershipChange::Revoked(tasks) => {
                    tracing::info!("{}: gives back {}", self.name, listed(&tasks));
                    self.commit()?;
                    self.drop_tasks(&tasks, true);
                    super::failpoint::reached("before-release");
                    match self.membership.release(&tasks) {
                        // The group has put the member out, and the next poll will say so.
                        Err(error) if error.is_fenced() => {}
                        released => released?,
                    }
                }
                MembershipChange::Lost(tasks) => {
                    tracing::warn!("{}: lost its tasks to other members of the group", self.name);
                    self.drop_tasks(&tasks, false);
                    // What the lost tasks wrote is in the same transaction as what others wrote.
                    self.restart_tasks();
                }
            }
            self.events.pop_front();
        }
        Ok(any)
    }

    fn drop_tasks(&mut self, tasks: &[TaskId], clean: bool) {
        for id in tasks {
            self.waiting.remove(id);
            if let Some(mut task) = self.tasks.remove(id) {
                task.close(clean, &mut *self.consumer);
            }
        }
    }

    /// After an error that others caused: nothing of the open transaction stays, and every task
    /// begins again from what is committed, its database kept. Other errors come back.
    fn recover(&mut self, error: Error) -> Result<(), Error> {
        let cause = match &error {
            Error::Broker(cause) => cause,
            Error::State(cause) if cause.is_corrupt() => {
                self.rebuild(cause);
                return Ok(());
            }
            Error::Record(failure) => {
                self.write_dead_letter(failure);
                return Err(error);
            }
            _ => return Err(error),
        };
        // A position before the log: others have the task, and what they committed is deleted.
        let overtaken = matches!(cause, BrokerError::OffsetOutOfRange { offset, beginning, .. } if offset < beginning);
        if !cause.is_fenced() && !cause.is_retriable() && !overtaken {
            return Err(error);
        }
        tracing::warn!("{}: its tasks begin again from the last commit: {cause}", self.name);
        self.restart_tasks();
        self.read_global_topics_again();
        Ok(())
    }

    /// Drops what is not committed and has all tasks made again. The producer is opened anew before
    /// anything is written, which ends the open transaction and fences every request of the old one
    /// that may still be on its way.
    pub(super) fn restart_tasks(&mut self) {
        self.restarting = true;
        (self.since_commit, self.uncommitted) = (0, false);
        let tasks: Vec<TaskId> = self.tasks.keys().copied().collect();
        for id in tasks {
            self.make_again(id);
        }
    }

    /// Takes a task back to before its restore, its database kept.
    pub(super) fn make_again(&mut self, id: TaskId) {
        if let Some(mut task) = self.tasks.remove(&id) {
            task.close(false, &mut *self.consumer);
            self.waiting.insert(id, Some(task.into_overlay()));
        }
    }

    fn renew_producer(&mut self) -> Result<(), Error> {
        if self.restarting {
            self.collector = open_collector(&self.options, &self.name)?;
            self.restarting = false;
        }
        Ok(())
    }

    /// Commits, closes every task and leaves the group, unless it is to be waited for there.
    pub fn close(&mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.closed, true) {
            return Ok(());
        }
        let committed = self.commit();
        let clean = committed.is_ok();
        if !clean && let Err(error) = self.collector.abort() {
            tracing::debug!("{}: abort: {error}", self.name);
        }
        // Before the databases are on the disk: others go on meanwhile.
        let config = &self.options.config;
        let left = match config.leave_group_on_close() || config.group_instance_id().is_none() {
            true => self.membership.leave(),
            false => Ok(()),
        };
        for mut task in std::mem::take(&mut self.tasks).into_values() {
            task.close(clean, &mut *self.consumer);
        }
        self.close_global(clean);
        self.waiting.clear();
        left?;
        committed.map(|_| ())
    }

    /// Gives everything up without committing, and leaves the group: for a thread whose
    /// [`step`](Self::step) failed.
    pub fn abandon(&mut self) {
        self.closed = true;
        for mut task in std::mem::take(&mut self.tasks).into_values() {
            task.close(false, &mut *self.consumer);
        }
        self.close_global(false);
        let results = [self.collector.abort(), self.membership.leave()];
        for error in results.into_iter().filter_map(Result::err) {
            tracing::warn!("{}: while it was given up: {error}", self.name);
        }
    }
}

/// Tasks in a line of the log.
fn listed(tasks: &[TaskId]) -> String {
    match tasks {
        [] => "no tasks".to_owned(),
        _ => tasks.iter().map(TaskId::to_string).collect::<Vec<_>>().join(" "),
    }
}

/// Opens a producer, transactional under exactly-once: `<application.id>-<process>-<thread>`.
fn open_collector(options: &ThreadOptions, name: &str) -> Result<RecordCollector, BrokerError> {
    let config = &options.config;
    let exactly_once = config.processing_guarantee() == Guarantee::ExactlyOnce;
    let id = format!("{}-{}-{}", config.application_id(), options.process_id, options.index + 1);
    let producer = options.broker.producer(ProducerOptions {
        client_id: format!("{name}-producer"),
        transactional_id: exactly_once.then_some(id),
        transaction_timeout: config.transaction_timeout(),
    })?;
    Ok(RecordCollector::new(producer, exactly_once))
}

impl fmt::Debug for StreamThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks: Vec<_> = self.tasks.keys().collect();
        f.debug_struct("StreamThread").field("name", &self.name).field("tasks", &tasks).finish()
    }
}
