//! Free ports.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::TcpListener;

/// Below what systems give to outgoing connections: a client that tries again and again to reach a
/// broker that is down would at some time be given the broker's own port, and reach itself.
const FIRST: u64 = 10_000;
const COUNT: u64 = 20_000;

/// Ports of 127.0.0.1 that nobody listens on, by chance: others look for some at the same time.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let mut held = Vec::new();
    while held.len() < N {
        let port = FIRST + RandomState::new().build_hasher().finish() % COUNT;
        held.extend(TcpListener::bind(("127.0.0.1", port as u16)));
    }
    let mut held = held.iter();
    std::array::from_fn(|_| held.next().unwrap().local_addr().unwrap().port())
}

/// Others may take a port between our look and a broker's start.
const ATTEMPTS: usize = 5;

/// Starts what listens on ports that were free, again and again while others have taken one.
pub(crate) fn while_taken<T>(mut start: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    for _ in 1..ATTEMPTS {
        match start() {
            Err(error) if error.contains("Address already in use") => {}
            started => return started,
        }
    }
    start()
}
