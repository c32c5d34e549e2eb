use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};

use super::StreamThread;

/// Something asked of a stream thread from outside, answered between two records.
pub(crate) enum Request {
    /// Work on the thread's tasks: a query.
    Query(Box<dyn FnOnce(&mut StreamThread) + Send>),
    /// Take no more records until resumed.
    Pause(bool),
    /// Commit, close and leave.
    Close,
}

/// The mailbox of a stream thread.
#[derive(Debug)]
pub(crate) struct Requests {
    receiver: Receiver<Request>,
}

/// How many requests may wait; more are refused.
const WAITING: usize = 1024;

impl Requests {
    pub(crate) fn channel() -> (Sender<Request>, Self) {
        let (sender, receiver) = crossbeam_channel::bounded(WAITING);
        (sender, Self { receiver })
    }

    /// Waits so long for a request to close; what else is asked meanwhile cannot be answered.
    pub(super) fn closes_within(&self, time: Duration) -> bool {
        let deadline = crossbeam_channel::after(time);
        loop {
            crossbeam_channel::select! {
                recv(self.receiver) -> request => match request {
                    Ok(Request::Close) | Err(_) => return true,
                    Ok(Request::Query(_) | Request::Pause(_)) => {}
                },
                recv(deadline) -> _ => return false,
            }
        }
    }

    /// The next request, if one waits. Nobody left to ask is nothing to do.
    pub(super) fn next(&self) -> Option<Request> {
        self.receiver.try_recv().ok()
    }
}
