//! A watch over runs: one that does not end takes the process with it, and says which it was.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// A run takes a fraction of a second; this long is only for machines that do much else.
const PATIENCE: Duration = Duration::from_secs(300);

/// A run that is watched until this is dropped.
pub struct Watched {
    _end: Sender<()>,
}

/// Watches the run of a seed. What makes calls without an end is found by their number; this is for
/// what makes none.
pub fn watch(seed: u64) -> Watched {
    let (end, ended) = channel::<()>();
    std::thread::spawn(move || {
        if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            eprintln!(
                "seed {seed} does not end\nMILLSTREAM_SEED={seed} cargo test -p millstream-tests --test simulation one_seed"
            );
            std::process::abort();
        }
    });
    Watched { _end: end }
}
