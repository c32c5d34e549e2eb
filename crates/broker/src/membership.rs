//! Membership hands out tasks, not partitions: how that is brought about is the adapter's affair.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::{BrokerError, Waker};

/// A task: one partition of one sub-topology. Written `<sub-topology>_<partition>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    /// The sub-topology's number.
    pub sub_topology: u32,
    /// The partition of its source topics.
    pub partition: u32,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.sub_topology, self.partition)
    }
}

impl FromStr for TaskId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |part: &str| part.parse().ok();
        text.split_once('_')
            .and_then(|(s, p)| Some(Self { sub_topology: parse(s)?, partition: parse(p)? }))
            .ok_or_else(|| format!("'{text}' is not a task id such as 0_1"))
    }
}

/// Under which name a member's offsets are committed. The group accepts them only from the current
/// generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupIdentity {
    /// The group (`application.id`).
    pub group: String,
    /// The member's id, given by the group.
    pub member: String,
    /// The generation the member belongs to.
    pub generation: i32,
    /// The static identity (`group.instance.id`), if it has one.
    pub instance: Option<String>,
}

/// What an instance brings when it joins.
#[derive(Clone, Debug)]
pub struct GroupJoin {
    /// The group (`application.id`).
    pub group: String,
    /// Name of the client in logs, and the start of its member id.
    pub client_id: String,
    /// The static identity (`group.instance.id`), if it has one.
    pub instance: Option<String>,
    /// All tasks of the topology; every member brings the same list.
    pub tasks: Vec<TaskId>,
    /// A member that does not [`poll`](Membership::poll) for so long is put out of the group
    /// (`max.poll.interval.ms`).
    pub poll_timeout: Duration,
    /// Called when the next poll may bring an event.
    pub waker: Option<Waker>,
}

/// What has changed for a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MembershipChange {
    /// These tasks are the member's now. May be empty: only the identity is new.
    Assigned(Vec<TaskId>),
    /// These tasks must be given up: commit them, close them, then
    /// [`release`](Membership::release) them. They may be committed until then.
    Revoked(Vec<TaskId>),
    /// These tasks belong to somebody else already: close them without writing anything.
    Lost(Vec<TaskId>),
}

/// A change, with the identity under which offsets may be committed from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipEvent {
    /// What has changed.
    pub change: MembershipChange,
    /// The identity from now on. A snapshot: a commit must use the one of the last event.
    pub identity: GroupIdentity,
}

/// A member of a group.
pub trait Membership: Send {
    /// Tells the group that the member lives, and takes what has changed, oldest first. Never
    /// waits. After a `Lost` event the member has rejoined by itself under a new identity and will
    /// be assigned tasks again.
    fn poll(&mut self) -> Result<Vec<MembershipEvent>, BrokerError>;

    /// Confirms that revoked tasks are committed and closed, so that others may have them.
    fn release(&mut self, tasks: &[TaskId]) -> Result<(), BrokerError>;

    /// Leaves the group at once; its tasks go to others.
    fn leave(&mut self) -> Result<(), BrokerError>;
}
