//! `Option`: `None` is Kafka's null, `Some` is the format of what is inside.

use super::{CodecError, Wire};

impl<T: Wire> Wire for Option<T> {
    const LIST_ENTRY_SIZE: Option<usize> = T::LIST_ENTRY_SIZE;

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match self {
            Some(value) => value.encode(out),
            None => Err(CodecError::new("`None` is written as null and has no bytes")),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        T::decode(bytes).map(Some)
    }

    /// Also for `Some` of a null: `Some(None)` is written as null and read back as `None`.
    fn is_null(&self) -> bool {
        self.as_ref().is_none_or(Wire::is_null)
    }

    fn decode_null() -> Result<Self, CodecError> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::round_trip::assert_round_trip;
    use super::*;

    #[test]
    fn empty_is_not_null() {
        assert_eq!(Option::<String>::decode(b""), Ok(Some(String::new())));
        assert_eq!(Option::<String>::decode_null(), Ok(None));
        assert!(None::<String>.encode(&mut Vec::new()).is_err());
        assert!(Some(None::<String>).is_null());
        assert_eq!(Option::<Option<String>>::decode(b"a"), Ok(Some(Some("a".to_owned()))));
    }

    proptest! {
        #[test]
        fn any_value(number: Option<i32>, text: Option<String>) {
            assert_round_trip(&number);
            assert_round_trip(&text);
            assert_round_trip(&text.map(Some));
        }
    }
}
