//! Records of a left or outer join that have found no partner yet, as they wait in a store and its
//! changelog (Kafka's `TimestampedKeyAndJoinSideSerializer` and `LeftOrRightValueSerializer`).

use super::{CodecError, Wire};

const LEFT: u8 = 1;
const RIGHT: u8 = 0;

/// The place of a waiting record: `i64 timestamp ‖ u8 side ‖ key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WaitingKey<K> {
    pub(crate) timestamp: i64,
    pub(crate) is_left: bool,
    pub(crate) key: K,
}

impl<K: Wire> Wire for WaitingKey<K> {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.push(if self.is_left { LEFT } else { RIGHT });
        self.key.encode(out)
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let too_short = || CodecError::new("too few bytes for a timestamp, a side and a key");
        let (timestamp, rest) = bytes.split_first_chunk().ok_or_else(too_short)?;
        let (side, key) = rest.split_first().ok_or_else(too_short)?;
        Ok(Self {
            timestamp: i64::from_be_bytes(*timestamp),
            is_left: *side == LEFT,
            key: K::decode(key)?,
        })
    }
}

/// The value of a waiting record: `u8 side ‖ value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JoinSide<L, R> {
    Left(L),
    Right(R),
}

impl<L: Wire, R: Wire> Wire for JoinSide<L, R> {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match self {
            Self::Left(value) => {
                out.push(LEFT);
                value.encode(out)
            }
            Self::Right(value) => {
                out.push(RIGHT);
                value.encode(out)
            }
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        match bytes.split_first() {
            Some((&LEFT, value)) => Ok(Self::Left(L::decode(value)?)),
            Some((&RIGHT, value)) => Ok(Self::Right(R::decode(value)?)),
            _ => Err(CodecError::new("no side of a join in front of a value")),
        }
    }
}
