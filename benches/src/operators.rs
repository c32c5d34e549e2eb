//! Nanoseconds an operator.
fn main() {}
