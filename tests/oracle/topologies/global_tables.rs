//! Global tables and stores.

use millstream::{
    GlobalKTable, GlobalStoreHandle, Materialized, Processor, ProcessorContext, Record,
    StoreHandle, StreamsBuilder,
};

use super::processor_api::{Done, TextContext, TextRecord};
use super::{Text, java, strings};

fn global(b: &StreamsBuilder) -> GlobalKTable<String, String> {
    b.global_table("global", "global-store")
}

fn lower(value: &Text) -> Option<String> {
    value.as_deref().filter(|value| *value != "C").map(str::to_lowercase)
}

pub(super) fn global_table_inner(b: &StreamsBuilder) {
    let global = global(b);
    let joined = strings(b, "stream").join_global_table(
        &global,
        |_, v| lower(v),
        |_, v, g| format!("{}+{g}", java(&v)),
    );
    joined.named("join").to("out");
}

pub(super) fn global_table_left(b: &StreamsBuilder) {
    let global = global(b);
    let joined = strings(b, "stream").left_join_global_table(
        &global,
        |_, v| lower(v),
        |_, v, g| format!("{}+{}", java(&v), java(&g)),
    );
    joined.named("join").to("out");
}

struct Settings(StoreHandle<String, Text>);

impl Processor<Text, Text> for Settings {
    type KeyOut = ();
    type ValueOut = ();

    fn process(&mut self, record: TextRecord, ctx: &mut ProcessorContext<'_, '_, (), ()>) -> Done {
        let Record { key: Some(key), value, .. } = record else { return Ok(()) };
        Ok(ctx.store(&self.0)?.put(&key, value)?)
    }
}

struct Read(GlobalStoreHandle<String, Text>);

impl Processor<Text, Text> for Read {
    type KeyOut = Text;
    type ValueOut = Text;

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        let setting = match &record.key {
            Some(key) => ctx.global_store(&self.0)?.get(key)?.flatten(),
            None => None,
        };
        let value = format!("{}/{}", java(&record.value), java(&setting));
        ctx.forward(record.with_value(Some(value)))
    }
}

pub(super) fn process_global_store(b: &StreamsBuilder) {
    let store = Materialized::new("settings-store").plain();
    let settings = b.add_global_store(store, "settings", |store| Settings(store.clone()));
    let read = strings(b, "in").process(move || Read(settings.clone()));
    read.named("read").to("out");
}
