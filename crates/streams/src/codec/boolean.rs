//! `bool`: one byte, 1 or 0 (Kafka's `BooleanSerde`).

use super::numbers::exactly;
use super::{CodecError, Wire};

impl Wire for bool {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.push(u8::from(*self));
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        match exactly(bytes)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(CodecError::new("a boolean is the byte 0 or 1, and this is neither")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::round_trip::{assert_round_trip, assert_survives};
    use super::*;

    #[test]
    fn both_values() {
        assert_round_trip(&true);
        assert_round_trip(&false);
        assert_eq!(bool::decode(&[]).unwrap_err().to_string(), "expected 1 byte, got 0");
        assert!(bool::decode(&[2]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            assert_survives::<bool>(&bytes);
        }
    }
}
