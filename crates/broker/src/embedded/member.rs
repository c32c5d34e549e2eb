//! A member of a group, as the coordinator sees it.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::{MembershipChange, TaskId, Waker};

/// Generation of a member that has not been told any.
pub(super) const NO_GENERATION: i32 = -1;

/// One member.
#[derive(Debug)]
pub(super) struct Member {
    /// The id it commits under.
    pub(super) id: String,
    /// Its static identity (`group.instance.id`), if it has one.
    pub(super) instance: Option<String>,
    /// All tasks of the topology it brought.
    pub(super) tasks: Vec<TaskId>,
    /// How long it may go without polling.
    pub(super) poll_timeout: Duration,
    /// When it polled last, or joined.
    pub(super) last_poll: Duration,
    /// Whether it has polled since the rebalance in progress began.
    pub(super) rejoined: bool,
    /// Generation of the last event it has taken: the one it may commit under. It stays valid
    /// while newer events wait, for nobody gets a task it has not released.
    pub(super) generation: i32,
    /// Tasks it was given and not asked back.
    pub(super) owned: BTreeSet<TaskId>,
    /// Tasks it was asked for and has not released.
    pub(super) revoking: BTreeSet<TaskId>,
    /// Changes that wait for its next poll, each with the generation it came with.
    pub(super) events: VecDeque<(i32, MembershipChange)>,
    /// Called when an event waits.
    pub(super) waker: Option<Waker>,
}

impl Member {
    /// Whether it has gone too long without polling.
    pub(super) fn is_expired(&self, now: Duration) -> bool {
        now > self.last_poll.saturating_add(self.poll_timeout)
    }

    /// Whether it holds the task in any way.
    pub(super) fn holds(&self, task: &TaskId) -> bool {
        self.owned.contains(task) || self.revoking.contains(task)
    }
}
