use std::collections::BTreeMap;
use std::fmt;

use super::instance::{Instance, Restore};

/// What came of a [`KillPlan`](super::KillPlan).
#[derive(Clone, Debug, Default)]
pub struct KillReport {
    /// Kills, whatever they were aimed at.
    pub kills: u32,
    /// For each place: kills that struck there, and kills made from outside because the process did
    /// not come to the place in time.
    pub aimed: BTreeMap<String, (u32, u32)>,
    /// Instances that hung for longer than their session.
    pub zombies: u32,
    /// How often the broker was stopped in order, and how often it was killed.
    pub outages: (u32, u32),
    /// Numbers that went in.
    pub records: u64,
    /// How often numbers were counted again, where that is allowed.
    pub repeated: u64,
    /// Stores that were restored, and offsets read for that.
    pub restores: (u64, u64),
    /// How many of them were on disk.
    pub restores_from_disk: u64,
    /// The largest part of a changelog that was read for a store that was on disk, in offsets, and
    /// the changelog's length then.
    pub longest_restore: (u64, u64),
    /// What is wrong.
    pub problems: Vec<String>,
}

impl KillReport {
    /// Takes what an instance told of its restores. A store that it has had on disk is not restored
    /// in full.
    pub(super) fn take_restores(&mut self, instance: &mut Instance) {
        for restore in instance.take_restores() {
            let Restore { changelog, total, length, was_on_disk } = restore;
            self.restores.0 += 1;
            self.restores.1 += total;
            if was_on_disk {
                self.restores_from_disk += 1;
                self.longest_restore = self.longest_restore.max((total, length));
                if total >= length {
                    self.problems.push(format!("{changelog} was restored in full: {total}"));
                }
            }
        }
    }
}

impl fmt::Display for KillReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} kills, {} records", self.kills, self.records)?;
        if self.repeated > 0 {
            writeln!(f, "{} counted again", self.repeated)?;
        }
        for (place, (hit, missed)) in &self.aimed {
            writeln!(f, "  {place}: {hit} hit, {missed} not come to in time")?;
        }
        let (stops, kills) = self.outages;
        writeln!(
            f,
            "{} zombies; the broker stopped {stops} times, killed {kills} times",
            self.zombies
        )?;
        let (stores, offsets) = self.restores;
        writeln!(f, "{stores} stores restored, {offsets} offsets read")?;
        let (count, (longest, length)) = (self.restores_from_disk, self.longest_restore);
        writeln!(f, "  {count} of them were on disk: at most {longest} offsets of {length} read")?;
        match self.problems.len() {
            0 => writeln!(f, "no problems"),
            count => writeln!(f, "{count} problems:\n{}", self.problems.join("\n")),
        }
    }
}
