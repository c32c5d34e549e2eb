//! Frames: `u32 length ‖ u32 crc32 ‖ payload`, little-endian. The checksum covers the length too,
//! and a payload is never empty, so that zeroed bytes are no frame.

use crc32fast::Hasher;

/// Bytes before the payload.
pub(in crate::embedded) const HEAD: usize = 8;

/// Appends a frame whose payload `write` appends, and returns its length.
pub(in crate::embedded) fn push(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> u32 {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    write(out);
    let len = (out.len() - start - HEAD) as u32;
    let crc = checksum(len, &out[start + HEAD..]);
    out[start..start + 4].copy_from_slice(&len.to_le_bytes());
    out[start + 4..start + HEAD].copy_from_slice(&crc.to_le_bytes());
    len + HEAD as u32
}

/// The payload of the frame at the start of `bytes`, when it is whole and its checksum fits.
pub(in crate::embedded) fn payload(bytes: &[u8]) -> Option<&[u8]> {
    let len = u32_at(bytes, 0)?;
    let crc = u32_at(bytes, 4)?;
    let payload = bytes.get(HEAD..HEAD.checked_add(len as usize)?)?;
    (len > 0 && checksum(len, payload) == crc).then_some(payload)
}

fn checksum(len: u32, payload: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&len.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let raw = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(raw.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_is_noticed() {
        let mut bytes = Vec::new();
        let len = push(&mut bytes, |out| out.extend_from_slice(b"payload"));
        assert_eq!(len as usize, bytes.len());
        assert_eq!(payload(&bytes), Some(&b"payload"[..]));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(payload(&damaged), None, "bit {bit}");
        }
        assert_eq!(payload(&[0; 64]), None);
        assert_eq!(payload(&bytes[..bytes.len() - 1]), None);
    }
}
