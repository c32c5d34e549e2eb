//! A grouping by a key that cannot be written to the repartition topic.

use millstream::StreamsBuilder;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Customer;

fn main() {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("orders")
        .group_by(|_, _| Customer);
}
