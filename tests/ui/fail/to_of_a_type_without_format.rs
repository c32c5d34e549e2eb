//! A stream written to a topic by its name alone, of a type that does not know its format.

use millstream::StreamsBuilder;

#[derive(Clone)]
struct Order;

fn main() {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("texts")
        .map_values(|_| Order)
        .to("orders");
}
