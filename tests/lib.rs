//! Tests that stand above single crates: one binary a folder.
