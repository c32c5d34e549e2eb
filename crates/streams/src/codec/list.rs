//! [`List`]: Kafka's `ListSerde`, both of its strategies.
//!
//! Entries of one size: `u8 0 ‖ i32 nulls ‖ (i32 position)* ‖ i32 entries ‖ bytes of the entries
//! that are not null`. Others: `u8 1 ‖ i32 entries ‖ (i32 length ‖ bytes)*`, length −1 = null.

use std::ops::{Deref, DerefMut};

use super::numbers::exactly;
use super::{CodecError, Wire};

const ONE_SIZE: u8 = 0;
const ANY_SIZE: u8 = 1;
const NULL: i32 = -1;

/// A list of values that each have a format, written as Kafka's `ListSerde` writes it.
///
/// Short, integer, long, float, double and UUID are written without their length, everything else
/// with it. Null entries need an [`Option`]: `List<Option<i64>>`; without it they are an error.
///
/// ```
/// use millstream::codec::{List, Wire};
///
/// let mut bytes = Vec::new();
/// List(vec!["a".to_owned(), "bcd".to_owned()]).encode(&mut bytes)?;
/// assert_eq!(bytes, b"\x01\0\0\0\x02\0\0\0\x01a\0\0\0\x03bcd");
/// # Ok::<(), millstream::codec::CodecError>(())
/// ```
#[doc(alias = "ListSerde")]
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct List<T>(pub Vec<T>);

impl<T: Wire> Wire for List<T> {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        if T::LIST_ENTRY_SIZE.is_some() {
            out.push(ONE_SIZE);
            write_size(self.iter().filter(|entry| entry.is_null()).count(), out)?;
            for (position, _) in self.iter().enumerate().filter(|(_, entry)| entry.is_null()) {
                write_size(position, out)?;
            }
            write_size(self.len(), out)?;
            self.iter().filter(|entry| !entry.is_null()).try_for_each(|entry| entry.encode(out))
        } else {
            out.push(ANY_SIZE);
            write_size(self.len(), out)?;
            self.iter().try_for_each(|entry| write_with_length(entry, out))
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut input = Input(bytes);
        let entries = match (input.take(1)?, T::LIST_ENTRY_SIZE) {
            ([ONE_SIZE], Some(size)) => read_of_one_size(&mut input, size)?,
            ([ONE_SIZE], None) => {
                return Err(CodecError::new(
                    "a list of entries of one size, and this type has no one size",
                ));
            }
            ([ANY_SIZE], _) => read_of_any_size(&mut input)?,
            _ => {
                return Err(CodecError::new("not a list: it starts with neither 0 nor 1"));
            }
        };
        match input.0.len() {
            0 => Ok(Self(entries)),
            rest => Err(CodecError::new(format!("{rest} bytes after the end of the list"))),
        }
    }
}

fn write_size(size: usize, out: &mut Vec<u8>) -> Result<(), CodecError> {
    i32::try_from(size)
        .map_err(|_| CodecError::new("a list, or an entry of one, is too long to be written"))?
        .encode(out)
}

fn write_with_length<T: Wire>(entry: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let start = out.len();
    NULL.encode(out)?;
    if entry.is_null() {
        return Ok(());
    }
    entry.encode(out)?;
    let length = i32::try_from(out.len() - start - 4)
        .map_err(|_| CodecError::new("an entry of a list is too long to be written"))?;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

fn read_of_one_size<T: Wire>(input: &mut Input<'_>, size: usize) -> Result<Vec<T>, CodecError> {
    let mut nulls = Vec::new();
    for _ in 0..input.size()? {
        let position = input.size()?;
        if nulls.last().is_some_and(|last| *last >= position) {
            return Err(CodecError::new("the null positions of a list are out of order"));
        }
        nulls.push(position);
    }
    let count = input.size()?;
    if nulls.last().is_some_and(|last| *last >= count) {
        return Err(CodecError::new("a null position of a list lies beyond its end"));
    }
    let mut nulls = nulls.into_iter().peekable();
    let mut entries = Vec::new();
    for position in 0..count {
        entries.push(match nulls.next_if_eq(&position) {
            Some(_) => T::decode_null()?,
            None => T::decode(input.take(size)?)?,
        });
    }
    Ok(entries)
}

fn read_of_any_size<T: Wire>(input: &mut Input<'_>) -> Result<Vec<T>, CodecError> {
    let mut entries = Vec::new();
    for _ in 0..input.size()? {
        entries.push(match input.number()? {
            NULL => T::decode_null()?,
            length => T::decode(input.take(to_size(length)?)?)?,
        });
    }
    Ok(entries)
}

/// The bytes of a list that have not been read yet.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], CodecError> {
        let (head, rest) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| CodecError::new("the list ends in the middle"))?;
        self.0 = rest;
        Ok(head)
    }

    fn number(&mut self) -> Result<i32, CodecError> {
        self.take(4).and_then(exactly).map(i32::from_be_bytes)
    }

    fn size(&mut self) -> Result<usize, CodecError> {
        self.number().and_then(to_size)
    }
}

fn to_size(number: i32) -> Result<usize, CodecError> {
    usize::try_from(number).map_err(|_| CodecError::new("a list with a negative size"))
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for List<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T> DerefMut for List<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(entries: Vec<T>) -> Self {
        Self(entries)
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::round_trip::{assert_round_trip, assert_survives};
    use super::*;

    #[test]
    fn what_is_not_a_list_is_refused() {
        let cases: [(&[u8], &str); 7] = [
            (b"", "the list ends in the middle"),
            (b"\x02", "not a list: it starts with neither 0 nor 1"),
            (b"\0\0\0\0\0\x7f\xff\xff\xff", "the list ends in the middle"),
            (b"\0\0\0\0\0\xff\xff\xff\xff", "a list with a negative size"),
            (b"\0\0\0\0\0\0\0\0\0x", "1 bytes after the end of the list"),
            (b"\0\0\0\0\x01\0\0\0\x01\0\0\0\x01", "a null position of a list lies beyond its end"),
            (
                b"\x01\0\0\0\x01\xff\xff\xff\xff",
                "null where the type has none: read it as an Option",
            ),
        ];
        for (bytes, expected) in cases {
            assert_eq!(List::<i32>::decode(bytes).unwrap_err().to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn any_list(
            shorts: Vec<i16>,
            longs: Vec<Option<i64>>,
            texts: Vec<Option<String>>,
            nested: Vec<Vec<bool>>,
        ) {
            assert_round_trip(&List(shorts));
            assert_round_trip(&List(longs));
            assert_round_trip(&List(texts));
            assert_round_trip(&nested.into_iter().map(List).collect::<List<_>>());
        }

        #[test]
        fn any_bytes(strategy in 0u8..3, rest in proptest::collection::vec(0u8..5, 0..40), raw: Vec<u8>) {
            let likely = [vec![strategy], rest].concat();
            for bytes in [&likely, &raw] {
                assert_survives::<List<i16>>(bytes);
                assert_survives::<List<Option<i16>>>(bytes);
                assert_survives::<List<String>>(bytes);
                assert_survives::<List<Option<List<()>>>>(bytes);
            }
        }
    }
}
