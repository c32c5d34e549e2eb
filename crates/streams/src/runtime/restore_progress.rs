use std::time::Duration;

use millstream_broker::{TaskId, TopicPartition};

/// How often the log hears of a restore.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// How far a store has been restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreProgress {
    /// The task.
    pub task: TaskId,
    /// Full name of the changelog.
    pub changelog: String,
    /// Offsets read so far, of `total`.
    pub done: u64,
    /// Offsets to read; 0 when the store was up to date.
    pub total: u64,
    /// Offsets read in a second, on average since the restore began.
    pub rate: u64,
    /// How long it will take at that rate; `None` while that cannot be said.
    pub remaining: Option<Duration>,
}

/// Measures a restore, and tells the log now and then.
#[derive(Debug)]
pub(super) struct Speed {
    began: Duration,
    next_line: Duration,
}

impl Speed {
    pub(super) fn new(now: Duration) -> Self {
        Self { began: now, next_line: now + LINE_INTERVAL }
    }

    /// The progress now: `done` offsets of `total`.
    pub(super) fn progress(
        &mut self,
        task: TaskId,
        changelog: &TopicPartition,
        (done, total): (u64, u64),
        now: Duration,
    ) -> RestoreProgress {
        let elapsed = now.saturating_sub(self.began);
        let rate = match elapsed.as_micros() {
            0 => 0,
            micros => u64::try_from(u128::from(done) * 1_000_000 / micros).unwrap_or(u64::MAX),
        };
        let left = total.saturating_sub(done);
        let remaining = match (left, rate) {
            (0, _) => Some(Duration::ZERO),
            (_, 0) => None,
            (left, rate) => {
                let millis = u128::from(left) * 1000 / u128::from(rate);
                Some(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)))
            }
        };
        if left == 0 {
            tracing::info!("task {task}: restored {changelog}: {total}, {rate}/s, in {elapsed:?}");
        } else if now >= self.next_line {
            self.next_line = now + LINE_INTERVAL;
            let percent = u128::from(done) * 100 / u128::from(total.max(1));
            let left = remaining.unwrap_or_default().as_secs();
            tracing::info!(
                "task {task}: restoring {changelog}: {done} of {total} ({percent} %), {rate}/s, {left} s left"
            );
        }
        RestoreProgress { task, changelog: changelog.to_string(), done, total, rate, remaining }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_time_left() {
        let mut speed = Speed::new(Duration::from_secs(10));
        let partition = TopicPartition::new("log", 0);
        let task = TaskId { sub_topology: 0, partition: 0 };
        let mut at = |done, seconds| {
            let progress =
                speed.progress(task, &partition, (done, 5000), Duration::from_secs(seconds));
            (progress.rate, progress.remaining)
        };
        assert_eq!(at(0, 10), (0, None));
        assert_eq!(at(1000, 12), (500, Some(Duration::from_secs(8))));
        assert_eq!(at(5000, 20), (500, Some(Duration::ZERO)));
    }
}
