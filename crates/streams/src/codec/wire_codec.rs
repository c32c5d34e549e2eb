//! [`WireCodec`]: the format that a type says of itself, where a [`Codec`] is asked for.

use std::sync::Arc;

use super::{Codec, CodecError, Wire};

/// A type of no size that stands for a format of `T`, without asking anything of `T`.
macro_rules! zero_sized {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<T>(std::marker::PhantomData<fn() -> T>);

        impl<T> $name<T> {
            /// The codec. It has no settings.
            pub const fn new() -> Self {
                Self(std::marker::PhantomData)
            }
        }

        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<T> Copy for $name<T> {}

        impl<T> Default for $name<T> {
            fn default() -> Self {
                Self::new()
            }
        }

        impl<T> std::fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}<{}>", stringify!($name), std::any::type_name::<T>())
            }
        }
    };
}

pub(super) use zero_sized;

zero_sized! {
    /// The format that `T` says of itself by [`Wire`], as a codec.
    ///
    /// Nulls are what `T` makes of them: an error unless `T` is an `Option` or `()`.
    ///
    /// ```
    /// use millstream::codec::{Codec, WireCodec};
    ///
    /// assert_eq!(WireCodec::<i32>::new().decode(&[0, 0, 1, 0])?, 256);
    /// # Ok::<(), millstream::codec::CodecError>(())
    /// ```
    WireCodec
}

impl<T: Wire> WireCodec<T> {
    /// The codec, ready to be handed around.
    pub fn shared() -> Arc<dyn Codec<T>> {
        Arc::new(Self::new())
    }
}

impl<T: Wire> Codec<T> for WireCodec<T> {
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        value.encode(out)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError> {
        T::decode(bytes)
    }

    fn is_null(&self, value: &T) -> bool {
        value.is_null()
    }

    fn decode_null(&self) -> Result<T, CodecError> {
        T::decode_null()
    }

    fn window_suffix(&self) -> usize {
        T::WINDOW_SUFFIX
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode_nullable;
    use super::*;

    #[test]
    fn nulls_are_what_the_type_makes_of_them() {
        let keyless = WireCodec::<Option<String>>::shared();
        assert!(keyless.is_null(&None));
        assert_eq!(decode_nullable(&*keyless, None), Ok(None));
        assert_eq!(decode_nullable(&*keyless, Some(b"a")), Ok(Some("a".to_owned())));
        assert!(decode_nullable(&*WireCodec::<String>::shared(), None).is_err());
    }

    #[test]
    fn debug_names_the_type() {
        assert_eq!(format!("{:?}", WireCodec::<i64>::new()), "WireCodec<i64>");
    }
}
