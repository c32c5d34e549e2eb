use super::{CodecError, Wire};

/// Whether a value is there, when nobody needs the value itself: a count reads no values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Presence(bool);

impl Wire for Presence {
    fn encode(&self, _out: &mut Vec<u8>) -> Result<(), CodecError> {
        Err(CodecError::new("a presence is only read"))
    }

    fn decode(_bytes: &[u8]) -> Result<Self, CodecError> {
        Ok(Self(true))
    }

    fn is_null(&self) -> bool {
        !self.0
    }

    fn decode_null() -> Result<Self, CodecError> {
        Ok(Self(false))
    }
}
