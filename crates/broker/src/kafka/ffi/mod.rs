//! Everything that calls librdkafka directly: what its safe wrapper lacks or does too slowly. The
//! only files with `unsafe`.
#![expect(unsafe_code, reason = "librdkafka is a C library")]

mod client;
mod delivery;
mod error;
mod lists;
mod member;
mod no_headers;
mod offsets;
mod queue;
mod requests;
mod time_zero;
mod topic;

pub(super) use client::{Kind, Native};
pub(super) use delivery::Delivery;
pub(super) use error::{NativeError, code_of};
pub(super) use lists::Listed;
pub(super) use offsets::{
    LogEnd, alter_group_offsets, delete_group_offsets, group_offsets, log_end,
};
pub(super) use queue::{Consumed, MemberEvent, MessageSlots, Queue};
pub(super) use topic::Topic;
