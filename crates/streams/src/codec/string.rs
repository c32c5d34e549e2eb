//! `String`: UTF-8 (Kafka's `StringSerde` with its default encoding).

use super::{CodecError, Wire};

impl Wire for String {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(self.as_bytes());
        Ok(())
    }

    /// Refuses what is not UTF-8, where Kafka would put replacement characters.
    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => {
                Err(CodecError::new(format!("not UTF-8 from byte {} on", error.valid_up_to())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::round_trip::{assert_round_trip, assert_survives};
    use super::*;

    #[test]
    fn the_error_does_not_repeat_the_text() {
        let error = String::decode(b"secret\xff").unwrap_err();
        assert_eq!(error.to_string(), "not UTF-8 from byte 6 on");
    }

    proptest! {
        #[test]
        fn any_text(text: String) {
            assert_round_trip(&text);
        }

        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            assert_survives::<String>(&bytes);
        }
    }
}
