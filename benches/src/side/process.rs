//! What the system knows of this process.

use std::time::{SystemTime, UNIX_EPOCH};

/// Clock ticks in a second, in `/proc`: the same on every Linux that Rust's standard library knows.
const TICKS: f64 = 100.0;

pub fn epoch_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// User and system time of the whole process so far, in seconds, to a hundredth.
pub fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let mut fields = after_name.split(' ').skip(11);
    let mut ticks = || fields.next().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks() + ticks()) / TICKS
}

/// A line of `/proc/self/status` that is in kB, in MB; -1 if it is not there.
pub fn status_mb(name: &str) -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kb = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<i64>().ok());
    kb.map_or(-1, |kb| kb / 1024)
}
