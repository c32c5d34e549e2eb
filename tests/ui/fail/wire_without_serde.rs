//! `#[derive(Wire)]` without the derives of serde that it stands on.

use millstream::codec::Wire;

#[derive(Clone, Wire)]
struct Order {
    item: String,
}

fn main() {}
