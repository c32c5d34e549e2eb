/// One window without an end (Kafka's `UnlimitedWindows`). Records before its start belong to none,
/// and are passed over silently. It never closes, so it has no grace and no final result.
///
/// ```
/// use millstream::UnlimitedWindows;
/// let windows = UnlimitedWindows::new().start_on(1_700_000_000_000);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnlimitedWindows {
    pub(super) start: i64,
}

impl UnlimitedWindows {
    /// A window that begins with the Unix epoch.
    #[doc(alias = "of")]
    pub fn new() -> Self {
        Self::default()
    }

    /// A window that begins at `start`, in milliseconds since the Unix epoch.
    #[doc(alias = "startOn")]
    pub fn start_on(mut self, start: i64) -> Self {
        self.start = start;
        self
    }
}
