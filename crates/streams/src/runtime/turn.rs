use std::time::Duration;

use millstream_broker::Clock;

use crate::error::Error;

/// Records a task may process before the next one has its turn.
const RECORDS: usize = 1000;
/// Time a task may take for them.
const TIME: Duration = Duration::from_millis(10);
/// A chunk should be about so long: the clock is read after each.
const CHUNK_TIME: Duration = Duration::from_millis(1);

/// How much a task does at a time, adapted to how long its records take, so that commits,
/// membership and requests do not wait for a thousand slow ones (Kafka Streams adapts its number of
/// iterations likewise).
#[derive(Debug)]
pub(super) struct Turn {
    chunk: usize,
}

impl Default for Turn {
    fn default() -> Self {
        Self { chunk: 64 }
    }
}

impl Turn {
    /// Has `process` called with how many records it may process, until the turn is over or there
    /// are no more; gives the number processed.
    pub(super) fn run(
        &mut self,
        clock: &dyn Clock,
        mut process: impl FnMut(usize) -> Result<usize, Error>,
    ) -> Result<usize, Error> {
        let start = clock.monotonic();
        let (mut processed, mut before) = (0, start);
        while processed < RECORDS {
            let limit = self.chunk.min(RECORDS - processed);
            let records = process(limit)?;
            processed += records;
            let now = clock.monotonic();
            if now - before > CHUNK_TIME {
                self.chunk = (self.chunk / 2).max(1);
            } else if records == limit {
                self.chunk = (self.chunk * 2).min(RECORDS);
            }
            if records == 0 || now - start > TIME {
                break;
            }
            before = now;
        }
        Ok(processed)
    }
}

#[cfg(test)]
mod tests {
    use millstream_broker::ManualClock;

    use super::*;

    #[test]
    fn slow_records_come_one_at_a_time() {
        let clock = ManualClock::default();
        let mut turn = Turn::default();
        let mut slow = |limit: usize| {
            clock.advance(Duration::from_millis(25) * limit as u32);
            Ok(limit)
        };
        let turns: Vec<usize> = (0..8).map(|_| turn.run(&clock, &mut slow).unwrap()).collect();
        assert_eq!(turns, [64, 32, 16, 8, 4, 2, 1, 1]);
        assert_eq!(turn.run(&clock, Ok).unwrap(), RECORDS);
    }
}
