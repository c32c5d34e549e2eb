use std::sync::Arc;

use super::subscription_codecs::SubscriptionCodecs;
use crate::codec::{Instruction, Subscription, Wire};
use crate::error::Stage;
use crate::operators::node;
use crate::processor::Node;
use crate::record::Record;

/// Keeps the subscriptions that come in, and ends those that are to end (Kafka's
/// `SubscriptionReceiveProcessorSupplier`). What has no foreign key is not kept; it is only answered.
pub(crate) fn subscription_receive<F: Wire, K: Wire>(
    store: usize,
    codecs: Arc<SubscriptionCodecs<F, K>>,
) -> Box<dyn Node> {
    node(move |ctx, record: Record<Option<F>, Subscription<K>>| {
        let subscription = &record.value;
        let Some(foreign) = &record.key else {
            if subscription.instruction != Instruction::AlwaysAnswer {
                ctx.drop_record("its foreign key is null");
                return Ok(());
            }
            return ctx.forward(record);
        };
        let unwritable =
            |cause: crate::codec::CodecError| ctx.failure(Stage::Process, cause.into());
        let key = codecs.key(foreign, &subscription.primary_key).map_err(unwritable)?;
        let kept = if subscription.instruction.deletes() {
            None
        } else {
            Some(codecs.value(subscription).map_err(unwritable)?)
        };
        ctx.put(store, &key, kept, record.timestamp, &record.headers)?;
        ctx.forward(record)
    })
}
