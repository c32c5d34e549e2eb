//! Formats: how keys and values become bytes.
//!
//! A type that implements [`Wire`] knows its format. The types that Kafka has serdes for are
//! written byte for byte as Kafka writes them (`org.apache.kafka.common.serialization`);
//! `#[derive(Wire)]` gives a type of one's own a format by one line:
//!
//! ```
//! use millstream::codec::Wire;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Wire)]
//! struct Order {
//!     item: String,
//!     count: u32,
//! }
//!
//! let order = Order { item: "tea".into(), count: 2 };
//! let mut bytes = Vec::new();
//! order.encode(&mut bytes)?;
//! assert_eq!(bytes, br#"{"item":"tea","count":2}"#);
//! assert_eq!(Order::decode(&bytes)?, order);
//! # Ok::<(), millstream::codec::CodecError>(())
//! ```
//!
//! A [`Codec`] is a format chosen by hand, for one topic or store.

mod big_endian;
mod bincode;
mod boolean;
mod buffered_change;
mod bytes;
mod change;
mod combined_key;
mod json;
mod list;
mod murmur3;
mod numbers;
mod offset_metadata;
mod option;
mod outer_join;
mod presence;
mod record_context;
mod serde_data;
mod string;
mod subscription;
mod subscription_response;
mod timestamped;
mod uuid;
mod value_hash;
mod varint;
mod void;
mod windowed;
mod wire_codec;

#[cfg(test)]
mod oracle_tests;
#[cfg(test)]
mod round_trip;

pub use self::bincode::{Bincode, BincodeCodec};
pub(crate) use buffered_change::{BufferedChange, VERSION, VERSION_HEADER};
pub use bytes::RawBytes;
pub(crate) use change::ChangeCodec;
pub(crate) use combined_key::{CombinedKey, CombinedKeyCodec, encode_foreign_key};
pub use json::{Json, JsonCodec};
pub use list::List;
pub use millstream_macros::Wire;
pub(crate) use murmur3::murmur3_128;
pub(crate) use offset_metadata::{decode_offset_metadata, encode_offset_metadata};
pub(crate) use outer_join::{JoinSide, WaitingKey};
pub(crate) use presence::Presence;
pub(crate) use record_context::RecordContext;
pub(crate) use subscription::{Instruction, Subscription, SubscriptionCodec};
pub(crate) use subscription_response::{SubscriptionResponse, SubscriptionResponseCodec};
pub(crate) use timestamped::{TIMESTAMP_BYTES, decode_timestamped, encode_timestamped};
pub(crate) use value_hash::ValueHash;
pub use windowed::TimeWindowedCodec;
pub(crate) use windowed::{StoredWindow, WindowStoreCodec};
pub use wire_codec::WireCodec;

/// What the code written by `#[derive(Wire)]` calls; no part of the API.
#[doc(hidden)]
pub mod private {
    pub use super::bincode::{from_bincode, to_bincode};
    pub use super::json::{from_json, to_json};
    pub use super::serde_data::SerdeData;
}

/// Why a value could not be written or read. Holds no payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CodecError(String);

impl CodecError {
    /// An error with these words; they must not repeat the payload.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    fn null() -> Self {
        Self::new("null where the type has none: read it as an Option")
    }
}

/// A type that can travel through a topology: any owned type that can be cloned and sent.
pub trait Data: Clone + Send + 'static {}

impl<T: Clone + Send + 'static> Data for T {}

/// A type that knows its format on topics and in stores.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no format, so it cannot be read from a topic, written to one, or kept in a store",
    label = "`{Self}` does not implement `Wire`",
    note = "a type of yours: add `#[derive(Wire)]` to it, and serde's `Serialize` and `Deserialize`",
    note = "a type of another crate: wrap it in `Json<..>` or `Bincode<..>`",
    note = "a format chosen by hand: `Topic::with(name, key_codec, value_codec)`, and in the same way for a store"
)]
pub trait Wire: Data {
    /// Bytes of every value, where Kafka's `ListSerde` writes values of this type without their
    /// length: short, integer, long, float, double and UUID, and no other.
    #[doc(hidden)]
    const LIST_ENTRY_SIZE: Option<usize> = None;

    /// Bytes at the end of a key that say in which window it is: they have no part in the choice of
    /// a partition, so that all windows of a key are in one.
    #[doc(hidden)]
    const WINDOW_SUFFIX: usize = 0;

    /// The key with the end of its time window put in, which is not written with it; `end` gives it
    /// by the window's start.
    #[doc(hidden)]
    fn with_window_end(self, _end: &dyn Fn(i64) -> i64) -> Self {
        self
    }

    /// Appends the bytes of `self` to `out`. Not called when [`is_null`](Self::is_null). After an
    /// error `out` may hold a part of them.
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Reads a value from its bytes, all of them.
    fn decode(bytes: &[u8]) -> Result<Self, CodecError>;

    /// Whether `self` is written as Kafka's null. Only [`Option`] and `()` have nulls.
    fn is_null(&self) -> bool {
        false
    }

    /// What Kafka's null is read as: an error for a type that has no null.
    fn decode_null() -> Result<Self, CodecError> {
        Err(CodecError::null())
    }
}

/// A format for a type, chosen by hand: overrides what the type says of itself, or serves a type
/// that says nothing (Kafka's `Serde`).
#[doc(alias = "Serde")]
pub trait Codec<T>: Send + Sync + 'static {
    /// Appends the bytes of `value` to `out`. Not called when [`is_null`](Self::is_null). After an
    /// error `out` may hold a part of them.
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Reads a value from its bytes, all of them.
    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError>;

    /// Whether `value` is written as Kafka's null.
    fn is_null(&self, _value: &T) -> bool {
        false
    }

    /// What Kafka's null is read as: an error for a type that has no null.
    fn decode_null(&self) -> Result<T, CodecError> {
        Err(CodecError::null())
    }

    /// How many bytes at the end of a key say in which window it is: they have no part in the choice
    /// of a partition (Kafka's `WindowedStreamPartitioner`).
    fn window_suffix(&self) -> usize {
        0
    }
}

/// Reads a value, or a null, with `codec`.
pub(crate) fn decode_nullable<T: 'static>(
    codec: &dyn Codec<T>,
    bytes: Option<&[u8]>,
) -> Result<T, CodecError> {
    match bytes {
        Some(bytes) => codec.decode(bytes),
        None => codec.decode_null(),
    }
}
