use std::sync::Arc;

use super::node;
use crate::codec::Data;
use crate::codec::Wire;
use crate::error::BoxError;
use crate::processor::Node;
use crate::record::{Change, Record};

/// Gives the entries of a table new keys and values, old and new alike, so that the aggregation
/// behind it can undo the old one (Kafka's `KTableRepartitionMap`). Old and new travel as one record
/// when their key is the same (KIP-904), else the old one goes first. A half whose key or value is
/// null is left out.
pub(crate) fn table_group_by<K: Data, V: Data, K2: Wire + PartialEq, V2: Wire, F>(
    f: Arc<F>,
) -> Box<dyn Node>
where
    F: Fn(&K, V) -> Result<(K2, V2), BoxError> + Send + Sync + 'static,
{
    let select = move |key: &K, value: Option<V>| -> Result<Option<(K2, V2)>, BoxError> {
        let Some(value) = value else { return Ok(None) };
        let (key, value) = f(key, value)?;
        Ok((!key.is_null() && !value.is_null()).then_some((key, value)))
    };
    node(move |ctx, record: Record<K, Change<V>>| {
        let Record { key, value: change, timestamp, headers } = record;
        let new = ctx.user(select(&key, change.new))?;
        let old = ctx.user(select(&key, change.old))?;
        match (old, new) {
            (Some((old_key, old)), Some((new_key, new))) if old_key == new_key => {
                let value = Change { new: Some(new), old: Some(old) };
                ctx.forward(Record { key: old_key, value, timestamp, headers })
            }
            (old, new) => {
                if let Some((key, old)) = old {
                    let value = Change { new: None, old: Some(old) };
                    ctx.forward(Record { key, value, timestamp, headers: headers.clone() })?;
                }
                match new {
                    Some((key, new)) => {
                        let value = Change { new: Some(new), old: None };
                        ctx.forward(Record { key, value, timestamp, headers })
                    }
                    None => Ok(()),
                }
            }
        }
    })
}
