//! `#[derive(Wire)]` on a type that cannot be handed to two operators.

use millstream::codec::Wire;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Wire)]
struct Order {
    item: String,
}

fn main() {}
