//! Numbers: big-endian, floats by their bits (Kafka's `ShortSerde`, `IntegerSerde`, `LongSerde`,
//! `FloatSerde`, `DoubleSerde`).

use super::{CodecError, Wire};

/// `bytes` as an array of exactly `N`.
pub(super) fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], CodecError> {
    bytes.try_into().map_err(|_| {
        let plural = if N == 1 { "" } else { "s" };
        CodecError::new(format!("expected {N} byte{plural}, got {}", bytes.len()))
    })
}

macro_rules! big_endian {
    ($($number:ty)*) => {$(
        impl Wire for $number {
            const LIST_ENTRY_SIZE: Option<usize> = Some(size_of::<Self>());

            fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
                out.extend_from_slice(&self.to_be_bytes());
                Ok(())
            }

            fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
                Ok(Self::from_be_bytes(exactly(bytes)?))
            }
        }
    )*};
}

big_endian!(i16 i32 i64 f32 f64);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::round_trip::{assert_round_trip, assert_survives};
    use super::*;

    #[test]
    fn a_wrong_length_is_named() {
        let error = i64::decode(&[1, 2, 3]).unwrap_err();
        assert_eq!(error.to_string(), "expected 8 bytes, got 3");
    }

    proptest! {
        #[test]
        fn integers(a: i16, b: i32, c: i64) {
            assert_round_trip(&a);
            assert_round_trip(&b);
            assert_round_trip(&c);
        }

        #[test]
        fn floats_keep_their_bits(a: u32, b: u64) {
            let (mut single, mut double) = (Vec::new(), Vec::new());
            f32::from_bits(a).encode(&mut single).unwrap();
            f64::from_bits(b).encode(&mut double).unwrap();
            prop_assert_eq!(&single, &a.to_be_bytes());
            prop_assert_eq!(&double, &b.to_be_bytes());
            prop_assert_eq!(f32::decode(&single).unwrap().to_bits(), a);
            prop_assert_eq!(f64::decode(&double).unwrap().to_bits(), b);
        }

        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            assert_survives::<i16>(&bytes);
            assert_survives::<i32>(&bytes);
            assert_survives::<i64>(&bytes);
            assert_survives::<f32>(&bytes);
            assert_survives::<f64>(&bytes);
        }
    }
}
