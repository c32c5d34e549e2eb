//! The dead letter of the record that ends a thread.

use super::stream_thread::StreamThread;
use crate::error::RecordFailure;

impl StreamThread {
    /// Sends the dead letter of a record whose failure is to end the thread, as Kafka Streams does
    /// whatever the answer to a failure is. Without a transaction it stays, with what else was written.
    /// In one it is aborted with it, and only readers of uncommitted records ever see it.
    pub(super) fn write_dead_letter(&mut self, failure: &RecordFailure) {
        let Some(task) = self.tasks.get_mut(&failure.task) else { return };
        if task.state.write_last_letter(failure, &mut self.collector)
            && let Err(error) = self.collector.flush()
        {
            // The failure is what matters.
            tracing::warn!("{}: a dead letter could not be written: {error}", self.name);
        }
    }
}
