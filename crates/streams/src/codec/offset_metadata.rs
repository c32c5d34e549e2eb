//! The text beside a committed offset: how far stream time had come in the partition (Kafka's
//! `TopicPartitionMetadata`).
//!
//! Base64 of `u8 version ‖ i64 partition time`; version 2 adds what processors want kept, which
//! is empty here.

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

/// The text for a partition whose time is `partition_time`, −1 for unknown.
pub(crate) fn encode_offset_metadata(partition_time: i64) -> String {
    let mut bytes = [VERSION; 9];
    bytes[1..].copy_from_slice(&partition_time.to_be_bytes());
    BASE64.encode(bytes)
}

/// The partition time that `text` holds, in this version or an older one; −1, unknown, for an
/// empty text and for one that somebody else wrote.
pub(crate) fn decode_offset_metadata(text: &str) -> i64 {
    let Ok(bytes) = BASE64.decode(text) else {
        return UNKNOWN;
    };
    match bytes.split_first() {
        Some((&(OLDEST_VERSION | VERSION), rest)) => {
            rest.first_chunk().map_or(UNKNOWN, |time| i64::from_be_bytes(*time))
        }
        _ => UNKNOWN,
    }
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
            assert_eq!(decode_offset_metadata(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_time(time: i64) {
            prop_assert_eq!(decode_offset_metadata(&encode_offset_metadata(time)), time);
        }

        #[test]
        fn any_text(text: String, likely in "[A-Za-z0-9+/]{0,40}={0,2}") {
            decode_offset_metadata(&text);
            decode_offset_metadata(&likely);
        }
    }
}
