use crossbeam_channel::{Receiver, Sender, TryRecvError};

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

    /// The next request, if one waits. Nobody left to ask is nothing to do.
    pub(super) fn next(&self) -> Option<Request> {
        match self.receiver.try_recv() {
            Ok(request) => Some(request),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => None,
        }
    }
}
