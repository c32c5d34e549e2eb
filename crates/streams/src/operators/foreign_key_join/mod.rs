//! A join of two tables over a foreign key, in five nodes. Rows of the left table *send*
//! subscriptions to where their foreign key is; there they are *received* and kept, and *joined* at
//! once with the right row; a *foreign* row that changes goes to all that have subscribed to it.
//! The *response* comes back to where the left row is, and is used if that is still the same.

mod foreign;
mod receive;
mod response;
mod send;
mod subscription_codecs;
mod subscription_join;

pub(crate) use foreign::foreign_table_join;
pub(crate) use receive::subscription_receive;
pub(crate) use response::response_join;
pub(crate) use send::subscription_send;
pub(crate) use subscription_codecs::SubscriptionCodecs;
pub(crate) use subscription_join::subscription_join;

use crate::codec::{CodecError, ValueHash, Wire, murmur3_128};

/// The hash of a left value, by which a response is known to be out of date.
fn value_hash<V: Wire>(value: Option<&V>) -> Result<ValueHash, CodecError> {
    let Some(value) = value else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    value.encode(&mut bytes)?;
    Ok(Some(murmur3_128(&bytes)))
}
