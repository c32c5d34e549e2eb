//! The key of a subscription in the store of a foreign-key join (Kafka's `CombinedKeySchema`).

use std::sync::Arc;

use super::{Codec, CodecError};

/// A foreign key and the primary key of a row that has it. A row without a foreign key may ask too,
/// but is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CombinedKey<F, K> {
    pub(crate) foreign: F,
    pub(crate) primary: K,
}

/// Writes `i32 length of the foreign key ‖ foreign key ‖ primary key`.
pub(crate) struct CombinedKeyCodec<F, K> {
    foreign: Arc<dyn Codec<F>>,
    primary: Arc<dyn Codec<K>>,
}

impl<F: 'static, K: 'static> CombinedKeyCodec<F, K> {
    pub(crate) fn new(foreign: Arc<dyn Codec<F>>, primary: Arc<dyn Codec<K>>) -> Self {
        Self { foreign, primary }
    }
}

/// Appends what all combined keys of a foreign key begin with, and no others.
pub(crate) fn encode_foreign_key<F: 'static>(
    foreign: &F,
    codec: &dyn Codec<F>,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    codec.encode(foreign, out)?;
    let length = i32::try_from(out.len() - start - 4)
        .map_err(|_| CodecError::new("a foreign key is too long"))?;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

impl<F: 'static, K: 'static> Codec<CombinedKey<F, K>> for CombinedKeyCodec<F, K> {
    fn encode(&self, key: &CombinedKey<F, K>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        encode_foreign_key(&key.foreign, &*self.foreign, out)?;
        self.primary.encode(&key.primary, out)
    }

    fn decode(&self, bytes: &[u8]) -> Result<CombinedKey<F, K>, CodecError> {
        let parts = bytes.split_first_chunk().and_then(|(length, rest)| {
            let length = usize::try_from(i32::from_be_bytes(*length)).ok()?;
            rest.split_at_checked(length)
        });
        let (foreign, primary) =
            parts.ok_or_else(|| CodecError::new("a combined key that is cut off"))?;
        let (foreign, primary) = (self.foreign.decode(foreign)?, self.primary.decode(primary)?);
        Ok(CombinedKey { foreign, primary })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::WireCodec;
    use super::*;

    fn codec() -> CombinedKeyCodec<String, i32> {
        CombinedKeyCodec::new(WireCodec::<String>::shared(), WireCodec::<i32>::shared())
    }

    #[test]
    fn what_is_no_combined_key_is_refused() {
        for bytes in [b"".as_slice(), b"\0\0\0", b"\0\0\0\x02a", b"\xff\xff\xff\xff\0\0\0\0"] {
            assert!(codec().decode(bytes).is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_key(foreign: String, primary: i32) {
            let key = CombinedKey { foreign, primary };
            let (mut bytes, mut prefix) = (Vec::new(), Vec::new());
            codec().encode(&key, &mut bytes).unwrap();
            encode_foreign_key(&key.foreign, &*codec().foreign, &mut prefix).unwrap();
            prop_assert!(bytes.starts_with(&prefix));
            prop_assert_eq!(codec().decode(&bytes), Ok(key));
        }

        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            let _ = codec().decode(&bytes);
        }
    }
}
