//! `#[derive(Wire)]` on the shapes that types come in.

use std::marker::PhantomData;

use millstream::codec::{Wire, WireCodec};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Wire)]
struct Json {
    item: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Wire)]
#[wire(json)]
enum JsonEnum {
    Placed { item: String },
    Counted(u32),
    Closed,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Wire)]
#[wire(bincode)]
struct Pair(u8, String);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Wire)]
#[serde(bound = "T: Serialize + DeserializeOwned")]
struct Envelope<T, M = (), const N: usize = 1>
where
    T: PartialEq,
{
    content: T,
    #[serde(skip)]
    marker: PhantomData<M>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Wire)]
struct Unit;

fn check<T: Wire + std::fmt::Debug + PartialEq>(value: T, expected: &[u8]) {
    let mut bytes = Vec::new();
    value.encode(&mut bytes).unwrap();
    assert_eq!(bytes, expected, "{value:?}");
    assert_eq!(T::decode(&bytes).unwrap(), value);
    assert!(T::decode(b"garbage").is_err());
    assert!(T::decode_null().is_err());
    let _ = WireCodec::<Option<T>>::shared();
}

fn main() {
    check(Json { item: "tea".into() }, br#"{"item":"tea"}"#);
    check(
        JsonEnum::Placed { item: "tea".into() },
        br#"{"Placed":{"item":"tea"}}"#,
    );
    check(JsonEnum::Counted(7), br#"{"Counted":7}"#);
    check(JsonEnum::Closed, br#""Closed""#);
    check(Pair(7, "tea".into()), b"\x07\x03tea");
    check(Unit, b"null");
    check(
        Envelope::<u32> {
            content: 7,
            marker: PhantomData,
        },
        br#"{"content":7}"#,
    );
    check(
        Envelope::<_, u8, 3> {
            content: Unit,
            marker: PhantomData,
        },
        br#"{"content":null}"#,
    );
}
