//! Which request meets which fault, and what became of it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::frame::{ApiKey, RequestHead};

/// What happens to the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is kept back until it is released, and what comes after it on the same connection too.
    /// The client may give up meanwhile: it is delivered all the same.
    Hold,
    /// The same, and the client's connection is closed, so that it tries again at once on another.
    HoldAndCloseClient,
    /// The broker never sees it; the connection is closed.
    Drop,
    /// The broker gets it and answers; the client sees its connection closed instead.
    LoseAnswer,
}

/// Which requests are meant.
#[derive(Clone, Debug)]
pub struct Target {
    api: ApiKey,
    client_prefix: String,
    nth: u64,
}

impl Target {
    /// The next request of this kind.
    pub fn next(api: ApiKey) -> Self {
        Self { api, client_prefix: String::new(), nth: 1 }
    }

    /// Only of clients whose `client.id` begins like this.
    pub fn of_client(mut self, prefix: impl Into<String>) -> Self {
        self.client_prefix = prefix.into();
        self
    }

    /// The `n`-th of them from now on; the first is 1.
    pub fn nth(mut self, n: u64) -> Self {
        self.nth = n;
        self
    }

    fn matches(&self, head: &RequestHead) -> bool {
        self.api == head.api && head.client_id.starts_with(&self.client_prefix)
    }
}

/// A fault in its place. When this is dropped the fault is taken out, and what it holds is released.
#[derive(Debug)]
#[must_use = "a fault that is dropped is taken out again"]
pub struct Fault(pub(super) Arc<Shared>);

impl Fault {
    /// Waits until a request has met the fault; says whether one has.
    pub fn wait_hit(&self, limit: Duration) -> bool {
        self.0.wait(limit, |state| state.stage >= Stage::Hit)
    }

    /// Lets a held request go on to the broker. One that has not come yet will not be held.
    pub fn release(&self) {
        self.0.change(|state| state.released = true);
    }

    /// Waits until the broker has answered the request; says whether it has.
    pub fn wait_answered(&self, limit: Duration) -> bool {
        self.0.wait(limit, |state| state.stage >= Stage::Answered)
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        self.release();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Waiting,
    Hit,
    Answered,
}

/// What the fault's handle and the connections have in common.
#[derive(Debug)]
pub(super) struct Shared {
    target: Target,
    action: Action,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Requests still to come until the one that is meant.
    left: u64,
    stage: Stage,
    released: bool,
}

impl Shared {
    pub(super) fn new(target: Target, action: Action) -> Arc<Self> {
        let state = State { left: target.nth.max(1), stage: Stage::Waiting, released: false };
        Arc::new(Self { target, action, state: Mutex::new(state), changed: Condvar::new() })
    }

    /// Whether this request meets the fault.
    pub(super) fn meets(&self, head: &RequestHead) -> Option<Action> {
        let mut state = self.state();
        if state.stage > Stage::Waiting || state.released || !self.target.matches(head) {
            return None;
        }
        state.left -= 1;
        if state.left > 0 {
            return None;
        }
        state.stage = Stage::Hit;
        self.changed.notify_all();
        Some(self.action)
    }

    /// Whether nothing can meet it any more.
    pub(super) fn is_over(&self) -> bool {
        let state = self.state();
        state.stage > Stage::Waiting || state.released
    }

    pub(super) fn wait_released(&self) {
        self.wait(Duration::MAX, |state| state.released);
    }

    pub(super) fn answered(&self) {
        self.change(|state| state.stage = Stage::Answered);
    }

    /// For connections that end: nobody waits any longer.
    pub(super) fn release(&self) {
        self.change(|state| state.released = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    fn wait(&self, limit: Duration, is_so: impl Fn(&State) -> bool) -> bool {
        let end = Instant::now().checked_add(limit);
        let mut state = self.state();
        while !is_so(&state) {
            let left = end.map_or(limit, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            let waited = self.changed.wait_timeout(state, left.min(Duration::from_secs(3600)));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
