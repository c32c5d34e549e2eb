//! `()`: always null (Kafka's `VoidSerde`).

use super::{CodecError, Wire};

impl Wire for () {
    fn encode(&self, _out: &mut Vec<u8>) -> Result<(), CodecError> {
        Err(CodecError::new("`()` is written as null and has no bytes"))
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        Err(CodecError::new(format!("expected null, got {} bytes", bytes.len())))
    }

    fn is_null(&self) -> bool {
        true
    }

    fn decode_null() -> Result<Self, CodecError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::round_trip::assert_round_trip;
    use super::*;

    #[test]
    fn is_null_and_nothing_else() {
        assert_round_trip(&());
        assert!(<()>::decode(&[]).is_err());
        assert!(().encode(&mut Vec::new()).is_err());
    }
}
