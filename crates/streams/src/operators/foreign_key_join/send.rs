use std::sync::Arc;

use super::value_hash;
use crate::codec::{CodecError, Data, Instruction, Subscription, Wire};
use crate::error::{BoxError, Stage};
use crate::operators::node;
use crate::processor::Node;
use crate::record::{Change, Record};

/// Subscribes the rows of the left table to their foreign keys (Kafka's
/// `SubscriptionSendProcessorSupplier`). A `left` join subscribes rows without a foreign key too, to
/// get their answer; otherwise they are dropped and counted.
pub(crate) fn subscription_send<K: Data, V: Wire, F: Wire, X>(
    foreign_key: Arc<X>,
    left: bool,
) -> Box<dyn Node>
where
    X: Fn(&K, &V) -> Result<Option<F>, BoxError> + Send + Sync + 'static,
{
    let key_of = move |key: &K, value: Option<&V>| -> Result<Option<F>, BoxError> {
        let Some(value) = value else { return Ok(None) };
        Ok(foreign_key(key, value)?.filter(|foreign| !foreign.is_null()))
    };
    node(move |ctx, record: Record<K, Change<V>>| {
        let Record { key, value: change, timestamp, headers } = record;
        let new = change.new.filter(|value| !value.is_null());
        let old = change.old.filter(|value| !value.is_null());
        let old_key = ctx.user(key_of(&key, old.as_ref()))?;
        let new_key = ctx.user(key_of(&key, new.as_ref()))?;
        let unreadable = |cause: CodecError| ctx.failure(Stage::Process, cause.into());
        let hash = value_hash(new.as_ref()).map_err(unreadable)?;
        let same = is_same(old_key.as_ref(), new_key.as_ref()).map_err(unreadable)?;
        if !left && new.is_some() && new_key.is_none() {
            ctx.drop_record("its foreign key is null");
        }
        let primary_partition = Some(ctx.task.id.partition);
        let sent = if left {
            left_instructions(old.is_some() || new.is_some(), old_key, new_key, same)
        } else {
            inner_instructions(old_key, new_key, same)
        };
        for (foreign, instruction) in sent.into_iter().flatten() {
            let primary_key = key.clone();
            let value = Subscription { hash, instruction, primary_key, primary_partition };
            ctx.forward(Record { key: foreign, value, timestamp, headers: headers.clone() })?;
        }
        Ok(())
    })
}

/// What is sent, and to which foreign key; the second one after the first.
type Sent<F> = [Option<(Option<F>, Instruction)>; 2];

fn left_instructions<F>(row: bool, old: Option<F>, new: Option<F>, same: bool) -> Sent<F> {
    if !row {
        // What was not there is deleted.
        return [None, None];
    }
    let leave = old.filter(|_| !same).map(|old| (Some(old), Instruction::Delete));
    // A row that has no foreign key, or no longer exists, is answered all the same.
    [leave, Some((new, Instruction::AlwaysAnswer))]
}

fn inner_instructions<F>(old: Option<F>, new: Option<F>, same: bool) -> Sent<F> {
    match (old, new) {
        (None, None) => [None, None],
        (Some(old), None) => [Some((Some(old), Instruction::DeleteAndAnswer)), None],
        (Some(old), new) if !same => {
            // An answer of nothing deletes the result with the old row.
            [Some((Some(old), Instruction::Delete)), Some((new, Instruction::AlwaysAnswer))]
        }
        (_, new) => [Some((new, Instruction::AnswerIfFound)), None],
    }
}

/// Whether two foreign keys have the same bytes.
fn is_same<F: Wire>(old: Option<&F>, new: Option<&F>) -> Result<bool, CodecError> {
    let (Some(old), Some(new)) = (old, new) else {
        return Ok(old.is_none() && new.is_none());
    };
    let (mut old_bytes, mut new_bytes) = (Vec::new(), Vec::new());
    old.encode(&mut old_bytes)?;
    new.encode(&mut new_bytes)?;
    Ok(old_bytes == new_bytes)
}
