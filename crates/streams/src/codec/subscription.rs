//! What a row of the left table of a foreign-key join asks of the right one (Kafka's
//! `SubscriptionWrapperSerde`).

use std::sync::Arc;

use super::value_hash::{ValueHash, read_hash, read_version, version_byte, write_hash};
use super::{Codec, CodecError};

/// What is to be done with a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instruction {
    /// Unsubscribe; no answer is needed.
    Delete,
    /// Unsubscribe, and answer that there is nothing.
    DeleteAndAnswer,
    /// Subscribe, and answer even if there is no such foreign key.
    AlwaysAnswer,
    /// Subscribe, and answer if there is such a foreign key.
    AnswerIfFound,
}

impl Instruction {
    const ALL: [Self; 4] =
        [Self::Delete, Self::DeleteAndAnswer, Self::AlwaysAnswer, Self::AnswerIfFound];

    /// Whether it ends the subscription.
    pub(crate) fn deletes(self) -> bool {
        matches!(self, Self::Delete | Self::DeleteAndAnswer)
    }
}

/// A row of the left table that waits for a row of the right one. The foreign key is the key of the
/// record that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscription<K> {
    /// Of the left value.
    pub(crate) hash: ValueHash,
    pub(crate) instruction: Instruction,
    /// Key of the left row.
    pub(crate) primary_key: K,
    /// Partition of the left row; version 0 has none.
    pub(crate) primary_partition: Option<u32>,
}

/// Writes `version ‖ instruction ‖ hash ‖ primary key ‖ i32 partition`; version 0, which is still
/// read, ends with the key.
pub(crate) struct SubscriptionCodec<K> {
    key: Arc<dyn Codec<K>>,
}

impl<K: 'static> SubscriptionCodec<K> {
    pub(crate) fn new(key: Arc<dyn Codec<K>>) -> Self {
        Self { key }
    }
}

impl<K: 'static> Codec<Subscription<K>> for SubscriptionCodec<K> {
    fn encode(&self, value: &Subscription<K>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let Subscription { hash, instruction, primary_key, primary_partition } = value;
        out.push(version_byte(u8::from(primary_partition.is_some()), *hash));
        out.push(*instruction as u8);
        write_hash(*hash, out);
        self.key.encode(primary_key, out)?;
        if let Some(partition) = primary_partition {
            out.extend_from_slice(&partition.to_be_bytes());
        }
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Subscription<K>, CodecError> {
        let [version, instruction, rest @ ..] = bytes else {
            return Err(CodecError::new("a subscription of less than 2 bytes"));
        };
        let (version, has_hash) = read_version(*version);
        let instruction = Instruction::ALL.get(usize::from(*instruction));
        let Some(&instruction) = instruction else {
            return Err(CodecError::new("a subscription with an unknown instruction"));
        };
        let (hash, rest) = read_hash(rest, has_hash)?;
        let (key, primary_partition) = match version {
            0 => (rest, None),
            1 => {
                let (key, partition) = rest
                    .split_last_chunk()
                    .ok_or_else(|| CodecError::new("a subscription whose partition is cut off"))?;
                let partition = u32::try_from(i32::from_be_bytes(*partition))
                    .map_err(|_| CodecError::new("a subscription of a negative partition"))?;
                (key, Some(partition))
            }
            version => {
                return Err(CodecError::new(format!(
                    "a subscription of version {version}, where 0 and 1 are known"
                )));
            }
        };
        let primary_key = self.key.decode(key)?;
        Ok(Subscription { hash, instruction, primary_key, primary_partition })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::WireCodec;
    use super::*;

    fn codec() -> SubscriptionCodec<String> {
        SubscriptionCodec::new(WireCodec::<String>::shared())
    }

    #[test]
    fn what_is_no_subscription_is_refused() {
        let cases: [&[u8]; 7] = [
            b"",
            b"\x80",
            b"\x80\x04a",
            b"\x00\x00\0\0\0\0\0\0\0\x01\0\0\0",
            b"\x82\x00a\0\0\0\0",
            b"\x81\x00\0\0",
            b"\x81\x00a\xff\xff\xff\xff",
        ];
        for bytes in cases {
            assert!(codec().decode(bytes).is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_subscription(
            hash: Option<[i64; 2]>,
            instruction in 0..4usize,
            primary_key: String,
            primary_partition in proptest::option::of(0..=i32::MAX.cast_unsigned()),
        ) {
            let instruction = Instruction::ALL[instruction];
            let value = Subscription { hash, instruction, primary_key, primary_partition };
            let mut bytes = Vec::new();
            codec().encode(&value, &mut bytes).unwrap();
            prop_assert_eq!(codec().decode(&bytes), Ok(value));
        }

        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            let _ = codec().decode(&bytes);
        }
    }
}
