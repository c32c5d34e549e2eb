//! Broker semantics, written against the port.

mod smoke;
