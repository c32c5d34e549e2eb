use millstream_broker::{BrokerError, MembershipChange};

use crate::cluster::*;

pub fn the_first_member_gets_everything(cluster: &Cluster) {
    let mut member = cluster.join("first", "m", 3);
    let events = cluster.settle(&mut [&mut member], shares(&[3]));
    assert_eq!(owned(&events[0]), [task(0), task(1), task(2)]);
    assert!(identity(&events[0]).generation > 0 && !identity(&events[0]).member.is_empty());
    assert!(member.poll().unwrap().is_empty());
}

pub fn a_second_member_takes_over_what_the_first_releases(cluster: &Cluster) {
    let mut first = cluster.join("second", "a", 4);
    let mut of_first = cluster.settle(&mut [&mut first], shares(&[4])).remove(0);
    let mut second = cluster.join("second", "b", 4);
    let mut of_second = Vec::new();
    let revoked = cluster.eventually("half is asked back", || {
        of_second.extend(second.poll().unwrap());
        of_first.extend(first.poll().unwrap());
        match &of_first.last().unwrap().change {
            MembershipChange::Revoked(revoked) => Some(revoked.clone()),
            _ => None,
        }
    });
    assert_eq!(revoked.len(), 2);
    for _ in 0..20 {
        of_second.extend(second.poll().unwrap());
        cluster.pass(std::time::Duration::from_millis(10));
    }
    assert_eq!(owned(&of_second), [], "nothing before it is released");
    // A broker that assigns raises it only when all is released.
    assert!(identity(&of_first).generation >= of_first[0].identity.generation);
    let partition = cluster.topic(1);
    let mut consumer = cluster.consumer();
    consumer.commit(&at(&partition, 1), &identity(&of_first)).unwrap();
    first.release(&revoked).unwrap();
    cluster.eventually("the second one has it", || {
        of_first.extend(first.poll().unwrap());
        of_second.extend(second.poll().unwrap());
        (owned(&of_second) == revoked).then_some(())
    });
    assert_eq!(owned(&of_first).len(), 2);
}

pub fn a_member_that_leaves_gives_everything_back(cluster: &Cluster) {
    let mut first = cluster.join("leaves", "a", 4);
    let mut second = cluster.join_as("leaves", "b", cluster.static_name(), 4);
    let events = cluster.settle(&mut [&mut first, &mut second], shares(&[2, 2]));
    let left = std::time::Instant::now();
    second.leave().unwrap();
    assert!(matches!(second.poll(), Err(BrokerError::UnknownMember { .. })));
    let mut of_first = events[0].clone();
    cluster.eventually("the first one has everything", || {
        of_first.extend(take_part(&mut *first));
        (owned(&of_first).len() == 4).then_some(())
    });
    // A session lasts two seconds at least: nobody waited for its end.
    assert!(left.elapsed() < std::time::Duration::from_millis(1500), "{:?}", left.elapsed());
}

pub fn a_silent_member_is_put_out_and_loses_everything(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let mut zombie = cluster.join("silent", "a", 4);
    let mut lively = cluster.join("silent", "b", 4);
    let events = cluster.settle(&mut [&mut zombie, &mut lively], shares(&[2, 2]));
    let old = identity(&events[0]);
    let mut of_lively = events[1].clone();
    let step = cluster.poll_timeout / 10;
    for _ in 0..200 {
        cluster.pass(step);
        of_lively.extend(take_part(&mut *lively));
        if owned(&of_lively).len() == 4 {
            break;
        }
    }
    assert_eq!(owned(&of_lively).len(), 4, "{of_lively:?}");
    let error = cluster.consumer().commit(&at(&partition, 1), &old).unwrap_err();
    assert!(matches!(error, BrokerError::UnknownMember { .. }), "{error}");

    let back = zombie.poll().unwrap();
    assert_eq!(back[0].change, MembershipChange::Lost(owned(&events[0])));
    let after = cluster.eventually("the zombie is back", || {
        take_part(&mut *lively);
        take_part(&mut *zombie).into_iter().next_back().filter(
            |event| matches!(&event.change, MembershipChange::Assigned(tasks) if !tasks.is_empty()),
        )
    });
    assert_ne!(after.identity.generation, old.generation);
}

pub fn a_static_member_comes_back_to_its_tasks(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let mut other = cluster.join("static", "a", 4);
    let mut former = cluster.join_as("static", "b", Some("pod-1"), 4);
    let events = cluster.settle(&mut [&mut other, &mut former], shares(&[2, 2]));
    let elsewhere = cluster.elsewhere();
    let mut successor = elsewhere.join_as("static", "b", Some("pod-1"), 4);
    let taken = cluster.eventually("it has its tasks again", || {
        let events = successor.poll().unwrap();
        (!events.is_empty()).then_some(events)
    });
    assert_eq!(owned(&taken), owned(&events[1]));
    assert_eq!(identity(&taken).generation, identity(&events[1]).generation);
    assert!(other.poll().unwrap().is_empty(), "the others notice nothing");
    let mut consumer = cluster.consumer();
    // Whether or not its client has heard of it by then.
    for _ in 0..20 {
        let error = consumer.commit(&at(&partition, 1), &identity(&events[1])).unwrap_err();
        assert!(error.is_fenced(), "{error}");
        cluster.pass(std::time::Duration::from_millis(25));
    }
    let mut consumer = elsewhere.consumer();
    consumer.commit(&at(&partition, 1), &identity(&taken)).unwrap();
    // The former one may try to take its place back, but there are not two of them for long.
    cluster.eventually("one of them gives up", || {
        let _nothing = take_part(&mut *other);
        former.poll().err().or_else(|| successor.poll().err())
    });
}

pub fn three_members_share_evenly(cluster: &Cluster) {
    let mut a = cluster.join("three", "a", 7);
    let mut all = cluster.settle(&mut [&mut a], shares(&[7]));
    let mut b = cluster.join("three", "b", 7);
    let mut c = cluster.join("three", "c", 7);
    let of_a = all.remove(0);
    cluster.settle(&mut [&mut a, &mut b, &mut c], |events| {
        let of_a: Vec<_> = of_a.iter().chain(&events[0]).cloned().collect();
        let mut counts = [owned(&of_a).len(), owned(&events[1]).len(), owned(&events[2]).len()];
        counts.sort_unstable();
        counts == [2, 2, 3]
    });
}
