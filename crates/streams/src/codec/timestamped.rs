//! A value with its timestamp in front, as timestamped stores keep it (Kafka's
//! `ValueAndTimestampSerde`): `i64 timestamp, big-endian ‖ value`.

use super::{Codec, CodecError};
use crate::record::Timestamped;

/// Bytes of the timestamp.
pub(crate) const TIMESTAMP_BYTES: usize = 8;

/// Appends timestamp and value to `out`. The value must not be null.
pub(crate) fn encode_timestamped<V: 'static>(
    value: &Timestamped<V>,
    codec: &dyn Codec<V>,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    out.extend_from_slice(&value.timestamp.to_be_bytes());
    codec.encode(&value.value, out)
}

/// Reads timestamp and value.
pub(crate) fn decode_timestamped<V: 'static>(
    bytes: &[u8],
    codec: &dyn Codec<V>,
) -> Result<Timestamped<V>, CodecError> {
    let (timestamp, value) = bytes.split_first_chunk().ok_or_else(|| {
        let len = bytes.len();
        CodecError::new(format!("expected 8 bytes of timestamp and a value, got {len}"))
    })?;
    let timestamp = i64::from_be_bytes(*timestamp);
    Ok(Timestamped { value: codec.decode(value)?, timestamp })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::WireCodec;
    use super::*;

    proptest! {
        #[test]
        fn any_value(value: String, timestamp: i64) {
            let value = Timestamped { value, timestamp };
            let codec = WireCodec::<String>::new();
            let mut bytes = Vec::new();
            encode_timestamped(&value, &codec, &mut bytes).unwrap();
            prop_assert_eq!(decode_timestamped(&bytes, &codec), Ok(value));
        }

        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            let _ = decode_timestamped(&bytes, &WireCodec::<String>::new());
            let _ = decode_timestamped(&bytes, &WireCodec::<i64>::new());
        }
    }
}
