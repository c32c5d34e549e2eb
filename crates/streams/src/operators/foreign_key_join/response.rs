use std::sync::Arc;

use super::value_hash;
use crate::codec::{CodecError, Data, SubscriptionResponse, Wire};
use crate::error::{BoxError, Stage};
use crate::operators::node;
use crate::processor::Node;
use crate::record::{Record, Timestamped};

/// Makes the result out of an answer and the row of the left table that asked (Kafka's
/// `ResponseJoinProcessorSupplier`). When that row has another value by now its own answer is on the
/// way, and this one is left out. `f` gives nothing where a value is missing that it needs.
pub(crate) fn response_join<K: Data, V: Wire, V2: Data, R: Data, X>(
    left: u32,
    f: Arc<X>,
) -> Box<dyn Node>
where
    X: Fn(&K, Option<V>, Option<V2>) -> Result<Option<R>, BoxError> + Send + Sync + 'static,
{
    node(move |ctx, record: Record<K, SubscriptionResponse<V2>>| {
        let Record { key, value: response, timestamp, headers } = record;
        let row: Option<Timestamped<V>> = ctx.table_value(left, &key)?;
        let row = row.map(|row| row.value).filter(|value| !value.is_null());
        let unwritable = |cause: CodecError| ctx.failure(Stage::Process, cause.into());
        if value_hash(row.as_ref()).map_err(unwritable)? != response.hash {
            return Ok(());
        }
        let value = ctx.user(f(&key, row, response.value))?;
        ctx.forward(Record { key: Some(key), value, timestamp, headers })
    })
}
