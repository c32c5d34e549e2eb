//! Compressed record batches.

use std::io::{self, Read};

/// Before blocks that Java's snappy has written; version and compatible version follow.
const SNAPPY_BLOCKS: &[u8] = b"\x82SNAPPY\0";
const SNAPPY_HEADER: usize = 16;

/// Decompresses into `out`, which is empty. At most so many bytes come of it.
pub(super) fn decompress(
    codec: i16,
    bytes: &[u8],
    limit: u64,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    match codec {
        1 => read_all(flate2::read::MultiGzDecoder::new(bytes), limit, out),
        2 => snappy(bytes, limit, out),
        3 => read_all(lz4_flex::frame::FrameDecoder::new(bytes), limit, out),
        4 => read_all(zstd::Decoder::with_buffer(bytes)?, limit, out),
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, format!("compression type {codec}"))),
    }
}

fn read_all(decoder: impl Read, limit: u64, out: &mut Vec<u8>) -> io::Result<()> {
    match decoder.take(limit + 1).read_to_end(out)? as u64 {
        read if read > limit => Err(too_large(limit)),
        _ => Ok(()),
    }
}

/// One block, or many with their lengths before them.
fn snappy(bytes: &[u8], limit: u64, out: &mut Vec<u8>) -> io::Result<()> {
    if !bytes.starts_with(SNAPPY_BLOCKS) {
        return snappy_block(bytes, limit, out);
    }
    let mut rest = bytes.get(SNAPPY_HEADER..).unwrap_or_default();
    while let Some((len, behind)) = rest.split_first_chunk() {
        let len = u32::from_be_bytes(*len) as usize;
        let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "a snappy block is cut off");
        let (block, behind) = behind.split_at_checked(len).ok_or_else(cut)?;
        snappy_block(block, limit, out)?;
        rest = behind;
    }
    Ok(())
}

fn snappy_block(block: &[u8], limit: u64, out: &mut Vec<u8>) -> io::Result<()> {
    let start = out.len();
    let len = snap::raw::decompress_len(block)?;
    if (start + len) as u64 > limit {
        return Err(too_large(limit));
    }
    out.resize(start + len, 0);
    snap::raw::Decoder::new().decompress(block, &mut out[start..])?;
    Ok(())
}

fn too_large(limit: u64) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("more than {limit} bytes decompressed"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] = b"one and one and one and one and one is five";

    fn snappy_blocks() -> Vec<u8> {
        let mut bytes = [SNAPPY_BLOCKS, &[0, 0, 0, 1, 0, 0, 0, 1]].concat();
        for part in TEXT.chunks(20) {
            let block = snap::raw::Encoder::new().compress_vec(part).unwrap();
            bytes.extend((block.len() as u32).to_be_bytes());
            bytes.extend(block);
        }
        bytes
    }

    fn compressed() -> [(i16, Vec<u8>); 5] {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(TEXT).unwrap();
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(TEXT).unwrap();
        [
            (1, gzip.finish().unwrap()),
            (2, snap::raw::Encoder::new().compress_vec(TEXT).unwrap()),
            (2, snappy_blocks()),
            (3, lz4.finish().unwrap()),
            (4, zstd::encode_all(TEXT, 0).unwrap()),
        ]
    }

    #[test]
    fn every_codec_is_read() {
        for (codec, bytes) in compressed() {
            let mut out = Vec::new();
            decompress(codec, &bytes, TEXT.len() as u64, &mut out).unwrap();
            assert_eq!(out, TEXT, "{codec}");
        }
    }

    #[test]
    fn what_is_damaged_or_too_large_is_an_error() {
        for (codec, bytes) in compressed() {
            let read = |bytes: &[u8], limit| decompress(codec, bytes, limit, &mut Vec::new());
            assert!(read(&bytes, TEXT.len() as u64 - 1).is_err(), "{codec}");
            assert!(read(&bytes[..bytes.len() / 2], 1000).is_err(), "{codec}");
        }
        assert!(decompress(5, TEXT, 1000, &mut Vec::new()).is_err());
    }
}
