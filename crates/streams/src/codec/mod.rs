//! Formats: how keys and values become bytes.

/// Why a value could not be written or read. Holds no payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CodecError(String);

impl CodecError {
    /// An error with these words; they must not repeat the payload.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// A type that can travel through a topology: any owned type that can be cloned and sent.
pub trait Data: Clone + Send + 'static {}

impl<T: Clone + Send + 'static> Data for T {}

/// A type that knows its format on topics and in stores.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no format, so it cannot be read from a topic, written to one, or kept in a store",
    label = "`{Self}` does not implement `Wire`",
    note = "add `#[derive(Wire)]` to it (with serde's `Serialize` and `Deserialize`), wrap it in `Json<..>` or `Bincode<..>`, or give the topic its formats with `Topic::with(name, key_codec, value_codec)`"
)]
pub trait Wire: Data {
    /// Appends the bytes of `self` to `out`. Not called when [`is_null`](Self::is_null).
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Reads a value from its bytes, all of them.
    fn decode(bytes: &[u8]) -> Result<Self, CodecError>;

    /// Whether `self` is written as Kafka's null. Only [`Option`] and `()` have nulls.
    fn is_null(&self) -> bool {
        false
    }

    /// What Kafka's null is read as: an error for a type that has no null.
    fn decode_null() -> Result<Self, CodecError> {
        Err(CodecError::new(
            "null where the type has none: read it as an Option",
        ))
    }
}

/// A format for a type, chosen by hand: overrides what the type says of itself, or serves a type
/// that says nothing (Kafka's `Serde`).
#[doc(alias = "Serde")]
pub trait Codec<T: 'static>: Send + Sync + 'static {
    /// Appends the bytes of `value` to `out`. Not called when [`is_null`](Self::is_null).
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Reads a value from its bytes, all of them.
    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError>;

    /// Whether `value` is written as Kafka's null.
    fn is_null(&self, _value: &T) -> bool {
        false
    }

    /// What Kafka's null is read as: an error for a type that has no null.
    fn decode_null(&self) -> Result<T, CodecError> {
        Err(CodecError::new(
            "null where the type has none: read it as an Option",
        ))
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
