//! `#[wire(..)]` where it would mean nothing, or too much.

use millstream::codec::Wire;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, Wire)]
struct OnField {
    #[wire(bincode)]
    item: String,
}

#[derive(Clone, Serialize, Deserialize, Wire)]
enum OnVariant {
    #[wire(json)]
    Placed,
}

#[derive(Clone, Serialize, Deserialize, Wire)]
#[wire(json)]
#[wire(bincode)]
struct Twice;

#[derive(Clone, Serialize, Deserialize, Wire)]
#[wire(json, bincode)]
struct Both;

#[derive(Clone, Serialize, Deserialize, Wire)]
#[wire]
struct Neither;

#[derive(Clone, Copy, Wire)]
union Either {
    number: u32,
    bits: f32,
}

fn main() {}
