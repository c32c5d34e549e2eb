//! Global stores, and a topology whose nodes are all named by hand.

use millstream::{Materialized, Processor, StoreHandle, StreamsBuilder};

use super::{Done, Text, TextContext, TextRecord, java, strings};

/// Keeps what comes, as it is.
struct Keep {
    store: StoreHandle<String, Text>,
    forwards: bool,
}

impl Processor<Text, Text> for Keep {
    type KeyOut = Text;
    type ValueOut = Text;

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        if let Some(key) = &record.key {
            ctx.store(&self.store)?.put(key, record.value.clone())?;
        }
        if self.forwards { ctx.forward(record) } else { Ok(()) }
    }
}

struct ReadSetting(StoreHandle<String, Text>);

impl Processor<Text, Text> for ReadSetting {
    type KeyOut = Text;
    type ValueOut = Text;

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        let found = match &record.key {
            Some(key) => ctx.global_store(&self.0)?.get(key)?.flatten(),
            None => None,
        };
        let value = format!("{}/{}", java(&record.value), java(&found));
        ctx.forward(record.with_value(Some(value)))
    }
}

pub(crate) fn process_global_store(b: &StreamsBuilder) {
    let store = Materialized::new("settings-store").plain();
    let settings = b.add_global_store(store, "settings", |store: &StoreHandle<String, Text>| {
        Keep { store: store.clone(), forwards: false }
    });
    let read = strings(b, "in").process(move || ReadSetting(settings.clone()));
    read.named("read").to("out");
}

/// Says where a record came from.
struct Upper;

impl Processor<Text, Text> for Upper {
    type KeyOut = Text;
    type ValueOut = Text;

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        let value = format!("{}:{}:{}", ctx.topic(), ctx.offset(), java(&record.value));
        ctx.forward(record.with_value(Some(value)))
    }
}

pub(crate) fn low_level(b: &StreamsBuilder) {
    let kept = b.add_store(Materialized::new("kept").plain().without_cache());
    let source = b.stream_of::<Text, Text>("in", ["more"]).named("source");
    let upper = source.process(|| Upper).named("upper");
    let store = kept.clone();
    let keep = move || Keep { store: store.clone(), forwards: true };
    upper.process_with(&kept, keep).named("keep").to_named("sink", "out");
    upper.to_named("copy-sink", "copy");
}
