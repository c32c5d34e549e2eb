//! Calls of librdkafka that do not keep to their time.

use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

/// How much later than it was told a call may come back.
const LATE: Duration = Duration::from_secs(1);

/// What a call gives that was told to come back `within` a time, or nothing if it does not: sending
/// offsets, librdkafka waits without an end for a coordinator that is dead (its issues 5456 and 5511).
/// The call then goes on, in a thread of its own, with all that it was made of.
pub(super) fn bounded<T: Send + 'static>(
    within: Duration,
    call: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = sync_channel(1);
    let thread = thread::Builder::new().name("kafka-call".to_owned());
    let _joined_by_nobody = thread.spawn(move || {
        let _nobody_waits = sender.send(call());
    });
    receiver.recv_timeout(within + LATE).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_call_that_does_not_come_back_is_given_up_and_goes_on() {
        assert_eq!(bounded(Duration::from_secs(60), || 1), Some(1));
        let (answer, answered) = channel();
        let (sender, ended) = channel();
        let given_up = bounded(Duration::ZERO, move || {
            let _answer = answered.recv();
            sender.send(())
        });
        assert!(given_up.is_none());
        answer.send(()).expect("the call is still waiting");
        ended.recv().expect("it comes to its end");
    }
}
