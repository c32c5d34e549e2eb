//! What the right table of a foreign-key join answers a row of the left one (Kafka's
//! `SubscriptionResponseWrapperSerde`).

use std::sync::Arc;

use super::value_hash::{ValueHash, read_hash, read_version, version_byte, write_hash};
use super::{Codec, CodecError};

/// The answer to a subscription. The primary key is the key of the record that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubscriptionResponse<V> {
    /// Of the left value that asked.
    pub(crate) hash: ValueHash,
    /// The right value, if there is one.
    pub(crate) value: Option<V>,
    /// Partition that it goes to, if it is known; not written.
    pub(crate) primary_partition: Option<u32>,
}

/// Writes `version ‖ hash ‖ value`. A value of no bytes is read as none: the format cannot tell
/// them apart.
pub(crate) struct SubscriptionResponseCodec<V> {
    value: Arc<dyn Codec<V>>,
}

impl<V: 'static> SubscriptionResponseCodec<V> {
    pub(crate) fn new(value: Arc<dyn Codec<V>>) -> Self {
        Self { value }
    }
}

impl<V: 'static> Codec<SubscriptionResponse<V>> for SubscriptionResponseCodec<V> {
    fn encode(&self, value: &SubscriptionResponse<V>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.push(version_byte(0, value.hash));
        write_hash(value.hash, out);
        match value.value.as_ref().filter(|value| !self.value.is_null(value)) {
            Some(value) => self.value.encode(value, out),
            None => Ok(()),
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<SubscriptionResponse<V>, CodecError> {
        let Some((version, rest)) = bytes.split_first() else {
            return Err(CodecError::new("an answer of a foreign-key join without a byte"));
        };
        let (version, has_hash) = read_version(*version);
        if version != 0 {
            return Err(CodecError::new(format!(
                "an answer of a foreign-key join of version {version}, where 0 is known"
            )));
        }
        let (hash, value) = read_hash(rest, has_hash)?;
        let value = if value.is_empty() { None } else { Some(self.value.decode(value)?) };
        Ok(SubscriptionResponse { hash, value, primary_partition: None })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::WireCodec;
    use super::*;

    fn codec() -> SubscriptionResponseCodec<String> {
        SubscriptionResponseCodec::new(WireCodec::<String>::shared())
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for bytes in [b"".as_slice(), b"\x81", b"\x00\x01"] {
            assert!(codec().decode(bytes).is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_answer(hash: Option<[i64; 2]>, value: Option<String>) {
            let value = value.filter(|value| !value.is_empty());
            let response = SubscriptionResponse { hash, value, primary_partition: None };
            let mut bytes = Vec::new();
            codec().encode(&response, &mut bytes).unwrap();
            prop_assert_eq!(codec().decode(&bytes), Ok(response));
        }

        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            let _ = codec().decode(&bytes);
        }
    }
}
