//! An aggregate whose state cannot be kept in a store.

use millstream::StreamsBuilder;

#[derive(Clone)]
struct Total(i64);

fn main() {
    let builder = StreamsBuilder::new();
    let orders = builder.stream::<String, String>("orders").group_by_key();
    orders.aggregate("totals", || Total(0), |_, _, total| Total(total.0 + 1));
}
