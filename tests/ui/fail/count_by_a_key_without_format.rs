//! A count whose key cannot be kept in a store.

use millstream::StreamsBuilder;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Customer;

fn main() {
    let builder = StreamsBuilder::new();
    let orders = builder.stream::<String, String>("orders");
    orders
        .map(|_, order| (Customer, order))
        .group_by_key()
        .count("counts");
}
