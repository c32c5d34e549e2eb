use std::sync::Arc;

use super::node;
use crate::codec::{Codec, Data};
use crate::processor::Node;
use crate::record::Record;

/// Drops records without a key before a repartition topic, unless what follows takes them. As in
/// Kafka Streams these drops are not counted (`InternalStreamsBuilder.rewriteRepartitionNodes`).
pub(crate) fn repartition_filter<K: Data, V: Data>(
    key: Arc<dyn Codec<K>>,
    keeps_null_keys: bool,
) -> Box<dyn Node> {
    node(
        move |ctx, record: Record<K, V>| {
            if !keeps_null_keys && key.is_null(&record.key) { Ok(()) } else { ctx.forward(record) }
        },
    )
}
