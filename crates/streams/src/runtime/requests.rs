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

/// How many requests may wait; further queries are refused.
const WAITING: usize = 1024;

/// Where requests for a stream thread are left.
#[derive(Debug)]
pub(super) struct RequestSender(Sender<Request>);

impl RequestSender {
    /// Leaves a request. One for a thread that has ended is dropped, and so is a query when too many
    /// requests wait: whoever waits for the answer finds that out.
    pub(super) fn send(&self, request: Request) {
        let full = self.0.len() >= WAITING && matches!(request, Request::Query(_));
        if full || self.0.send(request).is_err() {
            tracing::debug!("a request found its stream thread ended or overloaded");
        }
    }
}

impl Requests {
    pub(super) fn channel() -> (RequestSender, Self) {
        // The bound is kept by the sender. A bounded channel would keep what still waits when the
        // thread ends, and whoever asked would wait for ever.
        let (sender, receiver) = crossbeam_channel::unbounded();
        (RequestSender(sender), Self { receiver })
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
