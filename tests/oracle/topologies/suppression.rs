//! Suppression: updates of tables held back.

use std::time::Duration;

use millstream::{BufferConfig, StreamsBuilder, Suppressed, WhenFull};

use super::table;

/// The table, its updates held back for a time.
fn until_limit<F: WhenFull>(b: &StreamsBuilder, ms: u64, buffer: BufferConfig<F>) {
    let limit = Suppressed::until_time_limit(Duration::from_millis(ms), buffer);
    let limited = table(b, "in", "table").suppress(limit.named("limit"));
    limited.to_stream().named("updates").to("out");
}

pub(super) fn suppress_limit_zero(b: &StreamsBuilder) {
    until_limit(b, 0, BufferConfig::unbounded());
}

pub(super) fn suppress_logging_disabled(b: &StreamsBuilder) {
    until_limit(b, 10, BufferConfig::unbounded().without_changelog());
}

pub(super) fn suppress_max_bytes(b: &StreamsBuilder) {
    until_limit(b, 100, BufferConfig::max_bytes(200));
}

pub(super) fn suppress_max_records(b: &StreamsBuilder) {
    until_limit(b, 10, BufferConfig::max_records(2));
}

pub(super) fn suppress_until_time_limit(b: &StreamsBuilder) {
    until_limit(b, 10, BufferConfig::unbounded());
}
