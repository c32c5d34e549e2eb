//! Kafka's signed variable-length integer: zig-zag, then seven bits a byte, low ones first
//! (`ByteUtils.writeVarint`).

use super::CodecError;

/// Appends `value`: one byte for −64 to 63, at most five.
pub(super) fn write_varint(value: i32, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 31)).cast_unsigned();
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Reads a number from the front of `bytes`; gives what follows it too.
pub(super) fn read_varint(bytes: &[u8]) -> Result<(i32, &[u8]), CodecError> {
    let mut value = 0u32;
    for (position, byte) in bytes.iter().enumerate() {
        let bits = u32::from(byte & 0x7f);
        if position == 4 && *byte > 0x0f {
            return Err(CodecError::new("a variable-length integer of more than 32 bits"));
        }
        value |= bits << (7 * position);
        if *byte < 0x80 {
            let number = (value >> 1).cast_signed() ^ -(value & 1).cast_signed();
            return Ok((number, &bytes[position + 1..]));
        }
    }
    Err(CodecError::new("a variable-length integer ends in the middle"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_too_long_or_too_short_is_refused() {
        assert!(read_varint(b"").is_err());
        assert!(read_varint(b"\x80").is_err());
        assert!(read_varint(b"\xff\xff\xff\xff\x10").is_err());
        assert!(read_varint(b"\xff\xff\xff\xff\x80\x00").is_err());
    }

    proptest! {
        #[test]
        fn any_number(value: i32, after: Vec<u8>) {
            let mut bytes = Vec::new();
            write_varint(value, &mut bytes);
            prop_assert!(bytes.len() <= 5);
            bytes.extend_from_slice(&after);
            prop_assert_eq!(read_varint(&bytes), Ok((value, after.as_slice())));
        }

        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            let _ = read_varint(&bytes);
        }
    }
}
