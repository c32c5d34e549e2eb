//! What the formats on top of serde share: the types they can write, and the shape of their
//! wrapper and codec.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Data;

/// [`Data`] with serde's traits. Implemented for every such type.
pub trait SerdeData: Serialize + DeserializeOwned + Data {}

impl<T: Serialize + DeserializeOwned + Data> SerdeData for T {}

/// A wrapper whose format is `$write` and `$read`.
macro_rules! serde_wrapper {
    ($(#[$doc:meta])* $name:ident, $write:ident, $read:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name<T>(pub T);

        impl<T: $crate::codec::private::SerdeData> $crate::codec::Wire for $name<T> {
            fn encode(&self, out: &mut Vec<u8>) -> Result<(), $crate::codec::CodecError> {
                $write(&self.0, out)
            }

            fn decode(bytes: &[u8]) -> Result<Self, $crate::codec::CodecError> {
                $read(bytes).map(Self)
            }
        }

        impl<T> std::ops::Deref for $name<T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0
            }
        }

        impl<T> std::ops::DerefMut for $name<T> {
            fn deref_mut(&mut self) -> &mut T {
                &mut self.0
            }
        }

        impl<T> From<T> for $name<T> {
            fn from(value: T) -> Self {
                Self(value)
            }
        }
    };
}

/// A codec whose format is `$write` and `$read`.
macro_rules! serde_codec {
    ($(#[$doc:meta])* $name:ident, $write:ident, $read:ident) => {
        $crate::codec::wire_codec::zero_sized! { $(#[$doc])* $name }

        impl<T: $crate::codec::private::SerdeData> $crate::codec::Codec<T> for $name<T> {
            fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), $crate::codec::CodecError> {
                $write(value, out)
            }

            fn decode(&self, bytes: &[u8]) -> Result<T, $crate::codec::CodecError> {
                $read(bytes)
            }
        }
    };
}

pub(super) use serde_codec;
pub(super) use serde_wrapper;
