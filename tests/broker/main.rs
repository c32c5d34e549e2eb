//! Broker semantics, written against the port.
