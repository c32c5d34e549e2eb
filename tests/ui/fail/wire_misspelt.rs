//! `#[wire(..)]` with a format that is none.

use millstream::codec::Wire;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, Wire)]
#[wire(jsno)]
struct Order {
    item: String,
}

fn main() {}
