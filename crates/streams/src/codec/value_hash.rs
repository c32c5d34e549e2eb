//! The hash of a row's value, by which a foreign-key join sees that an answer is out of date: how it
//! stands in front of what travels.

use super::CodecError;

/// Two longs, or none for a row that is deleted.
pub(crate) type ValueHash = Option<[i64; 2]>;

/// Set in the byte of the version where there is no hash.
const NO_HASH: u8 = 0x80;

/// The byte that says the version, and that there is no hash.
pub(super) fn version_byte(version: u8, hash: ValueHash) -> u8 {
    if hash.is_some() { version } else { version | NO_HASH }
}

/// The version in that byte, and whether a hash follows.
pub(super) fn read_version(byte: u8) -> (u8, bool) {
    (byte & !NO_HASH, byte & NO_HASH == 0)
}

/// Appends the hash, if there is one.
pub(super) fn write_hash(hash: ValueHash, out: &mut Vec<u8>) {
    for part in hash.into_iter().flatten() {
        out.extend_from_slice(&part.to_be_bytes());
    }
}

/// Reads the hash, if there is one; gives what follows it too.
pub(super) fn read_hash(bytes: &[u8], present: bool) -> Result<(ValueHash, &[u8]), CodecError> {
    if !present {
        return Ok((None, bytes));
    }
    let cut_off = || CodecError::new("the hash of a foreign-key join is cut off");
    let (first, rest) = bytes.split_first_chunk().ok_or_else(cut_off)?;
    let (second, rest) = rest.split_first_chunk().ok_or_else(cut_off)?;
    Ok((Some([i64::from_be_bytes(*first), i64::from_be_bytes(*second)]), rest))
}
