//! Applications on a real Kafka broker.

mod late_requests;
mod numbers;
mod torn;
