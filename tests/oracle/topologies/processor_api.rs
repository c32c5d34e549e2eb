//! Processors written by hand: forwarding, headers, punctuation. Those with stores are in
//! [`stores`].

mod stores;
mod windows;

use std::time::Duration;

use millstream::{
    BoxError, Headers, Processor, ProcessorContext, PunctuationType, Record, Schedule,
    StreamsBuilder,
};

pub(super) use self::stores::{
    process_cached_store, process_lru_store, process_store, process_timestamped_store,
    process_values,
};
pub(super) use self::windows::{
    process_session_store, process_window_store, process_window_store_unique,
};
use super::{Text, java, strings};

pub(super) type Done = Result<(), BoxError>;
pub(super) type TextContext<'c, 'n> = ProcessorContext<'c, 'n, Text, Text>;
pub(super) type TextRecord = Record<Text, Text>;

pub(super) fn loop_through_topic(b: &StreamsBuilder) {
    let one = strings(b, "in").map_values(|v| java(&v).to_owned() + "1");
    one.named("one").to("middle");
    let two = strings(b, "middle").map_values(|v| java(&v).to_owned() + "2");
    two.named("two").to("out");
}

struct AddHeader;

impl Processor<Text, Text> for AddHeader {
    type KeyOut = Text;
    type ValueOut = Text;

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        let mut headers = record.headers.clone();
        headers.push("added", Some(&[1]));
        ctx.forward(record.clone().with_headers(headers))?;
        let plain = record.clone().with_value(Some("plain".to_owned()));
        ctx.forward(plain.with_headers(Headers::new()))?;
        ctx.forward(record.with_value(Some("again".to_owned())))
    }
}

pub(super) fn process_headers(b: &StreamsBuilder) {
    let added = strings(b, "in").process(|| AddHeader).named("add");
    let marked = added.map_values(|v| java(&v).to_owned() + "!");
    marked.named("mark").to("out");
}

struct Route;

impl Processor<Text, Text> for Route {
    type KeyOut = Text;
    type ValueOut = Text;

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        match record.value.as_deref() {
            Some("A") => ctx.forward_to("one", record),
            Some("B") => {
                ctx.forward_to("two", record.clone())?;
                ctx.forward_to("two", record.with_value(Some("b".to_owned())))
            }
            _ => ctx.forward(record),
        }
    }
}

pub(super) fn process_named_children(b: &StreamsBuilder) {
    let routed = strings(b, "in").process(|| Route).named("route");
    let one = routed.map_values(|v| format!("1{}", java(&v)));
    one.named("one").to("first");
    let two = routed.map_values(|v| format!("2{}", java(&v)));
    two.named("two").to("second");
}

const INTERVAL: Duration = Duration::from_millis(10);

fn tick(time: i64, text: String) -> TextRecord {
    Record::new(Some("punctuate".to_owned()), Some(text), time)
}

#[derive(Default)]
struct TickStreamTime {
    count: u32,
}

impl Processor<Text, Text> for TickStreamTime {
    type KeyOut = Text;
    type ValueOut = Text;

    fn init(&mut self, ctx: &mut TextContext<'_, '_>) -> Done {
        ctx.schedule(INTERVAL, PunctuationType::StreamTime);
        Ok(())
    }

    fn process(&mut self, _: TextRecord, _: &mut TextContext<'_, '_>) -> Done {
        self.count += 1;
        Ok(())
    }

    fn punctuate(&mut self, _: Schedule, time: i64, ctx: &mut TextContext<'_, '_>) -> Done {
        let text = format!("{time}:{}:{}", self.count, ctx.stream_time());
        ctx.forward(tick(time, text))
    }
}

pub(super) fn process_punctuate_stream(b: &StreamsBuilder) {
    let ticks = strings(b, "in").process(TickStreamTime::default);
    ticks.named("tick").to("out");
}

#[derive(Default)]
struct TickThrice {
    calls: u32,
}

impl Processor<Text, Text> for TickThrice {
    type KeyOut = Text;
    type ValueOut = Text;

    fn init(&mut self, ctx: &mut TextContext<'_, '_>) -> Done {
        ctx.schedule(INTERVAL, PunctuationType::WallClockTime);
        Ok(())
    }

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        ctx.forward(record)
    }

    fn punctuate(&mut self, schedule: Schedule, time: i64, ctx: &mut TextContext<'_, '_>) -> Done {
        let text = format!("{time}:{}:{}", ctx.wall_clock(), ctx.stream_time());
        ctx.forward(tick(time, text))?;
        self.calls += 1;
        if self.calls == 3 {
            ctx.cancel(schedule);
        }
        Ok(())
    }
}

pub(super) fn process_punctuate_wall(b: &StreamsBuilder) {
    let ticks = strings(b, "in").process(TickThrice::default);
    ticks.named("tick").to("out");
}
