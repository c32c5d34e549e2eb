//! Groups under everything at once: members join, work, fall silent, come back, leave and are
//! replaced, in any order. No task is ever in two hands, nobody commits what is not theirs, and
//! when it is quiet everything is shared evenly.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream_broker::{
    BrokerError, Consumer, GroupIdentity, GroupJoin, Membership, MembershipChange, TaskId,
};

use crate::cluster::*;
use crate::power_failure::Random;

const TIMEOUT: Duration = Duration::from_secs(10);

struct Instance {
    member: Box<dyn Membership>,
    name: Option<String>,
    identity: Option<GroupIdentity>,
    /// What it holds, with the time of its last poll: beyond the timeout it may be taken away.
    held: Vec<TaskId>,
    to_release: Vec<TaskId>,
    polled_ms: i64,
    /// Whether another one has joined under its name since.
    replaced: bool,
}

fn tasks() -> Vec<TaskId> {
    let shape = [4, 3, 1];
    let all = shape.into_iter().enumerate().flat_map(|(sub, partitions)| {
        (0..partitions).map(move |partition| TaskId { sub_topology: sub as u32, partition })
    });
    all.collect()
}

struct Simulation {
    cluster: Cluster,
    instances: BTreeMap<u64, Instance>,
    next: u64,
    consumer: Box<dyn Consumer>,
    seed: u64,
}

impl Simulation {
    fn now_ms(&self) -> i64 {
        use millstream_broker::Clock;
        self.cluster.clock.wall_ms()
    }

    fn join(&mut self, name: Option<String>) {
        if name.is_some() {
            // The former holder of the name may still run, and find out later.
            for instance in self.instances.values_mut().filter(|i| i.name == name) {
                instance.held.clear();
                instance.replaced = true;
            }
        }
        let join = GroupJoin {
            group: "g".to_owned(),
            client_id: "c".to_owned(),
            instance: name.clone(),
            tasks: tasks(),
            poll_timeout: TIMEOUT,
            waker: None,
        };
        let instance = Instance {
            member: self.cluster.broker.membership(join).unwrap(),
            name,
            identity: None,
            held: Vec::new(),
            to_release: Vec::new(),
            polled_ms: self.now_ms(),
            replaced: false,
        };
        self.instances.insert(self.next, instance);
        self.next += 1;
    }

    fn poll(&mut self, number: u64) {
        let now = self.now_ms();
        let Some(instance) = self.instances.get_mut(&number) else {
            return;
        };
        let events = match instance.member.poll() {
            Ok(events) => events,
            Err(BrokerError::UnknownMember { .. }) => {
                self.instances.remove(&number);
                return;
            }
            Err(error) => panic!("seed {}: {error}", self.seed),
        };
        instance.polled_ms = now;
        for event in events {
            match event.change {
                MembershipChange::Assigned(tasks) => instance.held.extend(tasks),
                MembershipChange::Revoked(tasks) => {
                    assert!(tasks.iter().all(|t| instance.held.contains(t)), "seed {}", self.seed);
                    instance.to_release.extend(tasks);
                }
                MembershipChange::Lost(_) => {
                    instance.held.clear();
                    instance.to_release.clear();
                    instance.replaced = false;
                }
            }
            instance.identity = Some(event.identity);
        }
        self.check_hands();
    }

    fn release(&mut self, number: u64) {
        let Some(instance) = self.instances.get_mut(&number) else {
            return;
        };
        let tasks = std::mem::take(&mut instance.to_release);
        instance.held.retain(|task| !tasks.contains(task));
        let _ = instance.member.release(&tasks);
    }

    /// Whoever has polled in time may commit; who was put out or replaced may not.
    fn commit(&mut self, number: u64) {
        let now = self.now_ms();
        let Some(instance) = self.instances.get(&number) else {
            return;
        };
        let Some(identity) = &instance.identity else {
            return;
        };
        let lively = now - instance.polled_ms <= TIMEOUT.as_millis() as i64;
        let committed = self.consumer.commit(&[], identity);
        let allowed = lively && !instance.replaced && identity.generation >= 0;
        assert_eq!(committed.is_ok(), allowed, "seed {}: {committed:?}", self.seed);
    }

    fn check_hands(&self) {
        let now = self.now_ms();
        let mut hands = BTreeMap::new();
        for (number, instance) in &self.instances {
            if now - instance.polled_ms <= TIMEOUT.as_millis() as i64 {
                for task in &instance.held {
                    let other = hands.insert(*task, *number);
                    assert_eq!(other, None, "seed {}: task {task} is in two hands", self.seed);
                }
            }
        }
    }

    fn check_quiet(&mut self) {
        for _ in 0..20 {
            for number in self.instances.keys().copied().collect::<Vec<_>>() {
                self.poll(number);
                self.release(number);
            }
        }
        let counts: Vec<usize> = self.instances.values().map(|i| i.held.len()).collect();
        if let (Some(most), Some(least)) = (counts.iter().max(), counts.iter().min()) {
            assert_eq!(counts.iter().sum::<usize>(), tasks().len(), "seed {}", self.seed);
            assert!(most - least <= 1, "seed {}: {counts:?}", self.seed);
        }
    }
}

#[test]
fn no_task_is_ever_in_two_hands() {
    for seed in 1..=500 {
        let mut random = Random::new(seed);
        let cluster = Cluster::in_memory();
        let mut simulation = Simulation {
            consumer: cluster.consumer(),
            cluster,
            instances: BTreeMap::new(),
            next: 0,
            seed,
        };
        for step in 0..300 {
            let any = random.below(simulation.next.max(1));
            match random.below(30) {
                0 if simulation.instances.len() < 6 => simulation.join(None),
                1 if simulation.instances.len() < 6 => {
                    let name = format!("pod-{}", random.below(2));
                    simulation.join(Some(name));
                }
                2 => {
                    if let Some(mut instance) = simulation.instances.remove(&any)
                        && !instance.replaced
                    {
                        instance.member.leave().unwrap();
                    }
                }
                3 => drop(simulation.instances.remove(&any)),
                4..=8 => {
                    let time = Duration::from_millis(random.below(4000));
                    simulation.cluster.clock.advance(time);
                }
                9..=12 => simulation.release(any),
                13..=15 => simulation.commit(any),
                _ => simulation.poll(any),
            }
            if step % 100 == 99 {
                simulation.cluster.clock.advance(TIMEOUT + Duration::from_millis(1));
                simulation.check_quiet();
            }
        }
    }
}
