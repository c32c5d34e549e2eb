//! Kafka's plain binary layouts, read from the front: big-endian numbers, and bytes behind their
//! length.

use super::CodecError;

/// What is left to read.
#[derive(Clone, Copy)]
pub(super) struct BigEndian<'a>(pub(super) &'a [u8]);

impl<'a> BigEndian<'a> {
    pub(super) fn bytes(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        let (bytes, rest) = self.0.split_at_checked(len).ok_or_else(cut_off)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or_else(cut_off)?;
        self.0 = rest;
        Ok(*bytes)
    }

    pub(super) fn int(&mut self) -> Result<i32, CodecError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub(super) fn long(&mut self) -> Result<i64, CodecError> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// `i32 length ‖ bytes`; length −1 is null.
    pub(super) fn sized(&mut self) -> Result<Option<&'a [u8]>, CodecError> {
        match self.int()? {
            -1 => Ok(None),
            len => self.bytes(usize::try_from(len).map_err(|_| cut_off())?).map(Some),
        }
    }

    /// `i32 length ‖ text`.
    pub(super) fn text(&mut self) -> Result<&'a str, CodecError> {
        let bytes = self.sized()?.ok_or_else(|| CodecError::new("null where a name should be"))?;
        std::str::from_utf8(bytes).map_err(|_| CodecError::new("a name that is not UTF-8"))
    }

    /// Says that nothing may be left.
    pub(super) fn end(self) -> Result<(), CodecError> {
        if self.0.is_empty() { Ok(()) } else { Err(CodecError::new("bytes behind the end")) }
    }
}

#[cold]
fn cut_off() -> CodecError {
    CodecError::new("its bytes end in the middle")
}

/// Appends `i32 length ‖ bytes`; null has the length −1.
pub(super) fn write_sized(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    // No record is as long as a length in it can say.
    let len = bytes.map_or(-1, |bytes| bytes.len() as i32);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(bytes.unwrap_or_default());
}
