//! Processors with key-value stores.

use millstream::{
    FixedKeyContext, FixedKeyProcessor, Materialized, Processor, Record, StoreHandle,
    StreamsBuilder, Timestamped,
};

use super::super::{Text, java, strings};
use super::{Done, TextContext, TextRecord};

struct Count(StoreHandle<String, i64>);

impl Processor<Text, Text> for Count {
    type KeyOut = Text;
    type ValueOut = Text;

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        let mut seen = ctx.store(&self.0)?;
        let text = match (&record.key, &record.value) {
            (None, _) => "no key".to_owned(),
            (Some(key), None) => {
                let before = seen.delete(key)?.map(|n| n.to_string());
                format!("was {}", java(&before))
            }
            (Some(key), Some(value)) => {
                let n = seen.get(key)?.unwrap_or(0) + 1;
                seen.put(key, n)?;
                format!("{value}{n}")
            }
        };
        ctx.forward(record.with_value(Some(text)))
    }
}

pub(crate) fn process_store(b: &StreamsBuilder) {
    let seen = b.add_store(Materialized::new("seen").plain().without_cache());
    let counted = strings(b, "in").process_with(&seen.clone(), move || Count(seen.clone()));
    counted.named("count").to("out");
}

struct Latest(StoreHandle<String, String>);

impl Processor<Text, Text> for Latest {
    type KeyOut = Text;
    type ValueOut = Text;

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        let Some(key) = &record.key else {
            return Ok(());
        };
        let mut latest = ctx.store(&self.0)?;
        match record.value.clone() {
            Some(value) => {
                let timestamp = record.timestamp * 10;
                latest.put_timestamped(key, Timestamped { value, timestamp })?;
            }
            None => {
                latest.delete(key)?;
            }
        }
        let mut all = String::new();
        let middle: Vec<(String, String)> =
            latest.range("b".to_owned()..="d".to_owned())?.collect::<Result<_, _>>()?;
        for (key, value) in middle {
            let entry = latest.get_timestamped(&key)?;
            let timestamp = entry.map_or(-1, |entry| entry.timestamp);
            all += &format!("{key}{value}{timestamp} ");
        }
        all.push('|');
        for entry in latest.range_reverse(..)? {
            all += &entry?.0;
        }
        ctx.forward(record.with_value(Some(all)))
    }
}

pub(crate) fn process_timestamped_store(b: &StreamsBuilder) {
    let latest = b.add_store(Materialized::new("latest").without_cache());
    let listed = strings(b, "in").process_with(&latest.clone(), move || Latest(latest.clone()));
    listed.named("latest").to("out");
}

struct Cached(StoreHandle<String, String>);

impl Processor<Text, Text> for Cached {
    type KeyOut = Text;
    type ValueOut = Text;

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        let (Some(key), Some(value)) = (&record.key, &record.value) else {
            return Ok(());
        };
        let mut store = ctx.store(&self.0)?;
        let named = |name: &str| name.to_owned();
        store.put(key, value.clone())?;
        store.put(&named("last"), key.clone())?;
        let first = store.put_if_absent(&named("first"), key.clone())?;
        store.put(&named("x"), value.clone())?;
        store.put(&named("x"), format!("{value}2"))?;
        store.delete(&named("never"))?;
        let x = store.get(&named("x"))?;
        let text = format!("{},{}", java(&first), java(&x));
        ctx.forward(record.with_value(Some(text)))
    }
}

pub(crate) fn process_cached_store(b: &StreamsBuilder) {
    let cached = b.add_store(Materialized::new("cached").plain());
    let merged = strings(b, "in").process_with(&cached.clone(), move || Cached(cached.clone()));
    merged.named("cached").to("out");
}

struct Last(StoreHandle<String, Text>);

impl FixedKeyProcessor<Text, Text> for Last {
    type ValueOut = Text;

    fn process(
        &mut self,
        key: &Text,
        value: Text,
        ctx: &mut FixedKeyContext<'_, '_, '_, Text, Text>,
    ) -> Done {
        let ctx = ctx.context();
        let before = match key {
            Some(key) => {
                let mut last = ctx.store(&self.0)?;
                let before = last.get(key)?.flatten();
                last.put(key, value.clone())?;
                java(&before).to_owned()
            }
            None => "-".to_owned(),
        };
        let text = format!("{before}>{}", java(&value));
        let (timestamp, headers) = (ctx.timestamp() + 1000, ctx.headers().clone());
        let record = Record::new(key.clone(), Some(text), timestamp);
        ctx.forward(record.with_headers(headers))
    }
}

pub(crate) fn process_values(b: &StreamsBuilder) {
    let last = b.add_store(Materialized::new("last").plain().without_cache());
    let pairs = strings(b, "in").process_values(&last.clone(), move || Last(last.clone()));
    pairs.named("last").to("out");
}

struct Lru(StoreHandle<String, Text>);

impl Processor<Text, Text> for Lru {
    type KeyOut = Text;
    type ValueOut = Text;

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        let Some(key) = &record.key else { return Ok(()) };
        let before = ctx.store(&self.0)?.get(key)?.flatten();
        ctx.store(&self.0)?.put(key, record.value.clone())?;
        let value = format!("{}>{}", java(&before), java(&record.value));
        ctx.forward(record.with_value(Some(value)))
    }
}

pub(crate) fn process_lru_store(b: &StreamsBuilder) {
    let lru = b.add_store(Materialized::new("lru").plain().lru(2));
    let handle = lru.clone();
    let used = strings(b, "in").process_with(&lru, move || Lru(handle.clone()));
    used.named("lru").to("out");
}
