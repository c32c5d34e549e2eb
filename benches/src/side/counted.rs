use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use millstream::codec::{Codec, CodecError, Wire, WireCodec};

use crate::process::epoch_ms;

/// Counts records from the stream threads.
#[derive(Debug)]
pub struct Counter {
    count: AtomicU64,
    first_ms: AtomicI64,
    is_shared: bool,
}

impl Counter {
    fn new(threads: usize) -> Arc<Self> {
        let is_shared = threads > 1;
        Arc::new(Self { count: AtomicU64::new(0), first_ms: AtomicI64::new(0), is_shared })
    }

    /// One plain store a record with one thread, an atomic addition with more.
    #[inline]
    pub fn add(&self) {
        let before = if self.is_shared {
            self.count.fetch_add(1, Relaxed)
        } else {
            let before = self.count.load(Relaxed);
            self.count.store(before + 1, Relaxed);
            before
        };
        if before == 0 {
            self.first_ms.store(epoch_ms(), Relaxed);
        }
    }

    pub fn get(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// When the first one came, milliseconds since the epoch; 0 before.
    pub fn first_ms(&self) -> i64 {
        self.first_ms.load(Relaxed)
    }
}

/// Records read from input topics, read back from repartition topics, written to the output.
#[derive(Clone, Debug)]
pub struct Counts {
    pub input: Arc<Counter>,
    pub mid: Arc<Counter>,
    pub out: Arc<Counter>,
}

impl Counts {
    pub fn new(threads: usize) -> Self {
        let [input, mid, out] = std::array::from_fn(|_| Counter::new(threads));
        Self { input, mid, out }
    }
}

/// The format of `T`, counting what is read.
pub struct Read<T>(WireCodec<T>, Arc<Counter>);

impl<T> Read<T> {
    pub fn new(counter: &Arc<Counter>) -> Self {
        Self(WireCodec::new(), counter.clone())
    }
}

impl<T: Wire> Codec<T> for Read<T> {
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.0.encode(value, out)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError> {
        self.1.add();
        self.0.decode(bytes)
    }
}

/// The format of `T`, counting what is written.
pub struct Written<T>(WireCodec<T>, Arc<Counter>);

impl<T> Written<T> {
    pub fn new(counter: &Arc<Counter>) -> Self {
        Self(WireCodec::new(), counter.clone())
    }
}

impl<T: Wire> Codec<T> for Written<T> {
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.1.add();
        self.0.encode(value, out)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError> {
        self.0.decode(bytes)
    }
}
