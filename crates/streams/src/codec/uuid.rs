//! `Uuid`: its 36 characters of text, not its 16 bytes (Kafka's `UUIDSerde`).

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::{CodecError, Wire};

impl Wire for Uuid {
    const LIST_ENTRY_SIZE: Option<usize> = Some(Hyphenated::LENGTH);

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let mut text = [0; Hyphenated::LENGTH];
        out.extend_from_slice(self.hyphenated().encode_lower(&mut text).as_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let refused = || {
            CodecError::new(format!(
                "not the {} characters of a UUID's text ({} bytes)",
                Hyphenated::LENGTH,
                bytes.len()
            ))
        };
        // The parser also takes texts without hyphens and in braces; they have other lengths.
        if bytes.len() != Hyphenated::LENGTH {
            return Err(refused());
        }
        Self::try_parse_ascii(bytes).map_err(|_| refused())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::round_trip::{assert_round_trip, assert_survives};
    use super::*;

    #[test]
    fn other_spellings_are_refused() {
        for text in ["", "123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400g"]
        {
            assert!(Uuid::decode(text.as_bytes()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_uuid(bits: u128) {
            assert_round_trip(&Uuid::from_u128(bits));
        }

        #[test]
        fn any_bytes(bytes: Vec<u8>, long in proptest::collection::vec(any::<u8>(), 36)) {
            assert_survives::<Uuid>(&bytes);
            assert_survives::<Uuid>(&long);
        }
    }
}
