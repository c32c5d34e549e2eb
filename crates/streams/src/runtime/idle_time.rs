use std::time::Duration;

use super::StreamThread;

impl StreamThread {
    /// How long it may sleep when there is nothing to do now and nobody wakes it.
    pub(super) fn idle_time(&self, wall_ms: i64) -> Duration {
        let config = &self.options.config;
        let mut idle = config.poll_timeout();
        if !self.waiting.is_empty() || !self.has_global_stores() {
            idle = idle.min(Duration::from_millis(5));
        }
        if self.uncommitted {
            let now = self.options.clock.monotonic();
            idle = idle.min(self.next_commit.saturating_sub(now));
        }
        for task in self.tasks.values() {
            if let Some(due) = task.state.punctuations.next_wall_clock() {
                idle = idle.min(Duration::from_millis(due.saturating_sub(wall_ms).max(0) as u64));
            }
            if !task.is_running() {
                idle = idle.min(Duration::from_millis(5));
            }
        }
        idle.max(Duration::from_millis(1))
    }
}
