//! Bytes as they are (Kafka's `ByteArraySerde`, `BytesSerde`, `ByteBufferSerde`).

use super::{Codec, CodecError, Wire};

impl Wire for Vec<u8> {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(self);
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        Ok(bytes.to_vec())
    }
}

/// Bytes as they are, as a codec: for topics whose content is only handed on.
///
/// Never fails; has no null, so a keyless topic is read as `Option<Vec<u8>>` with
/// [`WireCodec`](super::WireCodec).
#[doc(alias = "ByteArraySerde")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawBytes;

impl Codec<Vec<u8>> for RawBytes {
    fn encode(&self, value: &Vec<u8>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        Wire::encode(value, out)
    }

    fn decode(&self, bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
        Wire::decode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::round_trip::assert_round_trip;
    use super::*;

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            assert_round_trip(&bytes);
            let mut written = Vec::new();
            RawBytes.encode(&bytes, &mut written).unwrap();
            prop_assert_eq!(&written, &bytes);
            prop_assert_eq!(RawBytes.decode(&written).unwrap(), bytes);
        }
    }
}
