//! Stores as bytes. A store can only be asked with the types it was made with, so every pair of
//! types that a topology uses is tried.

use millstream::codec::{List, Wire};
use millstream::testing::TopologyTestDriver;
use millstream::{Error, NumberedWindow, SessionWindow, TimeWindow, Window, Windowed};
use uuid::Uuid;

use super::case::{Hex, StoreEntry};
use super::topologies::Text;

type Reader = fn(&mut TopologyTestDriver, &str) -> Result<Vec<StoreEntry>, Error>;

/// One row for each pair of types.
const READERS: &[Reader] = &[
    entries::<Text, i64>,
    entries::<Text, Text>,
    entries::<Text, String>,
    entries::<Text, Option<i64>>,
    entries::<String, String>,
    entries::<String, i64>,
    entries::<String, Text>,
    entries::<String, Option<i32>>,
    entries::<Option<i32>, i64>,
    entries::<Option<Uuid>, Option<f64>>,
    windows::<TimeWindow, i64>,
    windows::<TimeWindow, Option<i64>>,
    windows::<TimeWindow, Text>,
    windows::<TimeWindow, String>,
    windows::<NumberedWindow, Text>,
    windows::<SessionWindow, i64>,
    windows::<SessionWindow, String>,
    windows::<SessionWindow, Text>,
    entries::<Vec<u8>, Vec<u8>>,
    raw,
];

/// The entries of a store, in the order in which it gives them.
pub(crate) fn read_store(
    driver: &mut TopologyTestDriver,
    store: &str,
) -> Result<Vec<StoreEntry>, Error> {
    let mut refused = Vec::new();
    for read in READERS {
        match read(driver, store) {
            Ok(entries) => return Ok(entries),
            Err(error) => refused.push(error),
        }
    }
    let other_types = |error: &Error| error.to_string().contains("holds other types");
    let (mut other_types, mut telling): (Vec<_>, Vec<_>) =
        refused.into_iter().partition(other_types);
    // What any but the matching reader says is only that it does not match.
    let error = telling.pop().or_else(|| other_types.pop());
    Err(error.expect("there are readers"))
}

fn entries<K: Wire, V: Wire>(
    driver: &mut TopologyTestDriver,
    store: &str,
) -> Result<Vec<StoreEntry>, Error> {
    let entries = driver.entries::<K, V>(store)?.into_iter();
    let raw = entries.map(|(key, value)| StoreEntry {
        key: encoded(&key),
        start: None,
        end: None,
        ts: Some(value.timestamp),
        value: encoded(&value.value),
    });
    Ok(raw.collect())
}

/// The entries of a store of windows, of keys that are text.
fn windows<W: Window, V: Wire>(
    driver: &mut TopologyTestDriver,
    store: &str,
) -> Result<Vec<StoreEntry>, Error> {
    let entries = driver.entries::<Windowed<Text, W>, V>(store)?.into_iter();
    let raw = entries.map(|(key, value)| StoreEntry {
        key: encoded(&key.key),
        start: Some(key.window.start()),
        end: Some(key.window.end()),
        ts: Some(value.timestamp),
        value: encoded(&value.value),
    });
    Ok(raw.collect())
}

/// The entries of a plain store whose types are the library's own affair.
fn raw(driver: &mut TopologyTestDriver, store: &str) -> Result<Vec<StoreEntry>, Error> {
    let mut raw = Vec::new();
    for (key, value) in driver.raw_entries(store)? {
        // What waits in a join is kept as a list, and shown one by one.
        let values = match List::<Vec<u8>>::decode(&value) {
            Ok(List(values))
                if store.ends_with("-shared-join-store") || store.contains("-OUTERSHARED-") =>
            {
                values
            }
            _ => vec![value],
        };
        raw.extend(values.into_iter().map(|value| StoreEntry {
            key: Hex(key.clone()),
            start: None,
            end: None,
            ts: None,
            value: Hex(value),
        }));
    }
    Ok(raw)
}

fn encoded<T: Wire>(value: &T) -> Hex {
    let mut bytes = Vec::new();
    value.encode(&mut bytes).expect("what a store holds can be written");
    Hex(bytes)
}
