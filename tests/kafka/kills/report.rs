use std::collections::BTreeMap;
use std::fmt;

use super::instance::Instance;

/// What came of a [`KillPlan`](super::KillPlan).
#[derive(Clone, Debug, Default)]
pub struct KillReport {
    /// Kills, whatever they were aimed at.
    pub kills: u32,
    /// For each place: kills that struck there, and kills made from outside because the process did
    /// not come to the place in time.
    pub aimed: BTreeMap<String, (u32, u32)>,
    /// Numbers that went in.
    pub records: u64,
    /// Stores that were restored, and offsets read for that.
    pub restores: (u64, u64),
    /// The largest part of a changelog that was read for a store that was on disk, in offsets, and
    /// the changelog's length then.
    pub longest_restore: (u64, u64),
    /// What is wrong.
    pub problems: Vec<String>,
}

impl KillReport {
    /// Takes what an instance told of its restores. A store that was on disk is not restored in
    /// full.
    pub(super) fn take_restores(&mut self, instance: &Instance) {
        for line in instance.told().iter() {
            let words: Vec<_> = line.split(' ').collect();
            let ["restore", changelog, total, length, origin] = words[..] else { continue };
            let (Ok(total), Ok(length)) = (total.parse::<u64>(), length.parse::<u64>()) else {
                self.problems.push(line.clone());
                continue;
            };
            self.restores.0 += 1;
            self.restores.1 += total;
            if origin == "kept" {
                self.longest_restore = self.longest_restore.max((total, length));
                if total > 0 && total >= length {
                    self.problems.push(format!("{changelog} was restored in full: {total}"));
                }
            }
        }
    }
}

impl fmt::Display for KillReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} kills, {} records", self.kills, self.records)?;
        for (place, (hit, missed)) in &self.aimed {
            writeln!(f, "  {place}: {hit} hit, {missed} not come to in time")?;
        }
        let ((stores, offsets), (longest, length)) = (self.restores, self.longest_restore);
        writeln!(
            f,
            "{stores} stores restored, {offsets} offsets read; of one on disk at most {longest} of {length}"
        )?;
        match self.problems.len() {
            0 => writeln!(f, "no problems"),
            count => writeln!(f, "{count} problems:\n{}", self.problems.join("\n")),
        }
    }
}
