use std::time::Duration;

use millstream_broker::{BrokerError, MembershipChange};

use crate::cluster::*;

pub fn the_first_member_gets_everything(cluster: &Cluster) {
    let mut member = cluster.join("first", "m", 3);
    let mut events = member.poll().unwrap();
    events.extend(member.poll().unwrap());
    assert_eq!(owned(&events), [task(0), task(1), task(2)]);
    assert!(identity(&events).generation > 0);
    assert!(member.poll().unwrap().is_empty());
}

pub fn a_second_member_takes_over_what_the_first_releases(cluster: &Cluster) {
    let mut first = cluster.join("second", "a", 4);
    let mut of_first = settle(&mut [&mut first]).remove(0);
    let mut second = cluster.join("second", "b", 4);
    assert!(first.poll().unwrap().is_empty(), "the second one has not polled yet");
    let of_second = second.poll().unwrap();
    assert_eq!(owned(&of_second), [], "nothing before it is released");
    of_first.extend(first.poll().unwrap());
    let MembershipChange::Revoked(revoked) = &of_first.last().unwrap().change else {
        panic!("{of_first:?}");
    };
    assert_eq!(revoked.len(), 2);
    assert_eq!(identity(&of_first).generation, identity(&of_second).generation);
    assert!(second.poll().unwrap().is_empty());
    let partition = cluster.topic(1);
    let mut consumer = cluster.consumer();
    consumer.commit(&at(&partition, 1), &identity(&of_first)).unwrap();
    first.release(revoked).unwrap();
    let granted = second.poll().unwrap();
    assert_eq!(&owned(&granted), revoked);
    assert_eq!(owned(&of_first).len(), 2);
}

pub fn a_member_that_leaves_gives_everything_back(cluster: &Cluster) {
    let mut first = cluster.join("leaves", "a", 4);
    let mut second = cluster.join("leaves", "b", 4);
    let events = settle(&mut [&mut first, &mut second]);
    assert_eq!((owned(&events[0]).len(), owned(&events[1]).len()), (2, 2));
    second.leave().unwrap();
    assert!(matches!(second.poll(), Err(BrokerError::UnknownMember { .. })));
    let mut of_first = events[0].clone();
    of_first.extend(first.poll().unwrap());
    assert_eq!(owned(&of_first).len(), 4);
}

pub fn a_silent_member_is_put_out_and_loses_everything(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let mut zombie = cluster.join("silent", "a", 4);
    let mut lively = cluster.join("silent", "b", 4);
    let events = settle(&mut [&mut zombie, &mut lively]);
    let old = identity(&events[0]);
    cluster.clock.advance(POLL_TIMEOUT);
    lively.poll().unwrap();
    cluster.clock.advance(Duration::from_millis(1));
    let mut of_lively = events[1].clone();
    of_lively.extend(lively.poll().unwrap());
    assert_eq!(owned(&of_lively).len(), 4, "{of_lively:?}");
    let error = cluster.consumer().commit(&at(&partition, 1), &old).unwrap_err();
    assert!(matches!(error, BrokerError::UnknownMember { .. }), "{error}");

    let back = zombie.poll().unwrap();
    assert_eq!(back[0].change, MembershipChange::Lost(owned(&events[0])));
    assert_ne!(back[0].identity.member, old.member);
    let after = settle(&mut [&mut zombie, &mut lively]);
    assert_eq!(owned(&after[0]).len(), 2);
}

pub fn a_static_member_comes_back_to_its_tasks(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let mut other = cluster.join("static", "a", 4);
    let mut former = cluster.join_as("static", "b", Some("pod-1"), 4);
    let events = settle(&mut [&mut other, &mut former]);
    let mut successor = cluster.join_as("static", "b", Some("pod-1"), 4);
    let taken = successor.poll().unwrap();
    assert_eq!(owned(&taken), owned(&events[1]));
    assert_eq!(identity(&taken).generation, identity(&events[1]).generation);
    assert!(other.poll().unwrap().is_empty(), "the others notice nothing");
    assert!(former.poll().is_err());
    let mut consumer = cluster.consumer();
    let error = consumer.commit(&at(&partition, 1), &identity(&events[1])).unwrap_err();
    assert!(error.is_fenced(), "{error}");
    consumer.commit(&at(&partition, 1), &identity(&taken)).unwrap();
}

pub fn three_members_share_evenly(cluster: &Cluster) {
    let mut a = cluster.join("three", "a", 7);
    settle(&mut [&mut a]);
    let mut b = cluster.join("three", "b", 7);
    let mut c = cluster.join("three", "c", 7);
    let events = settle(&mut [&mut a, &mut b, &mut c]);
    let (of_b, of_c) = (owned(&events[1]), owned(&events[2]));
    let mut counts = [of_b.len(), of_c.len()];
    counts.sort_unstable();
    assert!(counts[0] >= 2 && counts[1] <= 3, "{counts:?}");
    assert!(of_b.iter().all(|task| !of_c.contains(task)));
}
