//! bincode 2 by serde, with its standard configuration: smaller and faster than JSON, and fixed:
//! a field added, removed or moved makes old bytes unreadable.

use std::any::type_name;

use bincode::config::{Configuration, Limit, LittleEndian, Varint, standard};
use bincode::error::DecodeError;
use serde::{Deserialize, Serialize};

use super::CodecError;
use super::serde_data::{serde_codec, serde_wrapper};

/// The longest value that is written or read.
const LONGEST: usize = 64 << 20;

/// What decoding may ask for. Without a limit bincode allocates whatever length stands in the
/// bytes, and garbage ends the process. It counts values at their size in memory, which is at most
/// 16 times (a `u128`) their size in bytes, so that every value of up to [`LONGEST`] can be read.
const CLAIM: usize = 16 * LONGEST;

const FORMAT: Configuration<LittleEndian, Varint, Limit<CLAIM>> = standard().with_limit::<CLAIM>();

/// Appends `value` as bincode. A value of more than 64 MiB is an error.
pub fn to_bincode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let written = bincode::serde::encode_into_std_write(value, out, FORMAT);
    let reason = match written {
        Ok(length) if length <= LONGEST => return Ok(()),
        Ok(_) => "it is longer than 64 MiB",
        // The words of an error are those of the type's own `Serialize` and may quote the value.
        Err(_) => "its `Serialize` asks for what bincode does not have, or failed",
    };
    Err(CodecError::new(format!("`{}` cannot be written as bincode: {reason}", type_name::<T>())))
}

/// Reads a value from bincode; bytes after it are an error.
///
/// Two kinds of types are not safe to read from a stranger: those that contain themselves (the
/// depth of the recursion stands in the bytes) and lists of entries that take no bytes (so does
/// their number).
pub fn from_bincode<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, CodecError> {
    let reason = match bincode::serde::decode_from_slice(bytes, FORMAT) {
        _ if bytes.len() > LONGEST => "longer than 64 MiB",
        Ok((value, length)) if length == bytes.len() => return Ok(value),
        Ok(_) => "bytes left over at the end",
        Err(DecodeError::UnexpectedEnd { .. } | DecodeError::LimitExceeded) => "ends too early",
        Err(_) => "does not fit the type",
    };
    Err(CodecError::new(format!(
        "not the bincode of `{}`: {reason} ({} bytes)",
        type_name::<T>(),
        bytes.len()
    )))
}

serde_wrapper! {
    /// A value written as bincode: gives a compact format to a type that has serde's traits but no
    /// [`Wire`](super::Wire).
    ///
    /// Bytes that are not the bincode of `T`, or go on after it, are an error. `Bincode(None)` is a
    /// zero byte, not Kafka's null: that is `None::<Bincode<T>>`.
    ///
    /// ```
    /// use millstream::codec::{Bincode, Wire};
    ///
    /// let mut bytes = Vec::new();
    /// Bincode(("tea".to_owned(), 2u32)).encode(&mut bytes)?;
    /// assert_eq!(bytes, b"\x03tea\x02");
    /// assert_eq!(Bincode::<(String, u32)>::decode(&bytes)?.1, 2);
    /// # Ok::<(), millstream::codec::CodecError>(())
    /// ```
    Bincode, to_bincode, from_bincode
}

serde_codec! {
    /// bincode for a type with serde's traits, as a codec: for a topic whose format is not the one
    /// that the type says of itself.
    ///
    /// Bytes that are not the bincode of `T`, or go on after it, and nulls, are errors.
    BincodeCodec, to_bincode, from_bincode
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Codec;
    use super::super::round_trip::{assert_round_trip, assert_survives};
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Event {
        Placed { item: String, prices: Vec<u64> },
        Counted(BTreeMap<String, Option<u128>>),
        Closed,
    }

    #[test]
    fn errors_say_what_is_wrong_and_no_more() {
        let cases: [(&[u8], &str); 4] = [
            (b"", "ends too early (0 bytes)"),
            (b"\x02\x00", "bytes left over at the end (2 bytes)"),
            (b"\x09", "does not fit the type (1 bytes)"),
            (b"\0\xfd\xff\xff\xff\xff\xff\xff\xff\xff", "ends too early (10 bytes)"),
        ];
        for (bytes, expected) in cases {
            let error = from_bincode::<Event>(bytes).unwrap_err().to_string();
            assert!(error.ends_with(expected), "{error}");
        }
    }

    #[test]
    fn a_long_list_of_short_numbers_stays_within_the_limit() {
        let list = vec![0u128; 1 << 20];
        let mut bytes = Vec::new();
        to_bincode(&list, &mut bytes).unwrap();
        assert_eq!(from_bincode::<Vec<u128>>(&bytes), Ok(list));
    }

    proptest! {
        #[test]
        fn any_value(item: String, prices: Vec<u64>, counts: BTreeMap<String, Option<u128>>) {
            for event in [Event::Placed { item, prices }, Event::Counted(counts), Event::Closed] {
                assert_round_trip(&Bincode(event.clone()));
                let mut bytes = Vec::new();
                BincodeCodec::new().encode(&event, &mut bytes).unwrap();
                prop_assert_eq!(BincodeCodec::new().decode(&bytes), Ok(event));
            }
        }

        #[test]
        fn any_bytes(variant in 0u8..4, rest: Vec<u8>) {
            assert_survives::<Bincode<Event>>(&[vec![variant], rest.clone()].concat());
            assert_survives::<Bincode<(String, Vec<u8>, char, bool)>>(&rest);
        }
    }
}
