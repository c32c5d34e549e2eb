//! A topology node by node.

use millstream::{Materialized, Processor, StoreHandle, StreamsBuilder};

use super::processor_api::{Done, TextContext, TextRecord};
use super::{Text, java};

struct Upper;

impl Processor<Text, Text> for Upper {
    type KeyOut = Text;
    type ValueOut = Text;

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        let value = format!("{}:{}:{}", ctx.topic(), ctx.offset(), java(&record.value));
        ctx.forward(record.with_value(Some(value)))
    }
}

struct Keep(StoreHandle<String, Text>);

impl Processor<Text, Text> for Keep {
    type KeyOut = Text;
    type ValueOut = Text;

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        if let Some(key) = &record.key {
            ctx.store(&self.0)?.put(key, record.value.clone())?;
        }
        ctx.forward(record)
    }
}

pub(super) fn low_level(b: &StreamsBuilder) {
    let source = b.add_source::<Text, Text>("source", ["in", "more"]);
    let upper = b.add_processor("upper", &source, (), || Upper);
    let kept = b.add_store(Materialized::new("kept").plain().without_cache());
    let handle = kept.clone();
    let keep = b.add_processor("keep", &upper, &kept, move || Keep(handle.clone()));
    b.add_sink("sink", "out", &keep);
    b.add_sink("copy-sink", "copy", &upper);
}
