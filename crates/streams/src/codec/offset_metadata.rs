//! The text beside a committed offset: how far stream time had come in the partition (Kafka's
//! `TopicPartitionMetadata`), and what processors want kept beside it (`ProcessorMetadata`).
//!
//! Base64 of `u8 version ‖ i64 partition time`; version 2 adds nothing, or
//! `i32 n (i32 length ‖ name ‖ i64 value)*`.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, PAD};

const VERSION: u8 = 2;
const OLDEST_VERSION: u8 = 1;

/// Partition time that nobody knows (Kafka's `RecordQueue.UNKNOWN`).
const UNKNOWN: i64 = -1;

/// Java reads base64 with and without padding.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// The text for a partition whose time is `partition_time`, −1 for unknown, with what processors
/// want kept.
pub(crate) fn encode_offset_metadata(partition_time: i64, processors: &[(String, i64)]) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&partition_time.to_be_bytes());
    if !processors.is_empty() {
        // As many as there are stores: far fewer than fit.
        bytes.extend_from_slice(&(processors.len() as u32).to_be_bytes());
        for (name, value) in processors {
            bytes.extend_from_slice(&(name.len() as u32).to_be_bytes());
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(&value.to_be_bytes());
        }
    }
    BASE64.encode(bytes)
}

/// The partition time that `text` holds, in this version or an older one, and what processors wanted
/// kept; −1, unknown, for an empty text and for one that somebody else wrote.
pub(crate) fn decode_offset_metadata(text: &str) -> (i64, Vec<(String, i64)>) {
    let Ok(bytes) = BASE64.decode(text) else {
        return (UNKNOWN, Vec::new());
    };
    let Some((&version @ (OLDEST_VERSION | VERSION), mut rest)) = bytes.split_first() else {
        return (UNKNOWN, Vec::new());
    };
    let Some(time) = take_i64(&mut rest) else {
        return (UNKNOWN, Vec::new());
    };
    let mut processors = Vec::new();
    if version == VERSION {
        let count = take_u32(&mut rest).unwrap_or(0);
        processors.extend((0..count).map_while(|_| take_processor(&mut rest)));
    }
    (time, processors)
}

fn take_processor(bytes: &mut &[u8]) -> Option<(String, i64)> {
    let len = take_u32(bytes)? as usize;
    let (name, rest) = bytes.split_at_checked(len)?;
    let name = std::str::from_utf8(name).ok()?.to_owned();
    *bytes = rest;
    Some((name, take_i64(bytes)?))
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_be_bytes(*number))
}

fn take_i64(bytes: &mut &[u8]) -> Option<i64> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(i64::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn older_unpadded_and_foreign_texts() {
        let cases = [
            ("", -1),
            ("not base64!", -1),
            ("AgAAAR9x+wTL", 1_234_567_890_123),
            ("AQAAAR9x+wTL", 1_234_567_890_123),
            ("AwAAAR9x+wTL", -1),
            ("AgAAAR9x", -1),
            ("AgAAAR9x+wTLAA", 1_234_567_890_123),
        ];
        for (text, expected) in cases {
            assert_eq!(decode_offset_metadata(text).0, expected, "{text}");
        }
    }

    #[test]
    fn what_processors_keep_is_written_as_kafka_does() {
        let text = "AgAAAR9x+wTLAAAAAQAAAAVzdG9yZQAAAAAAAAAq";
        let kept = [("store".to_owned(), 42)];
        assert_eq!(encode_offset_metadata(1_234_567_890_123, &kept), text);
        assert_eq!(decode_offset_metadata(text), (1_234_567_890_123, kept.to_vec()));
    }

    proptest! {
        #[test]
        fn any_time(time: i64, kept: Vec<(String, i64)>) {
            let text = encode_offset_metadata(time, &kept);
            prop_assert_eq!(decode_offset_metadata(&text), (time, kept));
        }

        #[test]
        fn any_text(text: String, likely in "[A-Za-z0-9+/]{0,40}={0,2}") {
            decode_offset_metadata(&text);
            decode_offset_metadata(&likely);
        }
    }
}
