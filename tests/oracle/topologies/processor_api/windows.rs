//! Processors with stores of windows.

use millstream::{
    Materialized, NumberedWindow, Processor, SessionWindow, StoreHandle, StreamsBuilder, Windowed,
};

use super::super::windows::ms;
use super::super::{Text, strings};
use super::{Done, TextContext, TextRecord};

struct Sessions(StoreHandle<Windowed<Text, SessionWindow>, Text>);

impl Processor<Text, Text> for Sessions {
    type KeyOut = Text;
    type ValueOut = Text;

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        if record.key.is_none() {
            return Ok(());
        }
        let (key, end) = (&record.key, record.timestamp);
        let mut sessions = ctx.store(&self.0)?;
        let window = SessionWindow { start: (end - 5).max(0), end };
        sessions.put_session(key, window, record.value.clone())?;
        let mut all = String::new();
        for (session, value) in sessions.find_sessions(key, end - 3..=end + 3)? {
            let value = value.unwrap_or_default();
            all += &format!("{}-{}{value} ", session.start, session.end);
        }
        ctx.forward(record.with_value(Some(all)))
    }
}

pub(crate) fn process_session_store(b: &StreamsBuilder) {
    let store = Materialized::new("sessions").without_cache().retention(ms(1000));
    let sessions = b.add_session_store(store);
    let listed =
        strings(b, "in").process_with(&sessions.clone(), move || Sessions(sessions.clone()));
    listed.named("sessions").to("out");
}

struct Unique(StoreHandle<Windowed<Text>, Text>);

impl Processor<Text, Text> for Unique {
    type KeyOut = Text;
    type ValueOut = Text;

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        if record.key.is_none() {
            return Ok(());
        }
        let (key, time) = (&record.key, record.timestamp);
        let mut log = ctx.store(&self.0)?;
        log.put_at(key, time, record.value.clone())?;
        let found = log.fetch_reverse(key, 0..=time)?.into_iter();
        let all = found.map(|(w, value)| format!("{}{} ", w.start, value.unwrap_or_default()));
        let all = all.collect();
        ctx.forward(record.with_value(Some(all)))
    }
}

pub(crate) fn process_window_store_unique(b: &StreamsBuilder) {
    let store = Materialized::new("log").plain().without_cache().retention(ms(100));
    let log = b.add_window_store(store, ms(10));
    let listed = strings(b, "in").process_with(&log.clone(), move || Unique(log.clone()));
    listed.named("log").to("out");
}

struct Duplicates(StoreHandle<Windowed<Text, NumberedWindow>, Text>);

impl Processor<Text, Text> for Duplicates {
    type KeyOut = Text;
    type ValueOut = Text;

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        if record.key.is_none() {
            return Ok(());
        }
        let (key, time) = (&record.key, record.timestamp);
        let mut log = ctx.store(&self.0)?;
        log.put_at(key, time, record.value.clone())?;
        let found = log.fetch(key, time - 10..=time)?.into_iter();
        let all = found.map(|(w, value)| format!("{}{} ", w.start, value.unwrap_or_default()));
        let all = all.collect();
        ctx.forward(record.with_value(Some(all)))
    }
}

pub(crate) fn process_window_store(b: &StreamsBuilder) {
    let store = Materialized::new("log").plain().retention(ms(100));
    let log = b.add_numbered_window_store(store, ms(10));
    let listed = strings(b, "in").process_with(&log.clone(), move || Duplicates(log.clone()));
    listed.named("log").to("out");
}
