//! The broker that coordinates a group or the transactions of a producer.

use std::io;
use std::thread::park_timeout;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::bytes::{Decoder, Encoder};
use super::code_of;
use super::connection::{Address, Connection};
use super::settings::Settings;
use super::transaction_requests::{CoordinatorOf, FIND_COORDINATOR, decode_find, encode_find};
use crate::{Clock, SystemClock};

/// A broker that cannot do it yet is asked again after this time.
const AGAIN: Duration = Duration::from_millis(5);
const LONGEST_AGAIN: Duration = Duration::from_millis(100);
/// A new connection is made and used in so many steps, each with a time of its own: it connects, asks
/// for versions, logs in, asks.
const STEPS: u32 = 4;
/// No step is shorter.
const LEAST: Duration = Duration::from_millis(100);

/// Why something was not done.
pub(super) enum Refusal {
    /// The coordinator says so.
    Code(Code),
    /// In all the time nobody has said that it is done.
    Unanswered(String),
}

pub(super) struct Coordinator {
    of: CoordinatorOf,
    pub(super) key: String,
    connection: Option<Connection>,
    /// Whether a request was not answered: whatever came of it when it was sent again, the first copy
    /// may come at any time.
    pub(super) has_lost: bool,
}

impl Coordinator {
    pub(super) fn new(of: CoordinatorOf, key: impl Into<String>) -> Self {
        Self { of, key: key.into(), connection: None, has_lost: false }
    }

    /// Has the coordinator do something that may be done twice in one transaction. It is looked for
    /// among `brokers`.
    pub(super) fn call<T>(
        &mut self,
        settings: &Settings,
        brokers: &[Address],
        within: Duration,
        api: (i16, i16),
        encode: impl Fn(&mut Encoder),
        decode: impl Fn(&mut Decoder<'_>) -> io::Result<(i16, T)>,
    ) -> Result<T, Refusal> {
        self.connection = self.connection.take().filter(|open| !open.is_idle());
        asked_again(within, |rest| {
            let clock = SystemClock::new();
            let connection = match &mut self.connection {
                Some(open) => open,
                closed => closed.insert(find(self.of, &self.key, settings, brokers, rest)?),
            };
            let rest = rest.saturating_sub(clock.monotonic()).max(LEAST);
            let answer = connection.call(api, rest, &encode);
            match answer.and_then(|mut answer| decode(&mut answer)) {
                Ok((error, value)) => match code_of(error) {
                    Code::NoError => Ok(value),
                    code @ (Code::NotCoordinator | Code::CoordinatorNotAvailable) => {
                        self.connection = None;
                        // It may have been written, and not to enough followers in time.
                        self.has_lost |= code == Code::CoordinatorNotAvailable;
                        Err(Again::Later(code.to_string()))
                    }
                    code => Err(refused(code)),
                },
                Err(error) => {
                    self.connection = None;
                    self.has_lost = true;
                    Err(Again::Later(error.to_string()))
                }
            }
        })
    }
}

/// Has any broker do something that may be done twice.
pub(super) fn call_any<T>(
    settings: &Settings,
    brokers: &[Address],
    within: Duration,
    api: (i16, i16),
    encode: impl Fn(&mut Encoder),
    decode: impl Fn(&mut Decoder<'_>) -> io::Result<(i16, T)>,
) -> Result<T, Refusal> {
    asked_again(within, |rest| {
        let (error, value) = ask_first(settings, brokers, rest, api, &encode, &decode)?;
        match code_of(error) {
            Code::NoError => Ok(value),
            code => Err(refused(code)),
        }
    })
}

enum Again {
    Later(String),
    Never(Refusal),
}

/// Whether a code only means that it is too early.
fn refused(code: Code) -> Again {
    match code {
        Code::CoordinatorLoadInProgress | Code::ConcurrentTransactions => {
            Again::Later(code.to_string())
        }
        code => Again::Never(Refusal::Code(code)),
    }
}

fn asked_again<T>(
    within: Duration,
    mut ask: impl FnMut(Duration) -> Result<T, Again>,
) -> Result<T, Refusal> {
    let clock = SystemClock::new();
    let mut pause = AGAIN;
    let mut last = String::new();
    while let Some(rest) = within.checked_sub(clock.monotonic()).filter(|rest| !rest.is_zero()) {
        match ask(rest) {
            Ok(value) => return Ok(value),
            Err(Again::Never(refusal)) => return Err(refusal),
            Err(Again::Later(reason)) => last = reason,
        }
        park_timeout(pause.min(rest));
        pause = (pause * 2).min(LONGEST_AGAIN);
    }
    Err(Refusal::Unanswered(last))
}

/// Asks the first broker that answers.
fn ask_first<T>(
    settings: &Settings,
    brokers: &[Address],
    within: Duration,
    api: (i16, i16),
    encode: &impl Fn(&mut Encoder),
    decode: &impl Fn(&mut Decoder<'_>) -> io::Result<T>,
) -> Result<T, Again> {
    let mut last = String::from("no broker is known");
    let clock = SystemClock::new();
    for broker in brokers {
        let rest = within.saturating_sub(clock.monotonic()).min(settings.setup_timeout);
        if rest.is_zero() {
            break;
        }
        // In steps: one that does not answer leaves time for others.
        let within = (rest / STEPS).max(LEAST);
        let asked = Connection::open(broker, settings, within)
            .and_then(|mut open| decode(&mut open.call(api, within, encode)?));
        match asked {
            Ok(answer) => return Ok(answer),
            Err(error) => last = error.to_string(),
        }
    }
    Err(Again::Later(last))
}

/// Connects to the coordinator.
fn find(
    of: CoordinatorOf,
    key: &str,
    settings: &Settings,
    brokers: &[Address],
    within: Duration,
) -> Result<Connection, Again> {
    let encode = |request: &mut Encoder| encode_find(request, of, key);
    let within = within / 2;
    let step = (within.min(settings.setup_timeout) / STEPS).max(LEAST);
    let (error, address) =
        ask_first(settings, brokers, within, FIND_COORDINATOR, &encode, &decode_find)?;
    match code_of(error) {
        Code::NoError => Connection::open(&address, settings, step)
            .map_err(|error| Again::Later(error.to_string())),
        code @ Code::CoordinatorNotAvailable => Err(Again::Later(code.to_string())),
        code => Err(refused(code)),
    }
}
