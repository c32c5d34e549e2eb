//! Ctrl-C.

use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Whether somebody asked to stop.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens for Ctrl-C from now on. The second one ends the process at once, which costs no
    /// more than the transaction that is open.
    pub(crate) fn on_ctrl_c() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let stop = Self::default();
        let asked = stop.0.clone();
        thread::spawn(move || {
            while runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                if asked.swap(true, Ordering::Relaxed) {
                    process::exit(130);
                }
            }
        });
        Ok(stop)
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
