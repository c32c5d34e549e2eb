//! JSON by `serde_json`: what `#[derive(Wire)]` writes unless told otherwise.
//!
//! Errors say where and of which kind, never what stood there: `serde_json`'s own words quote the
//! payload.

use std::any::type_name;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use super::CodecError;
use super::serde_data::{serde_codec, serde_wrapper};

/// Appends `value` as compact JSON. A map whose keys are neither text nor numbers is
/// an error.
pub fn to_json<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    serde_json::to_writer(out, value)
        .map_err(|_| CodecError::new(format!("`{}` cannot be written as JSON", type_name::<T>())))
}

/// Reads a value from JSON; nothing but white space may follow.
pub fn from_json<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, CodecError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let category = match error.classify() {
            Category::Data => "JSON that does not fit the type",
            Category::Eof => "JSON that ends too early",
            Category::Syntax | Category::Io => "not JSON",
        };
        CodecError::new(format!(
            "{category} at line {} column {}, reading `{}`",
            error.line(),
            error.column(),
            type_name::<T>()
        ))
    })
}

serde_wrapper! {
    /// A value written as JSON: gives a format to a type that has serde's traits but no
    /// [`Wire`](super::Wire), such as one of another crate.
    ///
    /// Bytes that are not the JSON of `T` are an error. `Json(None)` is the text `null`, not
    /// Kafka's null: that is `None::<Json<T>>`.
    ///
    /// ```
    /// use millstream::codec::{Json, Wire};
    ///
    /// let mut bytes = Vec::new();
    /// Json(vec![1, 2]).encode(&mut bytes)?;
    /// assert_eq!(bytes, b"[1,2]");
    /// assert_eq!(*Json::<Vec<i32>>::decode(&bytes)?, [1, 2]);
    /// # Ok::<(), millstream::codec::CodecError>(())
    /// ```
    Json, to_json, from_json
}

serde_codec! {
    /// JSON for a type with serde's traits, as a codec: for a topic whose format is not the one
    /// that the type says of itself.
    ///
    /// Bytes that are not the JSON of `T`, and nulls, are errors.
    JsonCodec, to_json, from_json
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Codec;
    use super::super::round_trip::{assert_round_trip, assert_survives};
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Order {
        item: String,
        count: Option<u32>,
    }

    #[test]
    fn errors_do_not_repeat_the_payload() {
        let cases = [
            (r#"{"item":"secret","count":"secret"}"#, "JSON that does not fit the type at line 1"),
            (r#"{"item":"secret"#, "JSON that ends too early at line 1"),
            ("{\n secret}", "not JSON at line 2"),
            (r#"{"item":"secret","count":1} secret"#, "not JSON at line 1"),
        ];
        for (text, expected) in cases {
            let error = from_json::<Order>(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn what_json_has_no_words_for_is_an_error() {
        let map = BTreeMap::from([((1, 2), 3)]);
        let error = to_json(&map, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().ends_with("cannot be written as JSON"), "{error}");
    }

    proptest! {
        #[test]
        fn any_value(item: String, count: Option<u32>) {
            let order = Order { item, count };
            assert_round_trip(&Json(order.clone()));
            assert_round_trip(&Some(Json(order.clone())));
            let mut bytes = Vec::new();
            JsonCodec::new().encode(&order, &mut bytes).unwrap();
            prop_assert_eq!(JsonCodec::new().decode(&bytes), Ok(order));
        }

        #[test]
        fn any_bytes(bytes: Vec<u8>, text in r#"[\[\]{}":,0-9nul ]{0,20}"#) {
            assert_survives::<Json<Order>>(&bytes);
            assert_survives::<Json<serde_json::Value>>(text.as_bytes());
        }
    }
}
