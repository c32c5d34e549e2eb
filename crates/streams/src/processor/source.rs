use std::any::Any;

use millstream_broker::RecordView;

use crate::codec::CodecError;
use crate::processor::{Context, Node, NodeResult};

/// Where a sub-topology's input comes in: reads bytes and forwards records.
pub(crate) trait SourceNode: Send + Sync {
    /// The record's timestamp in milliseconds, before it is processed: decides which partition's
    /// record is taken next. `partition_time` is the highest one seen in its partition so far, or
    /// -1. Only an extractor of one's own looks into the bytes.
    fn timestamp(&self, record: &RecordView<'_>, partition_time: i64) -> Result<i64, CodecError>;

    /// Decodes the record and forwards it to the children of the node at work.
    fn read(&self, ctx: &mut Context<'_>, record: &RecordView<'_>, timestamp: i64) -> NodeResult;
}

/// Stands in the graph for a source: nothing is ever forwarded to it.
pub(crate) struct NoInput;

impl Node for NoInput {
    fn process(&self, _ctx: &mut Context<'_>, _record: &mut dyn Any) -> NodeResult {
        Ok(())
    }
}
