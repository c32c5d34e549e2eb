use std::time::Duration;

/// By which clock a schedule runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PunctuationType {
    /// The task's stream time: the highest timestamp of its input so far. The grid starts at 0, and
    /// the first call comes with the first record.
    StreamTime,
    /// The wall clock. The first call comes one interval after scheduling.
    WallClockTime,
}

/// A schedule, to tell several apart and to cancel one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Schedule(u64);

#[derive(Debug)]
struct Entry {
    schedule: Schedule,
    node: u32,
    kind: PunctuationType,
    interval: i64,
    due: i64,
}

/// The schedules of a task (Kafka's `PunctuationQueue`).
#[derive(Debug, Default)]
pub(crate) struct Punctuations {
    entries: Vec<Entry>,
    next: u64,
}

impl Punctuations {
    pub(crate) fn schedule(
        &mut self,
        node: u32,
        kind: PunctuationType,
        interval: Duration,
        wall_clock: i64,
    ) -> Schedule {
        let schedule = Schedule(self.next);
        self.next += 1;
        let interval = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1);
        let due = match kind {
            PunctuationType::StreamTime => 0,
            PunctuationType::WallClockTime => wall_clock.saturating_add(interval),
        };
        self.entries.push(Entry { schedule, node, kind, interval, due });
        schedule
    }

    pub(crate) fn cancel(&mut self, schedule: Schedule) {
        self.entries.retain(|entry| entry.schedule != schedule);
    }

    /// The next schedule of `kind` that is due at `now`, moved on to its next time. Intervals that
    /// were missed collapse into one call, and the grid is kept (`PunctuationSchedule.next`). Of several
    /// that are due at one time the one comes first whose last turn was earlier.
    pub(crate) fn pop_due(&mut self, kind: PunctuationType, now: i64) -> Option<(u32, Schedule)> {
        let entries = self.entries.iter().enumerate();
        let due = entries.filter(|(_, entry)| entry.kind == kind && entry.due <= now);
        let (place, _) = due.min_by_key(|(_, entry)| entry.due)?;
        let mut entry = self.entries.remove(place);
        let called = (entry.node, entry.schedule);
        let missed = (now - entry.due) / entry.interval;
        let next = missed
            .checked_add(1)
            .and_then(|intervals| intervals.checked_mul(entry.interval))
            .and_then(|time| entry.due.checked_add(time));
        // At the end of time there is no later call.
        if let Some(next) = next {
            entry.due = next;
            self.entries.push(entry);
        }
        Some(called)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// When the next wall-clock schedule is due.
    pub(crate) fn next_wall_clock(&self) -> Option<i64> {
        let wall = self.entries.iter().filter(|e| e.kind == PunctuationType::WallClockTime);
        wall.map(|entry| entry.due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_intervals_collapse_and_the_grid_is_kept() {
        let mut punctuations = Punctuations::default();
        let interval = Duration::from_millis(10);
        punctuations.schedule(3, PunctuationType::StreamTime, interval, 0);
        let mut fired = Vec::new();
        for now in [-1, 4, 9, 10, 35, 39, 40] {
            if punctuations.pop_due(PunctuationType::StreamTime, now).is_some() {
                fired.push(now);
            }
        }
        assert_eq!(fired, [4, 10, 35, 40]);
    }

    #[test]
    fn of_two_at_one_time_the_one_comes_first_that_waited_longer() {
        let mut punctuations = Punctuations::default();
        for (node, interval) in [(1, 8), (2, 1)] {
            let interval = Duration::from_millis(interval);
            punctuations.schedule(node, PunctuationType::StreamTime, interval, 0);
        }
        let mut fired = Vec::new();
        for now in [0, 7, 9] {
            while let Some((node, _)) = punctuations.pop_due(PunctuationType::StreamTime, now) {
                fired.push((now, node));
            }
        }
        assert_eq!(fired, [(0, 1), (0, 2), (7, 2), (9, 1), (9, 2)]);
    }

    #[test]
    fn the_end_of_time_is_called_once() {
        let mut punctuations = Punctuations::default();
        punctuations.schedule(3, PunctuationType::StreamTime, Duration::from_millis(1), 0);
        assert!(punctuations.pop_due(PunctuationType::StreamTime, i64::MAX).is_some());
        assert!(punctuations.pop_due(PunctuationType::StreamTime, i64::MAX).is_none());
    }
}
