//! Updates of a grouped table on its repartition topic (Kafka's `ChangedSerializer` and
//! `ChangedDeserializer`): the values, and then a byte that says which.

use std::sync::Arc;

use super::varint::{read_varint, write_varint};
use super::{Codec, CodecError};
use crate::record::Change;

const OLD: u8 = 0;
const NEW: u8 = 1;
const BOTH: u8 = 2;
/// Added to the three by some versions of Kafka, with a byte in front that says whether the update
/// is the latest of its key. Read, never written.
const WITH_LATEST: u8 = 3;

/// Writes `old ‖ 00`, `new ‖ 01` or `varint length of new ‖ new ‖ old ‖ 02`.
///
/// A change without either value is an error. A value that its own codec writes as null counts as
/// absent.
pub(crate) struct ChangeCodec<V> {
    value: Arc<dyn Codec<V>>,
}

impl<V: 'static> ChangeCodec<V> {
    /// A codec for changes of what `value` reads and writes.
    pub(crate) fn new(value: Arc<dyn Codec<V>>) -> Self {
        Self { value }
    }

    fn present<'a>(&self, value: &'a Option<V>) -> Option<&'a V> {
        value.as_ref().filter(|value| !self.value.is_null(value))
    }
}

impl<V: 'static> Codec<Change<V>> for ChangeCodec<V> {
    fn encode(&self, change: &Change<V>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match (self.present(&change.old), self.present(&change.new)) {
            (Some(old), None) => {
                self.value.encode(old, out)?;
                out.push(OLD);
            }
            (None, Some(new)) => {
                self.value.encode(new, out)?;
                out.push(NEW);
            }
            (Some(old), Some(new)) => {
                let start = out.len();
                self.value.encode(new, out)?;
                let end = out.len();
                let length = i32::try_from(end - start)
                    .map_err(|_| CodecError::new("the new value of a change is too long"))?;
                // The length is known, and its own size with it, only after the value is written.
                write_varint(length, out);
                let size = out.len() - end;
                out[start..].rotate_right(size);
                self.value.encode(old, out)?;
                out.push(BOTH);
            }
            (None, None) => {
                return Err(CodecError::new("a change without an old and a new value"));
            }
        }
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Change<V>, CodecError> {
        let unknown = || CodecError::new("not a change: its last byte says no kind of one");
        let (&flag, mut values) = bytes.split_last().ok_or_else(unknown)?;
        let mut kind = flag;
        if flag >= WITH_LATEST {
            let Some((0 | 1, rest)) = values.split_last() else {
                return Err(CodecError::new("a change that does not say whether it is the latest"));
            };
            values = rest;
            kind -= WITH_LATEST;
        }
        match kind {
            OLD => Ok(Change { new: None, old: Some(self.value.decode(values)?) }),
            NEW => Ok(Change { new: Some(self.value.decode(values)?), old: None }),
            BOTH => {
                let (length, values) = read_varint(values)?;
                let (new, old) = usize::try_from(length)
                    .ok()
                    .and_then(|length| values.split_at_checked(length))
                    .ok_or_else(|| CodecError::new("a change whose new value is cut off"))?;
                Ok(Change {
                    new: Some(self.value.decode(new)?),
                    old: Some(self.value.decode(old)?),
                })
            }
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{List, Wire, WireCodec};
    use super::*;

    fn round_trip<V: Wire + Clone>(change: &Change<V>) -> Result<Change<V>, CodecError> {
        let codec = ChangeCodec::new(WireCodec::<V>::shared());
        let mut bytes = vec![7];
        codec.encode(change, &mut bytes)?;
        assert_eq!(bytes[0], 7, "written over what stood there");
        codec.decode(&bytes[1..])
    }

    #[test]
    fn older_bytes_with_the_latest_flag_are_read() {
        let codec = ChangeCodec::new(WireCodec::<String>::shared());
        let [old, new] = ["old", "new"].map(|text| Some(text.to_owned()));
        let cases: [(&[u8], Change<String>); 3] = [
            (b"old\x01\x03", Change { new: None, old: old.clone() }),
            (b"new\x00\x04", Change { new: new.clone(), old: None }),
            (b"\x06newold\x01\x05", Change { new, old }),
        ];
        for (bytes, expected) in cases {
            assert_eq!(codec.decode(bytes), Ok(expected));
        }
    }

    #[test]
    fn what_is_not_a_change_is_refused() {
        let codec = ChangeCodec::new(WireCodec::<String>::shared());
        for bytes in
            [b"".as_slice(), b"\x03", b"old\x02\x03", b"new\x06", b"\x10newold\x02", b"\x01\x02"]
        {
            assert!(codec.decode(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_change_of_nothing_is_an_error() {
        assert!(round_trip::<String>(&Change { new: None, old: None }).is_err());
        assert!(round_trip::<Option<String>>(&Change { new: Some(None), old: None }).is_err());
    }

    proptest! {
        #[test]
        fn any_change(new: Option<String>, old: Option<String>, long in 60usize..200) {
            let change = Change { new: new.map(|new| new.repeat(long)), old };
            if change.new.is_some() || change.old.is_some() {
                prop_assert_eq!(round_trip(&change), Ok(change));
            }
        }

        #[test]
        fn any_bytes(bytes: Vec<u8>, latest: u8, flag in 0u8..7) {
            let likely = [bytes.as_slice(), &[latest & 1, flag]].concat();
            for bytes in [&bytes, &likely] {
                let _ = ChangeCodec::new(WireCodec::<String>::shared()).decode(bytes);
                let _ = ChangeCodec::new(WireCodec::<i64>::shared()).decode(bytes);
                let _ = ChangeCodec::new(WireCodec::<List<i16>>::shared()).decode(bytes);
            }
        }
    }
}
