//! Where millstream differs from Kafka Streams on purpose.

/// A case that is expected to differ.
pub(crate) struct Exception {
    pub(crate) topology: &'static str,
    /// The case's id, or `*` for each case of the topology.
    pub(crate) case: &'static str,
    /// What differs.
    pub(crate) what: &'static str,
    /// Why it does.
    pub(crate) reason: &'static str,
}

/// All of them. A row whose case does not differ any more is an error.
pub(crate) const EXCEPTIONS: [Exception; 1] = [Exception {
    topology: "table_self_join",
    case: "*",
    what: "a delete is forwarded",
    reason: "Kafka Streams loses a delete where both sides of an inner join go at once, and keeps the result for ever",
}];
