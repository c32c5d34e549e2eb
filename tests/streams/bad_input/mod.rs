//! What users get wrong, and what they are told: the name of the thing and the remedy.

mod configs;
mod directories;
mod many_sessions;
mod records;
mod stores;
mod topics;
mod topologies;
mod unnamed_state;
mod windows;

/// Every part of `expected` is in the message.
#[track_caller]
fn assert_says(error: impl std::fmt::Display, expected: &[&str]) {
    let message = error.to_string();
    for part in expected {
        assert!(message.contains(part), "no '{part}' in: {message}");
    }
}
