//! A value with its timestamp in front, as timestamped stores keep it (Kafka's
//! `ValueAndTimestampSerde`).

use std::sync::Arc;

use super::{Codec, CodecError};
use crate::record::Timestamped;

/// Writes `i64 timestamp, big-endian ‖ value`.
///
/// Null where the value is null, so that a null is never kept with a timestamp; reading a null is
/// an error.
pub(crate) struct TimestampedCodec<V> {
    value: Arc<dyn Codec<V>>,
}

impl<V: 'static> TimestampedCodec<V> {
    /// A codec for what `value` reads and writes, with a timestamp.
    pub(crate) fn new(value: Arc<dyn Codec<V>>) -> Self {
        Self { value }
    }
}

impl<V: 'static> Codec<Timestamped<V>> for TimestampedCodec<V> {
    fn encode(&self, value: &Timestamped<V>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(&value.timestamp.to_be_bytes());
        self.value.encode(&value.value, out)
    }

    fn decode(&self, bytes: &[u8]) -> Result<Timestamped<V>, CodecError> {
        let (timestamp, value) = bytes.split_first_chunk().ok_or_else(|| {
            CodecError::new(format!(
                "expected 8 bytes of timestamp and a value, got {}",
                bytes.len()
            ))
        })?;
        Ok(Timestamped {
            timestamp: i64::from_be_bytes(*timestamp),
            value: self.value.decode(value)?,
        })
    }

    fn is_null(&self, value: &Timestamped<V>) -> bool {
        self.value.is_null(&value.value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::WireCodec;
    use super::*;

    #[test]
    fn nulls_have_no_timestamp() {
        let codec = TimestampedCodec::new(WireCodec::<Option<String>>::shared());
        assert!(codec.is_null(&Timestamped {
            value: None,
            timestamp: 42
        }));
        assert!(codec.decode_null().is_err());
    }

    proptest! {
        #[test]
        fn any_value(value: String, timestamp: i64) {
            let codec = TimestampedCodec::new(WireCodec::<String>::shared());
            let value = Timestamped { value, timestamp };
            let mut bytes = Vec::new();
            codec.encode(&value, &mut bytes).unwrap();
            prop_assert_eq!(codec.decode(&bytes), Ok(value));
        }

        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            let _ = TimestampedCodec::new(WireCodec::<String>::shared()).decode(&bytes);
            let _ = TimestampedCodec::new(WireCodec::<i64>::shared()).decode(&bytes);
        }
    }
}
