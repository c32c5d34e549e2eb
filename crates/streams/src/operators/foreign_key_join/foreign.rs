use std::ops::Bound;
use std::sync::Arc;

use millstream_state::KeyRange;

use super::subscription_codecs::SubscriptionCodecs;
use crate::codec::{CodecError, Data, SubscriptionResponse, Wire};
use crate::error::Stage;
use crate::operators::node;
use crate::processor::Node;
use crate::record::{Change, Record, Timestamped};

/// How many subscriptions are held in memory at a time, where very many rows have one foreign key.
const PAGE: usize = 256;

/// Hands each change of the right table to all rows that have subscribed to it, in byte order of
/// their combined keys (Kafka's `ForeignTableJoinProcessorSupplier`).
pub(crate) fn foreign_table_join<F: Wire, K: Wire, V2: Data>(
    store: usize,
    codecs: Arc<SubscriptionCodecs<F, K>>,
) -> Box<dyn Node> {
    node(move |ctx, record: Record<F, Change<V2>>| {
        let Record { key: foreign, value: change, timestamp, headers } = record;
        let prefix = SubscriptionCodecs::<F, K>::prefix(&foreign);
        let prefix = prefix.map_err(|cause| ctx.failure(Stage::Process, cause.into()))?;
        let mut range = KeyRange::prefix(&prefix);
        loop {
            let page: Vec<(Vec<u8>, Timestamped<Vec<u8>>)> =
                ctx.scan(store, range.clone(), PAGE)?;
            let is_last = page.len() < PAGE;
            for (key, subscription) in page {
                let subscription = codecs.read(&subscription.value);
                let unreadable = |cause: CodecError| ctx.failure(Stage::Process, cause.into());
                let subscription = subscription.map_err(unreadable)?;
                let value = SubscriptionResponse {
                    hash: subscription.hash,
                    value: change.new.clone(),
                    primary_partition: subscription.primary_partition,
                };
                let (key_out, headers) = (subscription.primary_key, headers.clone());
                ctx.forward(Record { key: key_out, value, timestamp, headers })?;
                range.start = Bound::Excluded(key);
            }
            if is_last {
                return Ok(());
            }
        }
    })
}
