use std::fmt::Debug;
use std::io::Write;

use super::node;
use crate::codec::Data;
use crate::processor::Node;
use crate::record::Record;

/// Prints each record on standard output as `[label]: key, value` (Kafka's `KStreamPrint`).
pub(crate) fn print<K: Data + Debug, V: Data + Debug>(label: String) -> Box<dyn Node> {
    node(move |ctx, record: Record<K, V>| {
        let Record { key, value, .. } = record;
        let printed = writeln!(std::io::stdout().lock(), "[{label}]: {key:?}, {value:?}");
        ctx.user(printed.map_err(Into::into))
    })
}
