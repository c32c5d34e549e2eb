//! `#[derive(Wire)]` of millstream.
