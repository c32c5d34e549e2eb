//! Several instances share the work: who has what, and how long nobody does when one goes.

mod group;
mod output;

use std::time::{Duration, Instant};

use group::Group;

/// As the settings have it by default.
const SESSION: Duration = Duration::from_secs(10);

/// Lets time pass, and says how long the longest silence of a partition was.
fn silence(group: &Group, what: &str, since: Instant, time: Duration) -> Duration {
    std::thread::sleep(time.saturating_sub(since.elapsed()));
    let silence = group.output.longest_silence(since);
    println!("{what}: {silence:?} without output");
    silence
}

#[test]
fn one_stops_or_dies_and_the_others_go_on() {
    let mut group = Group::start(3, 1, &[]);
    let before = group.settled();
    let quiet = silence(&group, "all are well", Instant::now(), Duration::from_secs(3));
    // A machine that has much else to do is slow with everything.
    let within = |secs: u64| Duration::from_secs(secs) + quiet;

    let stopped = Instant::now();
    group.instances[2].stop(Duration::from_secs(30)).unwrap();
    println!("stopped within {:?}", stopped.elapsed());
    let while_two = silence(&group, "one of three was stopped", stopped, Duration::from_secs(6));
    assert!(while_two < within(2));
    group.instances[2].start_again(None).unwrap();
    let with_three = group.settled();
    let moved = group::moved(&before, &with_three);
    println!("stopped and started again: {moved} of 12 tasks are elsewhere");

    // It is itself again: the group has not noticed that it was away.
    let before = with_three;
    let killed = Instant::now();
    group.instances[1].kill();
    group.instances[1].start_again(None).unwrap();
    let back = silence(&group, "killed and started again", killed, Duration::from_secs(8));
    assert!(back < within(3));
    assert_eq!(group.settled(), before, "it has its own tasks again, and the others theirs");

    let killed = Instant::now();
    group.instances[0].kill();
    let replaced = silence(&group, "killed for good", killed, SESSION + Duration::from_secs(6));
    assert!(replaced < SESSION + within(2));
    assert!(replaced > SESSION / 2, "the group waits for it");
}

#[test]
fn a_rolling_restart_moves_little() {
    for (leaves, most) in [(true, 24), (false, 0)] {
        let mut group = Group::start(3, 1, &[format!("leave.group.on.close={leaves}")]);
        let mut before = group.settled();
        let (mut moved, began) = (0, Instant::now());
        for number in 0..3 {
            let stopped = Instant::now();
            group.instances[number].stop(Duration::from_secs(30)).unwrap();
            group.instances[number].start_again(None).unwrap();
            let after = group.settled();
            let elsewhere = group::moved(&before, &after);
            moved += elsewhere;
            println!(
                "leaves: {leaves}; restart of {number}: {elsewhere} of 12 tasks are elsewhere"
            );
            silence(&group, "  restarted", stopped, Duration::ZERO);
            before = after;
        }
        println!("leaves: {leaves}: {moved} moves in {:?}", began.elapsed());
        assert!(moved <= most, "leaves: {leaves}: {moved} moves");
    }
}

#[test]
fn tasks_are_spread_over_processes_and_threads() {
    // Evenly by their number. Which of the two kinds of tasks a thread gets is chance: librdkafka's
    // assignor does not look at the topics.
    let group = Group::start(3, 2, &[]);
    for (instance, threads) in group.settled().iter().enumerate() {
        for (thread, tasks) in threads {
            println!("instance {instance}, thread {thread}: {tasks:?}");
        }
        assert_eq!(threads.len(), 2);
        for tasks in threads.values() {
            assert_eq!(tasks.len(), 2, "{tasks:?}");
        }
    }
}
