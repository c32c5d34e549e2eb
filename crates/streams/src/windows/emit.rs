/// When a windowed aggregation hands on results (Kafka's `EmitStrategy`, KIP-825).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmitStrategy {
    /// An update for each record, or as many as the cache lets through.
    #[default]
    #[doc(alias = "onWindowUpdate")]
    OnWindowUpdate,
    /// One result for each window, when stream time has passed its end and grace. Time windows,
    /// sliding windows and sessions only.
    #[doc(alias = "onWindowClose")]
    OnWindowClose,
}
