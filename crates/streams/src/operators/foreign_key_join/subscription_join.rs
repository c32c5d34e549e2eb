use crate::codec::{Data, Instruction, Subscription, SubscriptionResponse};
use crate::operators::node;
use crate::processor::Node;
use crate::record::{Record, Timestamped};

/// Answers a subscription with the present row of the right table (Kafka's
/// `SubscriptionJoinProcessorSupplier`). The answer has the higher timestamp of the two.
pub(crate) fn subscription_join<F: Data, K: Data, V2: Data>(right: u32) -> Box<dyn Node> {
    node(move |ctx, record: Record<Option<F>, Subscription<K>>| {
        let Record { key: foreign, value: subscription, timestamp, headers } = record;
        let Subscription { hash, instruction, primary_key, primary_partition } = subscription;
        if instruction == Instruction::Delete {
            return Ok(());
        }
        let found: Option<Timestamped<V2>> = match &foreign {
            Some(foreign) => ctx.table_value(right, foreign)?,
            None => None,
        };
        if instruction == Instruction::AnswerIfFound && found.is_none() {
            return Ok(());
        }
        let time = found.as_ref().map_or(timestamp, |found| found.timestamp.max(timestamp));
        let value = found.map(|found| found.value).filter(|_| !instruction.deletes());
        let value = SubscriptionResponse { hash, value, primary_partition };
        ctx.forward(Record { key: primary_key, value, timestamp: time, headers })
    })
}
