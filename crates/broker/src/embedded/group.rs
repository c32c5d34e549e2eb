//! A group: members, generations, tasks and offsets (Kafka's `GroupCoordinator`; that tasks move
//! one by one and each member has its own generation is KIP-848's way).
//!
//! A change of the members begins a rebalance. It completes when every member has polled, so that
//! nobody is left behind in an old generation. Tasks that move are revoked first, and given to
//! their new owner when the old one has released them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::assignor::{Assignment, MemberNumber, assign};
use super::group_offsets::GroupOffsets;
use super::member::{Member, NO_GENERATION};
use crate::{
    BrokerError, GroupIdentity, GroupJoin, MembershipChange, MembershipEvent, TaskId, Waker,
};

/// One group.
#[derive(Debug, Default)]
pub(super) struct Group {
    name: String,
    generation: i32,
    next_member: MemberNumber,
    members: BTreeMap<MemberNumber, Member>,
    rebalancing: bool,
    /// Owners as the last completed rebalance wants them.
    target: Assignment,
    pub(super) offsets: GroupOffsets,
}

impl Group {
    /// A group without members.
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Whether it has no members.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Takes a member in, and begins a rebalance; a member with the static identity of another
    /// takes that one's place instead. Returns its number and its id.
    pub(super) fn join(
        &mut self,
        join: &GroupJoin,
        now: Duration,
        wakes: &mut Vec<Waker>,
    ) -> (MemberNumber, String) {
        self.expel_expired(now, wakes);
        let number = self.next_member;
        self.next_member += 1;
        let id = format!("{}-{number}", join.client_id);
        let mut member = Member {
            id: id.clone(),
            instance: join.instance.clone(),
            tasks: join.tasks.clone(),
            poll_timeout: join.poll_timeout,
            last_poll: now,
            rejoined: false,
            generation: NO_GENERATION,
            owned: BTreeSet::new(),
            revoking: BTreeSet::new(),
            events: [].into(),
            waker: join.waker.clone(),
        };
        match self.holder_of(join.instance.as_deref()) {
            Some(former) => {
                let brings_the_same = self.members[&former].tasks == member.tasks;
                let released = self.hand_over(former, number, &mut member);
                self.members.insert(number, member);
                self.grant(&released, wakes);
                if !brings_the_same {
                    self.begin_rebalance(wakes);
                }
            }
            None => {
                self.members.insert(number, member);
                self.begin_rebalance(wakes);
            }
        }
        (number, id)
    }

    fn holder_of(&self, instance: Option<&str>) -> Option<MemberNumber> {
        let instance = instance?;
        let mut members = self.members.iter();
        members
            .find(|(_, member)| member.instance.as_deref() == Some(instance))
            .map(|(number, _)| *number)
    }

    /// Whether another member than the one with `id` holds the static identity.
    pub(super) fn is_taken_over(&self, instance: Option<&str>, id: &str) -> bool {
        self.holder_of(instance).is_some_and(|number| self.members[&number].id != id)
    }

    /// Gives what the former holder of a static identity owned to its successor. What the former
    /// was asked to release is free now: returned.
    fn hand_over(
        &mut self,
        former: MemberNumber,
        successor: MemberNumber,
        member: &mut Member,
    ) -> Vec<TaskId> {
        let Some(former_member) = self.members.remove(&former) else {
            return Vec::new();
        };
        for owner in self.target.values_mut().filter(|owner| **owner == former) {
            *owner = successor;
        }
        member.owned = former_member.owned;
        let all = member.owned.iter().copied().collect();
        if self.generation > 0 {
            let change = MembershipChange::Assigned(all);
            member.events.push_back((self.generation, change));
        }
        former_member.revoking.into_iter().collect()
    }

    /// Notes that the member lives, completes the rebalance when it was the last one to be waited
    /// for, and takes its events. `None`: the group does not know it (any longer).
    pub(super) fn poll(
        &mut self,
        number: MemberNumber,
        now: Duration,
        wakes: &mut Vec<Waker>,
    ) -> Option<Vec<MembershipEvent>> {
        self.expel_expired(now, wakes);
        let member = self.members.get_mut(&number)?;
        member.last_poll = now;
        member.rejoined = true;
        self.complete_if_all_rejoined(wakes);
        let group = self.name.clone();
        let member = self.members.get_mut(&number)?;
        let events = std::mem::take(&mut member.events);
        if let Some((generation, _)) = events.back() {
            member.generation = *generation;
        }
        let identity = |generation| GroupIdentity {
            group: group.clone(),
            member: member.id.clone(),
            generation,
            instance: member.instance.clone(),
        };
        let events = events.into_iter().map(|(generation, change)| {
            let identity = identity(generation);
            MembershipEvent { change, identity }
        });
        Some(events.collect())
    }

    /// Frees revoked tasks for their new owners.
    pub(super) fn release(
        &mut self,
        number: MemberNumber,
        tasks: &[TaskId],
        wakes: &mut Vec<Waker>,
    ) -> Option<()> {
        let member = self.members.get_mut(&number)?;
        let mut freed = tasks.to_vec();
        freed.retain(|task| member.revoking.remove(task));
        self.grant(&freed, wakes);
        Some(())
    }

    /// Takes a member out; its tasks go to others.
    pub(super) fn leave(&mut self, number: MemberNumber, wakes: &mut Vec<Waker>) {
        if self.members.remove(&number).is_some() {
            self.begin_rebalance(wakes);
        }
    }

    /// Puts those out who have gone too long without polling.
    pub(super) fn expel_expired(&mut self, now: Duration, wakes: &mut Vec<Waker>) {
        let before = self.members.len();
        self.members.retain(|_, member| !member.is_expired(now));
        if self.members.len() < before {
            self.begin_rebalance(wakes);
        }
    }

    /// Whether offsets may be committed under `identity` (`GroupMetadataManager.validate…` and
    /// `ClassicGroup.validateOffsetCommit`): by a member, in the generation it was last told, or by
    /// anybody without a generation when the group has no members.
    pub(super) fn check_identity(&self, identity: &GroupIdentity) -> Result<(), BrokerError> {
        let simple = identity.generation < 0 && identity.member.is_empty();
        if simple && self.members.is_empty() {
            return Ok(());
        }
        let unknown = || BrokerError::UnknownMember {
            group: self.name.clone(),
            member: identity.member.clone(),
        };
        let mut members = self.members.values();
        let member = members.find(|member| member.id == identity.member).ok_or_else(unknown)?;
        if identity.instance.is_some() && identity.instance != member.instance {
            return Err(unknown());
        }
        if identity.generation < 0 || identity.generation != member.generation {
            return Err(BrokerError::IllegalGeneration {
                group: self.name.clone(),
                member: identity.member.clone(),
                generation: identity.generation,
            });
        }
        Ok(())
    }

    fn begin_rebalance(&mut self, wakes: &mut Vec<Waker>) {
        self.rebalancing = !self.members.is_empty();
        for member in self.members.values_mut() {
            member.rejoined = false;
            wakes.extend(member.waker.clone());
        }
    }

    fn complete_if_all_rejoined(&mut self, wakes: &mut Vec<Waker>) {
        if !self.rebalancing || self.members.values().any(|member| !member.rejoined) {
            return;
        }
        self.rebalancing = false;
        self.generation += 1;
        let tasks: BTreeSet<TaskId> =
            self.members.values().flat_map(|member| member.tasks.iter().copied()).collect();
        let numbers: Vec<MemberNumber> = self.members.keys().copied().collect();
        self.target = assign(&tasks, &numbers, &self.target);

        for (number, member) in &mut self.members {
            let stays = |task: &TaskId| self.target.get(task) == Some(number);
            let revoked: Vec<TaskId> = member.owned.iter().filter(|t| !stays(t)).copied().collect();
            member.owned.retain(stays);
            if !revoked.is_empty() {
                member.revoking.extend(&revoked);
                let change = MembershipChange::Revoked(revoked);
                member.events.push_back((self.generation, change));
            }
        }
        let free: Vec<TaskId> = tasks
            .into_iter()
            .filter(|task| !self.members.values().any(|member| member.holds(task)))
            .collect();
        self.grant(&free, wakes);
        for member in self.members.values_mut() {
            let told = member.events.back().is_some_and(|(g, _)| *g == self.generation);
            if !told {
                let change = MembershipChange::Assigned(Vec::new());
                member.events.push_back((self.generation, change));
            }
            wakes.extend(member.waker.clone());
        }
    }

    /// Gives tasks nobody holds to the members they are meant for.
    fn grant(&mut self, tasks: &[TaskId], wakes: &mut Vec<Waker>) {
        let mut granted: BTreeMap<MemberNumber, Vec<TaskId>> = BTreeMap::new();
        for task in tasks {
            if let Some(number) = self.target.get(task) {
                granted.entry(*number).or_default().push(*task);
            }
        }
        for (number, mut tasks) in granted {
            if let Some(member) = self.members.get_mut(&number) {
                tasks.sort_unstable();
                member.owned.extend(&tasks);
                let change = MembershipChange::Assigned(tasks);
                member.events.push_back((self.generation, change));
                wakes.extend(member.waker.clone());
            }
        }
    }
}
