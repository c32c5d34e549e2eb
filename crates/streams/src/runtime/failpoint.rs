//! Places at which a test has the process die (feature `failpoints`; without it nothing is here).
//!
//! `MILLSTREAM_FAILPOINT=<place>:<n>` in the environment: the process aborts when it comes to that
//! place for the `n`-th time. At `during-commit` it goes on, and is killed a moment later. Places:
//! `after-produce` `after-offsets` `during-commit` `between-commits` `between-stores` `in-restore`
//! `in-rebalance` `before-release`.

#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub(super) fn reached(_place: &str) {}

#[cfg(feature = "failpoints")]
pub(super) use armed::reached;

#[cfg(feature = "failpoints")]
mod armed {
    use std::process::{Command, abort, id};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// The place, and how often it has to be reached.
    fn armed() -> Option<&'static (String, u64)> {
        static ARMED: OnceLock<Option<(String, u64)>> = OnceLock::new();
        let armed = ARMED.get_or_init(|| {
            let text = std::env::var("MILLSTREAM_FAILPOINT").ok()?;
            let (place, n) = text.split_once(':')?;
            Some((place.to_owned(), n.parse().ok()?))
        });
        armed.as_ref()
    }

    pub(in crate::runtime) fn reached(place: &str) {
        static TIMES: AtomicU64 = AtomicU64::new(0);
        let Some((_, n)) = armed().filter(|(armed, _)| armed == place) else { return };
        if TIMES.fetch_add(1, Ordering::Relaxed) + 1 != *n {
            return;
        }
        if place != "during-commit" {
            abort();
        }
        // From outside: nobody in here can do anything while the commit waits for the broker.
        let kill = format!("sleep 0.00{}; kill -ABRT {}", n % 8, id());
        if Command::new("sh").args(["-c", &kill]).spawn().is_err() {
            abort();
        }
    }
}
