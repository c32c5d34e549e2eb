use std::sync::{Arc, Mutex, PoisonError};

use super::node;
use crate::codec::Data;
use crate::error::BoxError;
use crate::processor::Node;
use crate::record::Record;

type Predicate<K, V> = Arc<dyn Fn(&K, &V) -> Result<bool, BoxError> + Send + Sync>;

/// The predicates of a split, in order; they grow while the topology is written. `None` is the
/// default branch, which takes what no predicate took.
pub(crate) struct Predicates<K, V>(Arc<Mutex<Vec<Option<Predicate<K, V>>>>>);

impl<K, V> Predicates<K, V> {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    pub(crate) fn push(&self, predicate: Option<Predicate<K, V>>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(predicate);
    }

    fn snapshot(&self) -> Vec<Option<Predicate<K, V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<K, V> Clone for Predicates<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Sends each record to the child of the first predicate that holds (Kafka's `KStreamBranch`).
pub(crate) fn branch<K: Data, V: Data>(predicates: &Predicates<K, V>) -> Box<dyn Node> {
    let predicates = predicates.snapshot();
    node(move |ctx, record: Record<K, V>| {
        for (child, predicate) in predicates.iter().enumerate() {
            if let Some(predicate) = predicate
                && ctx.user(predicate(&record.key, &record.value))?
            {
                return ctx.forward_to(child, record);
            }
        }
        match predicates.iter().position(Option::is_none) {
            Some(default) => ctx.forward_to(default, record),
            None => Ok(()),
        }
    })
}
