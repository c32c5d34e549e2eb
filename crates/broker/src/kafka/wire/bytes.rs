//! Requests and answers as bytes: big-endian numbers, lengths before strings and arrays.

use std::io;

/// A request that is being written.
pub(super) struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// A request of this kind, with the header of versions that are not flexible.
    pub(super) fn request(api_key: i16, version: i16, correlation: i32, client_id: &str) -> Self {
        let mut request = Self { bytes: vec![0; 4] };
        request.i16(api_key).i16(version).i32(correlation).string(client_id);
        request
    }

    pub(super) fn bool(&mut self, value: bool) -> &mut Self {
        self.bytes.push(value.into());
        self
    }

    pub(super) fn i8(&mut self, value: i8) -> &mut Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    pub(super) fn i16(&mut self, value: i16) -> &mut Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    pub(super) fn i32(&mut self, value: i32) -> &mut Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    pub(super) fn i64(&mut self, value: i64) -> &mut Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    /// The length of what follows as an array.
    pub(super) fn array(&mut self, len: usize) -> &mut Self {
        self.i32(i32::try_from(len).unwrap_or(i32::MAX))
    }

    /// Names longer than the protocol can tell are cut; there are none.
    pub(super) fn string(&mut self, text: &str) -> &mut Self {
        let len = i16::try_from(text.len()).unwrap_or(i16::MAX);
        self.i16(len);
        self.bytes.extend(&text.as_bytes()[..len as usize]);
        self
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.array(bytes.len());
        self.bytes.extend(bytes);
        self
    }

    pub(super) fn nullable_string(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.string(text),
            None => self.i16(-1),
        }
    }

    /// The length of what follows as an array, in flexible versions (KIP-482); so too below.
    pub(super) fn compact_array(&mut self, len: usize) -> &mut Self {
        let mut rest = len as u64 + 1;
        while rest >= 0x80 {
            self.bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
        self
    }

    pub(super) fn compact_string(&mut self, text: &str) -> &mut Self {
        self.compact_array(text.len());
        self.bytes.extend(text.as_bytes());
        self
    }

    pub(super) fn compact_nullable_string(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.compact_string(text),
            None => self.bool(false),
        }
    }

    /// The end of what is described in a flexible version.
    pub(super) fn no_tags(&mut self) -> &mut Self {
        self.bool(false)
    }

    /// The request with its length before it.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let len = (self.bytes.len() - 4) as u32;
        self.bytes[..4].copy_from_slice(&len.to_be_bytes());
        self.bytes
    }
}

/// An answer that is being read. What does not fit is an error and never a panic.
pub(super) struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn take(&mut self, len: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or_else(malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(malformed)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn bool(&mut self) -> io::Result<bool> {
        Ok(self.array::<1>()? != [0])
    }

    pub(super) fn i16(&mut self) -> io::Result<i16> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    pub(super) fn i32(&mut self) -> io::Result<i32> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub(super) fn i64(&mut self) -> io::Result<i64> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// Text; null is the empty one.
    pub(super) fn string(&mut self) -> io::Result<&'a str> {
        let len = usize::try_from(self.i16()?).unwrap_or(0);
        std::str::from_utf8(self.take(len)?).map_err(|_| malformed())
    }

    /// Bytes; null is none.
    pub(super) fn bytes(&mut self) -> io::Result<&'a [u8]> {
        let len = usize::try_from(self.i32()?).unwrap_or(0);
        self.take(len)
    }

    fn unsigned(&mut self) -> io::Result<usize> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            number |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(malformed())
    }

    /// Passes over text in a flexible version (KIP-482).
    pub(super) fn skip_compact_string(&mut self) -> io::Result<()> {
        let len = self.unsigned()?.saturating_sub(1);
        self.take(len).map(|_| ())
    }

    /// Passes over what a flexible version may have added.
    pub(super) fn skip_tags(&mut self) -> io::Result<()> {
        for _ in 0..self.unsigned()? {
            let _tag = self.unsigned()?;
            let len = self.unsigned()?;
            self.take(len)?;
        }
        Ok(())
    }

    /// The entries of an array in a flexible version.
    pub(super) fn each_compact(
        &mut self,
        mut entry: impl FnMut(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        let len = self.unsigned()?.saturating_sub(1);
        (0..len).try_for_each(|_| entry(self))
    }

    /// The entries of an array, one after the other; null has none.
    pub(super) fn each(
        &mut self,
        mut entry: impl FnMut(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        let len = self.i32()?.max(0);
        (0..len).try_for_each(|_| entry(self))
    }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "an answer is malformed")
}
