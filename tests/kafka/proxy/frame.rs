//! Requests and answers on the wire: four bytes of length, then the rest.

use std::io::{self, Read};

/// More than any request of a test; a length beyond it is no Kafka client.
const MOST_BYTES: usize = 128 * 1024 * 1024;

/// Kind of a request (the protocol's API key).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiKey(pub i16);

#[allow(missing_docs)]
impl ApiKey {
    pub const PRODUCE: Self = Self(0);
    pub const FETCH: Self = Self(1);
    pub const LIST_OFFSETS: Self = Self(2);
    pub const METADATA: Self = Self(3);
    pub const OFFSET_COMMIT: Self = Self(8);
    pub const OFFSET_FETCH: Self = Self(9);
    pub const FIND_COORDINATOR: Self = Self(10);
    pub const JOIN_GROUP: Self = Self(11);
    pub const HEARTBEAT: Self = Self(12);
    pub const LEAVE_GROUP: Self = Self(13);
    pub const SYNC_GROUP: Self = Self(14);
    pub const API_VERSIONS: Self = Self(18);
    pub const CREATE_TOPICS: Self = Self(19);
    pub const DELETE_RECORDS: Self = Self(21);
    pub const INIT_PRODUCER_ID: Self = Self(22);
    pub const ADD_PARTITIONS_TO_TXN: Self = Self(24);
    pub const ADD_OFFSETS_TO_TXN: Self = Self(25);
    pub const END_TXN: Self = Self(26);
    pub const TXN_OFFSET_COMMIT: Self = Self(28);
    pub const CONSUMER_GROUP_HEARTBEAT: Self = Self(68);
    pub const STREAMS_GROUP_HEARTBEAT: Self = Self(88);
}

/// The head of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RequestHead {
    pub(super) api: ApiKey,
    pub(super) correlation: i32,
    pub(super) client_id: String,
}

impl RequestHead {
    /// Of a frame with its length; every version of the head begins like this.
    pub(super) fn of(frame: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(i16::from_be_bytes(frame.get(at..at + 2)?.try_into().ok()?));
        let client_id = match number(12) {
            Some(length @ 0..) => frame.get(14..14 + length as usize)?,
            _ => &[],
        };
        Some(Self {
            api: ApiKey(number(4)?),
            correlation: correlation(frame, 8)?,
            client_id: String::from_utf8_lossy(client_id).into_owned(),
        })
    }
}

/// The request that an answer belongs to.
pub(super) fn answered(frame: &[u8]) -> Option<i32> {
    correlation(frame, 4)
}

fn correlation(frame: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_be_bytes(frame.get(at..at + 4)?.try_into().ok()?))
}

/// Reads a whole frame with its length; `None` where the stream ends.
pub(super) fn read(stream: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut frame = vec![0; 4];
    match stream.read_exact(&mut frame) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let length = i32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > MOST_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a frame of Kafka's protocol"));
    }
    frame.resize(4 + length, 0);
    stream.read_exact(&mut frame[4..])?;
    Ok(Some(frame))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_with_and_without_a_client() {
        let frame = b"\0\0\0\x10\0\x1a\0\x01\0\0\0\x07\0\x02mebody";
        let head = RequestHead::of(frame).unwrap();
        let client_id = "me".to_owned();
        assert_eq!(head, RequestHead { api: ApiKey::END_TXN, correlation: 7, client_id });
        let frame = b"\0\0\0\x0a\0\x12\0\0\0\0\0\x01\xff\xff";
        assert_eq!(RequestHead::of(frame).unwrap().client_id, "");
        assert_eq!(RequestHead::of(b"\0\0\0\x02\0\x12"), None);
    }

    #[test]
    fn frames_end_with_the_stream() {
        let mut stream = &b"\0\0\0\x01a\0\0\0\0"[..];
        assert_eq!(read(&mut stream).unwrap().unwrap(), b"\0\0\0\x01a");
        assert_eq!(read(&mut stream).unwrap().unwrap(), b"\0\0\0\0");
        assert_eq!(read(&mut stream).unwrap(), None);
        assert!(read(&mut &b"GET / HTTP/1.1"[..]).is_err());
    }
}
