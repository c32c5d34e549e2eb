//! Where an application stands, and what its threads share.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use tokio::sync::watch;

use super::app_thread::{AppThread, ThreadReport};
use super::{Request, ThreadExceptionPolicy};
use crate::error::Error;

/// Where an application stands (Kafka's `KafkaStreams.State`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AppState {
    /// Made, not started.
    Created,
    /// Waits for tasks, or restores their stores.
    Rebalancing,
    /// Every task it has is running.
    Running,
    /// Closing.
    PendingShutdown,
    /// Closed.
    NotRunning,
    /// Stopped by an error; see [`StreamsApp::close`](super::StreamsApp::close) for its words.
    Error,
}

impl AppState {
    /// Whether it has ended, one way or the other.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::NotRunning | Self::Error)
    }
}

/// Told of a change: the state until now and the one from now on.
type StateListener = Arc<dyn Fn(AppState, AppState) + Send + Sync>;

/// What the application and its threads share.
pub(super) struct Shared {
    pub(super) policy: ThreadExceptionPolicy,
    pub(super) state: watch::Sender<AppState>,
    pub(super) listener: Mutex<Option<StateListener>>,
    /// Changes that the listener has not been told of, in order.
    untold: Mutex<VecDeque<(AppState, AppState)>>,
    /// Held by whoever tells.
    telling: Mutex<()>,
    pub(super) threads: Mutex<Vec<AppThread>>,
    pub(super) error: Mutex<Option<Error>>,
    paused: AtomicBool,
}

/// A poisoned lock guards plain data that stays whole, so whoever panicked is no reason to stop.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(policy: ThreadExceptionPolicy) -> Self {
        Self {
            policy,
            state: watch::Sender::new(AppState::Created),
            listener: Mutex::default(),
            untold: Mutex::default(),
            telling: Mutex::default(),
            threads: Mutex::default(),
            error: Mutex::default(),
            paused: AtomicBool::new(false),
        }
    }

    /// Changes the state to what `next` makes of it, and tells the listener; gives the state before.
    /// One change comes after the other: `next` sees what all earlier ones left.
    pub(super) fn change_state(&self, next: impl FnOnce(AppState) -> AppState) -> AppState {
        let mut before = AppState::Created;
        self.state.send_if_modified(|state| {
            let to = next(*state);
            before = std::mem::replace(state, to);
            if before != to {
                tracing::info!("state changes from {before:?} to {to:?}");
                lock(&self.untold).push_back((before, to));
            }
            before != to
        });
        self.tell();
        before
    }

    /// Tells the listener outside the locks, in order: who finds somebody telling leaves the rest
    /// to him.
    fn tell(&self) {
        while !lock(&self.untold).is_empty() {
            let _telling = match self.telling.try_lock() {
                Ok(telling) => telling,
                Err(TryLockError::Poisoned(telling)) => telling.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            while let Some((from, to)) = self.next_untold() {
                let listener = lock(&self.listener).clone();
                if let Some(listener) = listener
                    && catch_unwind(AssertUnwindSafe(|| listener(from, to))).is_err()
                {
                    tracing::warn!("the listener of states panicked at {from:?} to {to:?}");
                }
            }
        }
    }

    fn next_untold(&self) -> Option<(AppState, AppState)> {
        lock(&self.untold).pop_front()
    }

    /// Asks the threads to close; gives the state before. What has not begun ends at once.
    pub(super) fn ask_to_close(&self) -> AppState {
        let before = self.change_state(|state| match state {
            AppState::Created => AppState::NotRunning,
            AppState::NotRunning | AppState::Error => state,
            _ => AppState::PendingShutdown,
        });
        self.ask_all(|| Request::Close);
        before
    }

    /// A thread reports how it is.
    pub(super) fn report(&self, index: usize, report: ThreadReport) {
        if let Some(thread) = lock(&self.threads).get_mut(index) {
            thread.report = report;
        }
        self.change_state(|state| {
            let threads = lock(&self.threads);
            let all = |wanted: &[ThreadReport]| threads.iter().all(|t| wanted.contains(&t.report));
            if state.is_terminal() {
                state
            } else if all(&[ThreadReport::Ended]) {
                let failed = lock(&self.error).is_some();
                if failed { AppState::Error } else { AppState::NotRunning }
            } else if state == AppState::PendingShutdown {
                state
            } else if all(&[ThreadReport::Settled, ThreadReport::Ended]) {
                AppState::Running
            } else {
                AppState::Rebalancing
            }
        });
    }

    /// A thread ends by an error: the others are asked to close.
    pub(super) fn fail(&self, error: Error) {
        lock(&self.error).get_or_insert(error);
        self.ask_to_close();
    }

    pub(super) fn pause(&self, paused: bool) {
        // In this order: a thread that is only being made reads it, or hears of it afterwards.
        self.paused.store(paused, Ordering::SeqCst);
        self.ask_all(|| Request::Pause(paused));
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::SeqCst)
    }

    pub(super) fn ask_all(&self, request: impl Fn() -> Request) {
        for thread in lock(&self.threads).iter() {
            thread.ask(request());
        }
    }
}
