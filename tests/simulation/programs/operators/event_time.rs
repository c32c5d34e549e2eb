//! The time that records say they come from: mostly it goes on, often a record is late, and now and
//! then there is a long pause, after which everything before it is too old.

use crate::random::Random;

#[derive(Clone, Copy, Debug, Default)]
pub struct EventTime {
    now: i64,
}

impl EventTime {
    /// The timestamp of the next record.
    pub fn next(&mut self, random: &mut Random) -> i64 {
        self.now += if random.chance(20) {
            random.between(20_000, 200_000) as i64
        } else {
            random.below(24) as i64
        };
        let late = if random.chance(300) { random.below(150) as i64 } else { 0 };
        (self.now - late).max(0)
    }
}
