//! An update that is held back, as the changelog of a suppression keeps it (Kafka's `BufferValue`
//! with its time): `context ‖ prior ‖ old ‖ new ‖ i64 buffer time`, each value as `i32 length ‖
//! bytes`, −1 for null, and −2 for an old value that is the same as the prior one. This is version
//! 3 of the format; versions 0 to 2 are read, never written.

use super::big_endian::{BigEndian, write_sized};
use super::{CodecError, RecordContext};

/// The name of the header that says the version.
pub(crate) const VERSION_HEADER: &str = "v";
/// The version that is written.
pub(crate) const VERSION: u8 = 3;

const SAME_AS_PRIOR: i32 = -2;

/// An update of a key that is held back, its values as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BufferedChange<'a> {
    pub(crate) context: RecordContext<'a>,
    /// What the key had before the first update that is held back, and has for everybody downstream.
    pub(crate) prior: Option<&'a [u8]>,
    pub(crate) old: Option<&'a [u8]>,
    pub(crate) new: Option<&'a [u8]>,
    /// Its place in the buffer.
    pub(crate) time: i64,
}

impl<'a> BufferedChange<'a> {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let Self { context, prior, old, new, time } = self;
        context.encode(out);
        write_sized(*prior, out);
        if old.is_some() && old == prior {
            out.extend_from_slice(&SAME_AS_PRIOR.to_be_bytes());
        } else {
            write_sized(*old, out);
        }
        write_sized(*new, out);
        out.extend_from_slice(&time.to_be_bytes());
    }

    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, CodecError> {
        let mut bytes = BigEndian(bytes);
        let context = RecordContext::read(&mut bytes)?;
        let prior = bytes.sized()?;
        let mut after = bytes;
        let old = if after.int()? == SAME_AS_PRIOR {
            bytes = after;
            prior
        } else {
            bytes.sized()?
        };
        let (new, time) = (bytes.sized()?, bytes.long()?);
        bytes.end()?;
        Ok(Self { context, prior, old, new, time })
    }

    /// What a record of the changelog holds whose header says `version`; `record` is the context of
    /// the changelog's record, and `before` gives what was prior to what is held back of the key
    /// already: the oldest versions do not say it themselves.
    pub(crate) fn decode_version(
        version: Option<&[u8]>,
        bytes: &'a [u8],
        record: RecordContext<'a>,
        before: impl FnOnce() -> Option<Option<&'a [u8]>>,
    ) -> Result<Self, CodecError> {
        match version {
            Some([VERSION]) => Self::decode(bytes),
            // Kafka 2.4.0, 2.4.1 and 2.5.0 wrote version 3 and called it 2.
            Some([2]) => Self::decode_2(bytes).or_else(|_| Self::decode(bytes)),
            Some([1]) => {
                let mut bytes = BigEndian(bytes);
                let time = bytes.long()?;
                let context = RecordContext::read(&mut bytes)?;
                let (old, new) = read_change(bytes.sized()?)?;
                Ok(Self { context, prior: before().unwrap_or(old), old, new, time })
            }
            None => {
                let mut bytes = BigEndian(bytes);
                let time = bytes.long()?;
                let (old, new) = read_change(Some(bytes.0))?;
                Ok(Self { context: record, prior: before().unwrap_or(old), old, new, time })
            }
            Some(_) => Err(CodecError::new("a version of the format that is not known")),
        }
    }

    fn decode_2(bytes: &'a [u8]) -> Result<Self, CodecError> {
        let mut bytes = BigEndian(bytes);
        let context = RecordContext::read(&mut bytes)?;
        let (old, new) = read_change(bytes.sized()?)?;
        let (prior, time) = (bytes.sized()?, bytes.long()?);
        bytes.end()?;
        Ok(Self { context, prior, old, new, time })
    }

    /// What Kafka Streams takes it to hold in memory, for the bounds of buffers.
    pub(crate) fn resident_bytes(&self, key: &[u8]) -> usize {
        let len = |value: Option<&[u8]>| value.map_or(0, <[u8]>::len);
        let old = if self.old == self.prior { 0 } else { len(self.old) };
        let values = len(self.prior) + old + len(self.new);
        size_of::<i64>() + key.len() + values + self.context.resident_bytes()
    }
}

type OldAndNew<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

fn read_change(bytes: Option<&[u8]>) -> Result<OldAndNew<'_>, CodecError> {
    let bytes = bytes.ok_or_else(|| CodecError::new("null where a change should be"))?;
    let mut bytes = BigEndian(bytes);
    let (old, new) = (bytes.sized()?, bytes.sized()?);
    bytes.end()?;
    Ok((old, new))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::Headers;

    fn context() -> RecordContext<'static> {
        let mut headers = Headers::new();
        headers.push("h", Some(b"v"));
        headers.push("n", None);
        RecordContext { timestamp: 42, offset: 7, topic: "topic", partition: 3, headers }
    }

    fn legacy_change() -> Vec<u8> {
        let mut bytes = Vec::new();
        write_sized(Some(b"old"), &mut bytes);
        write_sized(Some(b"new"), &mut bytes);
        bytes
    }

    fn change(prior: &'static [u8]) -> BufferedChange<'static> {
        let (prior, old, new) = (Some(prior), Some(b"old".as_slice()), Some(b"new".as_slice()));
        BufferedChange { context: context(), prior, old, new, time: 99 }
    }

    #[test]
    fn what_older_versions_wrote_is_read() {
        let mut with_context = Vec::new();
        context().encode(&mut with_context);
        write_sized(Some(&legacy_change()), &mut with_context);
        let time = 99i64.to_be_bytes();
        let version_0 = [time.as_slice(), &legacy_change()].concat();
        let version_1 = [time.as_slice(), &with_context].concat();
        let mut version_2 = with_context;
        write_sized(Some(b"prior"), &mut version_2);
        version_2.extend_from_slice(&time);
        let mut version_3 = Vec::new();
        change(b"prior").encode(&mut version_3);
        for (version, bytes, before, prior) in [
            (None, &version_0, None, b"old".as_slice()),
            (None, &version_0, Some(Some(b"first".as_slice())), b"first"),
            (Some([1].as_slice()), &version_1, None, b"old"),
            (Some(&[1]), &version_1, Some(Some(b"first")), b"first"),
            (Some(&[2]), &version_2, None, b"prior"),
            (Some(&[2]), &version_3, None, b"prior"),
            (Some(&[3]), &version_3, None, b"prior"),
        ] {
            let read = BufferedChange::decode_version(version, bytes, context(), || before);
            let expected = BufferedChange { prior: Some(prior), ..change(b"") };
            assert_eq!(read, Ok(expected), "{version:?}");
        }
        let unknown = BufferedChange::decode_version(Some(&[4]), &version_3, context(), || None);
        assert!(unknown.is_err());
    }

    proptest! {
        #[test]
        fn any_change(
            prior: Option<Vec<u8>>,
            old: Option<Vec<u8>>,
            new: Option<Vec<u8>>,
            same: bool,
            time: i64,
        ) {
            let old = if same { prior.clone() } else { old };
            let (prior, old, new) = (prior.as_deref(), old.as_deref(), new.as_deref());
            let change = BufferedChange { context: context(), prior, old, new, time };
            let mut bytes = Vec::new();
            change.encode(&mut bytes);
            prop_assert_eq!(BufferedChange::decode(&bytes), Ok(change));
        }

        #[test]
        fn any_bytes(bytes: Vec<u8>, version in 0u8..5) {
            let version = [version];
            let version = (version[0] > 0).then_some(version.as_slice());
            let _ = BufferedChange::decode_version(version, &bytes, context(), || None);
        }
    }
}
