//! What becomes of a call.

use std::panic::resume_unwind;

use millstream::broker::BrokerError;

use crate::random::Random;
use crate::scenario::Rates;

/// The calls that faults know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    OpenClient,
    InitProducer,
    Assign,
    Fetch,
    Offsets,
    Committed,
    CommitOffsets,
    Partitions,
    Begin,
    Send,
    Flush,
    SendOffsets,
    Commit,
    Abort,
    Poll,
    Release,
    Leave,
    DeleteRecords,
    StoreCommit,
}

impl Call {
    /// How much more often than others it goes wrong.
    fn weight(self) -> u64 {
        match self {
            Self::Fetch | Self::Offsets | Self::Poll => 1,
            Self::Send | Self::Flush | Self::SendOffsets | Self::Commit | Self::CommitOffsets => 4,
            Self::StoreCommit | Self::Release | Self::Begin => 4,
            _ => 2,
        }
    }
}

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Done,
    /// Times out and has no effect.
    FailBefore,
    /// Has its effect and times out.
    FailAfter,
    /// The instance dies, and the call has no effect.
    CrashBefore,
    /// The call has its effect, and the instance dies.
    CrashAfter,
}

impl Fate {
    /// Decides; the second says whether the instance stands still first.
    pub fn decide(call: Call, rates: &Rates, random: &mut Random) -> (Self, bool) {
        let weight = call.weight();
        let roll = random.below(10_000);
        // The most delicate place to stand still at: everything is in the transaction.
        let stall = rates.stall * weight * if call == Call::Commit { 4 } else { 1 };
        let crash = stall + rates.crash * weight;
        let timeout = crash + rates.timeout * weight;
        if roll < stall {
            (Self::Done, true)
        } else if roll < crash {
            (random.pick(&[Self::CrashBefore, Self::CrashAfter]), false)
        } else if roll < timeout {
            (random.pick(&[Self::FailBefore, Self::FailAfter]), false)
        } else {
            (Self::Done, false)
        }
    }
}

/// The payload of the panic that is an instance's death. It is caught where the world steps the
/// instance; no code of the instance but its destructors runs any more.
#[derive(Debug)]
pub struct Crash;

/// Dies, without a word on standard error.
pub fn crash() -> ! {
    resume_unwind(Box::new(Crash))
}

/// The error of a call whose answer did not come.
pub fn timeout(call: Call) -> BrokerError {
    BrokerError::Timeout(format!("simulated, in {call:?}"))
}
