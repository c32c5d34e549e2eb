//! A member's handle on its group.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::assignor::MemberNumber;
use super::member::NO_GENERATION;
use super::shared::Shared;
use crate::{
    BrokerError, GroupIdentity, GroupJoin, Membership, MembershipChange, MembershipEvent, TaskId,
};

/// A member of a group of the embedded broker. Dropping it without [`leave`](Membership::leave) is
/// a crash: the group waits for the member until its poll timeout is over.
#[derive(Debug)]
pub(super) struct EmbeddedMembership {
    shared: Arc<Shared>,
    join: GroupJoin,
    number: MemberNumber,
    id: String,
    /// What it was told to own and has not released.
    held: BTreeSet<TaskId>,
    left: bool,
}

impl EmbeddedMembership {
    /// Joins.
    pub(super) fn join(shared: Arc<Shared>, join: GroupJoin) -> Result<Self, BrokerError> {
        let (number, id) = join_group(&shared, &join)?;
        Ok(Self { shared, join, number, id, held: BTreeSet::new(), left: false })
    }

    fn unknown(&self) -> BrokerError {
        BrokerError::UnknownMember { group: self.join.group.clone(), member: self.id.clone() }
    }

    fn take_events(&self) -> Result<Option<Vec<MembershipEvent>>, BrokerError> {
        let now = self.shared.now();
        let number = self.number;
        self.shared.update(|state| {
            state.check_open()?;
            let (group, wakes) = state.group_and_wakes(&self.join.group);
            Ok(group.poll(number, now, wakes))
        })
    }

    fn is_taken_over(&self) -> bool {
        let instance = self.join.instance.as_deref();
        self.shared.update(|state| {
            let (group, _) = state.group_and_wakes(&self.join.group);
            group.is_taken_over(instance, &self.id)
        })
    }

    /// Joins again after having been put out; what it held is lost.
    fn rejoin(&mut self) -> Result<Vec<MembershipEvent>, BrokerError> {
        (self.number, self.id) = join_group(&self.shared, &self.join)?;
        let lost = std::mem::take(&mut self.held);
        let mut events = vec![MembershipEvent {
            change: MembershipChange::Lost(lost.into_iter().collect()),
            identity: GroupIdentity {
                group: self.join.group.clone(),
                member: self.id.clone(),
                generation: NO_GENERATION,
                instance: self.join.instance.clone(),
            },
        }];
        events.extend(self.take_events()?.unwrap_or_default());
        Ok(events)
    }
}

fn join_group(shared: &Shared, join: &GroupJoin) -> Result<(MemberNumber, String), BrokerError> {
    let now = shared.now();
    shared.update(|state| {
        state.check_open()?;
        let (group, wakes) = state.group_and_wakes(&join.group);
        Ok(group.join(join, now, wakes))
    })
}

impl Membership for EmbeddedMembership {
    fn poll(&mut self) -> Result<Vec<MembershipEvent>, BrokerError> {
        self.shared.maintain_if_due()?;
        if self.left {
            return Err(self.unknown());
        }
        let events = match self.take_events()? {
            Some(events) => events,
            None if self.is_taken_over() => return Err(self.unknown()),
            None => self.rejoin()?,
        };
        for event in &events {
            if let MembershipChange::Assigned(tasks) = &event.change {
                self.held.extend(tasks);
            }
        }
        Ok(events)
    }

    fn release(&mut self, tasks: &[TaskId]) -> Result<(), BrokerError> {
        let number = self.number;
        let released = self.shared.update(|state| {
            let (group, wakes) = state.group_and_wakes(&self.join.group);
            group.release(number, tasks, wakes)
        });
        self.held.retain(|task| !tasks.contains(task));
        released.ok_or_else(|| self.unknown())
    }

    fn leave(&mut self) -> Result<(), BrokerError> {
        self.left = true;
        self.held.clear();
        let number = self.number;
        self.shared.update(|state| {
            let (group, wakes) = state.group_and_wakes(&self.join.group);
            group.leave(number, wakes);
        });
        Ok(())
    }
}
