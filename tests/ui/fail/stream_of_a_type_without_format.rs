//! A topic read by its name alone, into a type that does not know its format.

use millstream::StreamsBuilder;

#[derive(Clone)]
struct Order;

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, Order>("orders");
}
