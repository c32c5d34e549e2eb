//! Planted bugs: what the simulator must catch. They live in the wrappers around the broker and in
//! the simulator's state, so production code knows nothing of them.

/// One planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Offsets are committed outside the transaction.
    OffsetsOutsideTransaction,
    /// A member that the group has put out, or whose producer is fenced, goes on as if nothing were.
    IgnoresFencing,
    /// A commit is reported, and the stores follow it, before the broker has made it.
    StoreBeforeCommit,
    /// Now and then the last record of a batch for a changelog is left out.
    SkipsChangelogRecord,
    /// Now and then a fetched batch is dropped.
    DropsFetched,
    /// Now and then a fetched batch is delivered twice.
    DeliversTwice,
    /// A commit that was aborted is reported as made.
    ForgetsAborted,
    /// The consumer sees open and aborted transactions.
    ReadsUncommitted,
    /// Tasks that are revoked are released at once, and the thread is never told.
    SkipsRevoked,
    /// Committed offsets are answered while a transaction may still change them.
    UnstableOffsets,
    /// Of a commit of the stores only the offsets reach the database.
    LosesStoreData,
    /// A restore begins a little after where the store ends.
    RestoresFromLater,
    /// The broker acknowledges before the disk has it.
    AcknowledgesBeforeSync,
    /// One of the output topics is written outside the transaction.
    WritesOutsideTransaction,
    /// The offset before the right one is committed.
    CommitsOneLess,
    /// The offset after the right one is committed.
    CommitsOneMore,
    /// What operators know of time is not there after a restart.
    ForgetsTimes,
    /// Offsets are committed with what operators knew of time at the commit before.
    CommitsOldTimes,
    /// After a restart the numbers of the records that are kept for a join begin anew.
    NumbersBeginAnew,
    /// A segment of windows is dropped while some of them are still to be seen.
    DropsSegmentEarly,
}

/// All of them.
pub const ALL: [Bug; 20] = [
    Bug::OffsetsOutsideTransaction,
    Bug::IgnoresFencing,
    Bug::StoreBeforeCommit,
    Bug::SkipsChangelogRecord,
    Bug::DropsFetched,
    Bug::DeliversTwice,
    Bug::ForgetsAborted,
    Bug::ReadsUncommitted,
    Bug::SkipsRevoked,
    Bug::UnstableOffsets,
    Bug::LosesStoreData,
    Bug::RestoresFromLater,
    Bug::AcknowledgesBeforeSync,
    Bug::WritesOutsideTransaction,
    Bug::CommitsOneLess,
    Bug::CommitsOneMore,
    Bug::ForgetsTimes,
    Bug::CommitsOldTimes,
    Bug::NumbersBeginAnew,
    Bug::DropsSegmentEarly,
];
