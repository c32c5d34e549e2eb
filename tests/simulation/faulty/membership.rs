//! A member of a group with faults in front.

use millstream::broker::{BrokerError, Membership, MembershipChange, MembershipEvent, TaskId};

use super::{Call, Fate, Site, crash};
use crate::bug::Bug;

/// The membership of one instance.
pub(super) struct FaultyMembership {
    at: Site,
    inner: Box<dyn Membership>,
}

impl FaultyMembership {
    pub(super) fn new(at: Site, inner: Box<dyn Membership>) -> Self {
        Self { at, inner }
    }
}

impl Membership for FaultyMembership {
    /// Never loses an event: a poll that fails has taken none.
    fn poll(&mut self) -> Result<Vec<MembershipEvent>, BrokerError> {
        match self.at.fate(Call::Poll) {
            Fate::Done => {}
            Fate::FailBefore | Fate::FailAfter => return Err(super::fate::timeout(Call::Poll)),
            Fate::CrashBefore => crash(),
            Fate::CrashAfter => {
                let _effect = self.inner.poll();
                crash()
            }
        }
        let mut events = self.inner.poll()?;
        for event in &events {
            self.at.note(format_args!("{event}", event = Words(event)));
        }
        if self.at.has(Bug::SkipsRevoked) {
            for event in &mut events {
                if let MembershipChange::Revoked(tasks) = &event.change {
                    self.inner.release(tasks)?;
                    event.change = MembershipChange::Assigned(Vec::new());
                }
            }
        }
        Ok(events)
    }

    fn release(&mut self, tasks: &[TaskId]) -> Result<(), BrokerError> {
        self.at.call(Call::Release, || self.inner.release(tasks))
    }

    fn leave(&mut self) -> Result<(), BrokerError> {
        self.at.call(Call::Leave, || self.inner.leave())
    }
}

/// An event in short.
struct Words<'a>(&'a MembershipEvent);

impl std::fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (word, tasks) = match &self.0.change {
            MembershipChange::Assigned(tasks) => ("assigned", tasks),
            MembershipChange::Revoked(tasks) => ("revoked", tasks),
            MembershipChange::Lost(tasks) => ("lost", tasks),
        };
        let identity = &self.0.identity;
        write!(f, "{word} [")?;
        for task in tasks {
            write!(f, " {task}")?;
        }
        write!(f, " ] {}@{}", identity.member, identity.generation)
    }
}
