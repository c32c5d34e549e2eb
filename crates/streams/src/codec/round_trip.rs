//! What every format promises, as assertions for the tests of each.

use std::fmt::Debug;

use super::{CodecError, Wire};

/// `value` is read back from what it was written as, null included.
pub(super) fn assert_round_trip<T: Wire + Debug + PartialEq>(value: &T) {
    let read = if value.is_null() {
        T::decode_null()
    } else {
        let mut bytes = vec![7];
        value.encode(&mut bytes).expect("a value can be written");
        assert_eq!(bytes[0], 7, "written over what stood there");
        T::decode(&bytes[1..])
    };
    assert_eq!(read.as_ref(), Ok(value));
}

/// Reading `bytes` neither panics nor gives a value that cannot be written.
pub(super) fn assert_survives<T: Wire>(bytes: &[u8]) {
    if let Ok(value) = T::decode(bytes) {
        let written: Result<(), CodecError> =
            if value.is_null() { Ok(()) } else { value.encode(&mut Vec::new()) };
        assert_eq!(written, Ok(()));
    }
}
