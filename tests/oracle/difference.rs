//! How a difference is written: one line for people.

use std::fmt;

use super::case::{Hex, RawRecord, StoreEntry};

/// The first difference of a case.
#[derive(Debug)]
pub(crate) struct Difference {
    /// Where: the step, and the topic or the store.
    pub(crate) place: String,
    pub(crate) expected: String,
    pub(crate) actual: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, expected, actual } = self;
        write!(f, "{place}: expected {expected}, actual {actual}")
    }
}

/// Compares two lists; gives the first place at which they differ.
pub(crate) fn compare<T: PartialEq>(
    place: impl Fn() -> String,
    expected: &[T],
    actual: &[T],
    show: impl Fn(&T) -> String,
) -> Result<(), Difference> {
    if expected == actual {
        return Ok(());
    }
    let same = expected.iter().zip(actual).take_while(|(a, b)| a == b);
    let at = same.count();
    let shown = |list: &[T]| list.get(at).map_or_else(|| "nothing".to_owned(), &show);
    Err(Difference {
        place: format!("{}, record {}", place(), at + 1),
        expected: shown(expected),
        actual: shown(actual),
    })
}

/// A record, in hex and as text where it is text.
pub(crate) fn show_record(record: &RawRecord) -> String {
    let (key, value) = (show(record.key.as_ref()), show(record.value.as_ref()));
    let time = record.ts.map_or_else(|| "-".to_owned(), |ts| ts.to_string());
    let headers: String = record
        .headers
        .iter()
        .map(|(name, value)| format!(" [{name}={}]", show(value.as_ref())))
        .collect();
    format!("{key} -> {value} @{time}{headers}")
}

/// An entry of a store, in hex and as text where it is text.
pub(crate) fn show_entry(entry: &StoreEntry) -> String {
    let (key, value) = (show(Some(&entry.key)), show(Some(&entry.value)));
    let time = entry.ts.map_or_else(|| "-".to_owned(), |ts| ts.to_string());
    format!("{key} -> {value} @{time}")
}

fn show(bytes: Option<&Hex>) -> String {
    let Some(Hex(bytes)) = bytes else {
        return "null".to_owned();
    };
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && !text.contains(char::is_control) => {
            format!("{hex} \"{text}\"")
        }
        _ => format!("<{hex}>"),
    }
}
