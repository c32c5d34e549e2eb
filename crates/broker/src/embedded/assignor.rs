//! Who gets which task: a sticky assignment that balances the members' totals and spreads the tasks
//! of each sub-topology (`StickyTaskAssignor` is the model; the order of members and tasks decides
//! all ties, so that a run can be repeated).

use std::collections::{BTreeMap, BTreeSet};

use crate::TaskId;

/// Number of a member within its group, in order of joining.
pub(super) type MemberNumber = u64;

/// Owner by task.
pub(super) type Assignment = BTreeMap<TaskId, MemberNumber>;

/// Gives each of `tasks` to one of `members`, and leaves it with its owner in `previous` where the
/// balance allows. Nobody's total differs from another's by more than one, and neither does the
/// number of tasks of one sub-topology. Empty when there are no members.
pub(super) fn assign(
    tasks: &BTreeSet<TaskId>,
    members: &[MemberNumber],
    previous: &Assignment,
) -> Assignment {
    if members.is_empty() {
        return Assignment::new();
    }
    let mut table = Table::new(members);
    let mut sub_topologies: BTreeMap<u32, Vec<TaskId>> = BTreeMap::new();
    for task in tasks {
        let owner = previous.get(task).and_then(|owner| members.iter().position(|m| m == owner));
        if let Some(owner) = owner {
            table.give(*task, owner);
        }
        sub_topologies.entry(task.sub_topology).or_default().push(*task);
    }
    for (sub_topology, tasks) in &sub_topologies {
        table.level_sub_topology(*sub_topology, tasks);
    }
    table.level_totals(previous);
    table.into_assignment()
}

/// The tasks of each member, by sub-topology.
struct Table<'a> {
    members: &'a [MemberNumber],
    held: Vec<BTreeMap<u32, BTreeSet<TaskId>>>,
    totals: Vec<usize>,
}

impl<'a> Table<'a> {
    fn new(members: &'a [MemberNumber]) -> Self {
        Self { members, held: vec![BTreeMap::new(); members.len()], totals: vec![0; members.len()] }
    }

    fn give(&mut self, task: TaskId, member: usize) {
        let of_sub_topology = self.held[member].entry(task.sub_topology).or_default();
        if of_sub_topology.insert(task) {
            self.totals[member] += 1;
        }
    }

    fn take(&mut self, task: TaskId, member: usize) {
        if let Some(of_sub_topology) = self.held[member].get_mut(&task.sub_topology)
            && of_sub_topology.remove(&task)
        {
            self.totals[member] -= 1;
        }
    }

    fn count(&self, member: usize, sub_topology: u32) -> usize {
        self.held[member].get(&sub_topology).map_or(0, BTreeSet::len)
    }

    /// Takes from those who have too many tasks of the sub-topology, then gives what has no owner
    /// to those who have fewest.
    fn level_sub_topology(&mut self, sub_topology: u32, tasks: &[TaskId]) {
        let least = tasks.len() / self.members.len();
        // So many members may have one more than the least.
        let mut larger_shares = tasks.len() % self.members.len();
        let mut order: Vec<usize> = (0..self.members.len()).collect();
        // Members with few tasks in all keep the larger shares.
        order.sort_by_key(|m| (self.totals[*m], *m));
        for member in order {
            let count = self.count(member, sub_topology);
            let allowed = if count > least && larger_shares > 0 {
                larger_shares -= 1;
                least + 1
            } else {
                least
            };
            for _ in allowed..count {
                let last =
                    self.held[member].get(&sub_topology).and_then(|tasks| tasks.last().copied());
                if let Some(task) = last {
                    self.take(task, member);
                }
            }
        }
        let owned: BTreeSet<TaskId> = self
            .held
            .iter()
            .filter_map(|held| held.get(&sub_topology))
            .flatten()
            .copied()
            .collect();
        for task in tasks.iter().filter(|task| !owned.contains(task)) {
            let poorest = (0..self.members.len())
                .min_by_key(|m| (self.count(*m, sub_topology), self.totals[*m], *m));
            if let Some(member) = poorest {
                self.give(*task, member);
            }
        }
    }

    /// Moves tasks from the member with most to the one with fewest, within sub-topologies of which
    /// the former has more, so that these stay level. There is one as long as the totals differ.
    fn level_totals(&mut self, previous: &Assignment) {
        loop {
            let all = 0..self.members.len();
            let richest = all.clone().max_by_key(|m| (self.totals[*m], std::cmp::Reverse(*m)));
            let poorest = all.min_by_key(|m| (self.totals[*m], *m));
            let (Some(rich), Some(poor)) = (richest, poorest) else {
                return;
            };
            if self.totals[rich] <= self.totals[poor] + 1 {
                return;
            }
            // A task that goes back, or was just given, moves before one that has to be closed.
            let cost = |task: &TaskId| match previous.get(task) {
                Some(owner) if *owner == self.members[poor] => 0,
                Some(owner) if *owner == self.members[rich] => 2,
                _ => 1,
            };
            let candidate = self.held[rich]
                .iter()
                .filter(|(sub, tasks)| tasks.len() > self.count(poor, **sub))
                .flat_map(|(_, tasks)| tasks)
                .min_by_key(|task| (cost(task), std::cmp::Reverse(**task)))
                .copied();
            let Some(task) = candidate else { return };
            self.take(task, rich);
            self.give(task, poor);
        }
    }

    fn into_assignment(self) -> Assignment {
        let members = self.members;
        self.held
            .into_iter()
            .enumerate()
            .flat_map(|(m, held)| held.into_values().flatten().map(move |task| (task, members[m])))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks(shape: &[u32]) -> BTreeSet<TaskId> {
        let all = shape.iter().enumerate().flat_map(|(sub, partitions)| {
            (0..*partitions).map(move |partition| TaskId { sub_topology: sub as u32, partition })
        });
        all.collect()
    }

    fn spread(counts: impl Iterator<Item = usize> + Clone) -> usize {
        counts.clone().max().unwrap_or(0) - counts.min().unwrap_or(0)
    }

    fn check(shape: &[u32], members: &[MemberNumber], assignment: &Assignment) {
        assert_eq!(assignment.len(), tasks(shape).len());
        let total = |m: &u64| assignment.values().filter(|owner| *owner == m).count();
        assert!(spread(members.iter().map(total)) <= 1, "{assignment:?}");
        for sub in 0..shape.len() as u32 {
            let of = |m: &u64| {
                let mut owned = assignment.iter().filter(|(_, owner)| *owner == m);
                owned.by_ref().filter(|(t, _)| t.sub_topology == sub).count()
            };
            assert!(spread(members.iter().map(of)) <= 1, "{sub}: {assignment:?}");
        }
    }

    #[test]
    fn always_level_and_mostly_sticky() {
        let shapes: &[&[u32]] = &[&[1], &[4], &[3, 3], &[1, 1, 1, 1], &[7, 2, 5], &[16, 16, 1]];
        for shape in shapes {
            let all = tasks(shape);
            let mut previous = Assignment::new();
            let rounds: &[&[u64]] = &[&[0], &[0, 1], &[0, 1, 2], &[1, 2], &[1, 2, 3, 4, 5], &[5]];
            for members in rounds {
                let next = assign(&all, members, &previous);
                check(shape, members, &next);
                assert_eq!(next, assign(&all, members, &next), "stable: {shape:?}");
                previous = next;
            }
        }
    }

    #[test]
    fn a_second_member_takes_only_its_share() {
        let all = tasks(&[6, 6]);
        let alone = assign(&all, &[0], &Assignment::new());
        let both = assign(&all, &[0, 1], &alone);
        let moved = both.iter().filter(|(t, m)| alone[t] != **m).count();
        assert_eq!(moved, 6);
        let back = assign(&all, &[0], &both);
        assert!(back.values().all(|m| *m == 0));
    }
}
