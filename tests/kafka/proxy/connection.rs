//! One client's connection through the proxy.

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Switchboard;
use super::fault::{Action, Shared};
use super::frame::{self, RequestHead};

/// How long the broker may take to answer a request whose client is gone.
const LATE_ANSWER: Duration = Duration::from_secs(30);

/// The two ends of a connection, and the requests on it that met a fault.
#[derive(Debug)]
pub(super) struct Connection {
    client: TcpStream,
    broker: TcpStream,
    watched: Mutex<Watched>,
    answered: Condvar,
}

#[derive(Debug, Default)]
struct Watched {
    /// Faults of the requests that the broker is to answer, by correlation id; whether the answer
    /// is lost.
    faults: HashMap<i32, (Arc<Shared>, bool)>,
    is_broker_gone: bool,
}

impl Connection {
    pub(super) fn new(client: TcpStream, broker: TcpStream) -> io::Result<Self> {
        client.set_nodelay(true)?;
        broker.set_nodelay(true)?;
        Ok(Self { client, broker, watched: Mutex::default(), answered: Condvar::new() })
    }

    /// Carries requests until the client or the broker is gone.
    pub(super) fn carry_requests(&self, switchboard: &Switchboard) {
        let _ended = self.requests(switchboard);
        self.wait_for_late_answers();
        self.close();
    }

    fn requests(&self, switchboard: &Switchboard) -> io::Result<()> {
        while let Some(request) = frame::read(&mut &self.client)? {
            let met = RequestHead::of(&request).and_then(|head| {
                let (fault, action) = switchboard.meet(&head)?;
                Some((head.correlation, fault, action))
            });
            if let Some((correlation, fault, action)) = met {
                match action {
                    Action::Drop => return Ok(()),
                    Action::LoseAnswer => {}
                    Action::Hold => fault.wait_released(),
                    Action::HoldAndCloseClient => {
                        self.client.shutdown(Shutdown::Both)?;
                        fault.wait_released();
                    }
                }
                self.watched().faults.insert(correlation, (fault, action == Action::LoseAnswer));
            }
            (&self.broker).write_all(&request)?;
        }
        Ok(())
    }

    /// Carries answers until the broker is gone.
    pub(super) fn carry_answers(&self) {
        let _ended = self.answers();
        self.watched().is_broker_gone = true;
        self.answered.notify_all();
        self.close();
    }

    fn answers(&self) -> io::Result<()> {
        while let Some(answer) = frame::read(&mut &self.broker)? {
            let watched = frame::answered(&answer).and_then(|id| self.watched().faults.remove(&id));
            let mut is_lost = false;
            if let Some((fault, loses_answer)) = watched {
                fault.answered();
                self.answered.notify_all();
                is_lost = loses_answer;
            }
            if is_lost {
                return Ok(());
            }
            // A client that is gone wants no answer; the broker may still owe one to a fault.
            let _gone = (&self.client).write_all(&answer);
        }
        Ok(())
    }

    /// The broker may drop what it has not read yet when a connection is closed.
    fn wait_for_late_answers(&self) {
        let watched = self.watched();
        let _in_time = self.answered.wait_timeout_while(watched, LATE_ANSWER, |watched| {
            !watched.is_broker_gone && !watched.faults.is_empty()
        });
    }

    /// Ends both threads.
    pub(super) fn close(&self) {
        let _gone = (self.client.shutdown(Shutdown::Both), self.broker.shutdown(Shutdown::Both));
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
