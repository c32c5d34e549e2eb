//! Punctuation by stream time and by the wall clock, in the test driver.

use std::time::Duration;

use millstream::testing::{DriverOptions, TopologyTestDriver};
use millstream::{
    BoxError, Error, Processor, ProcessorContext, PunctuationType, Record, Schedule, StreamsBuilder,
};

/// Forwards the time of each call; is done after `calls` of them.
struct Ticker {
    kind: PunctuationType,
    calls: usize,
}

impl Processor<String, String> for Ticker {
    type KeyOut = String;
    type ValueOut = i64;

    fn init(&mut self, ctx: &mut ProcessorContext<'_, '_, String, i64>) -> Result<(), BoxError> {
        ctx.schedule(Duration::from_millis(10), self.kind);
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<String, String>,
        _: &mut ProcessorContext<'_, '_, String, i64>,
    ) -> Result<(), BoxError> {
        if record.value == "fail" { Err("told to".into()) } else { Ok(()) }
    }

    fn punctuate(
        &mut self,
        schedule: Schedule,
        time: i64,
        ctx: &mut ProcessorContext<'_, '_, String, i64>,
    ) -> Result<(), BoxError> {
        self.calls -= 1;
        if self.calls == 0 {
            ctx.cancel(schedule);
        }
        ctx.forward(Record::new("tick".to_owned(), time, time))
    }
}

fn driver(kind: PunctuationType, calls: usize) -> TopologyTestDriver {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").process(move || Ticker { kind, calls }).to("out");
    let options = DriverOptions { start_ms: 1000, ..DriverOptions::default() };
    TopologyTestDriver::with_options(&builder.build().unwrap(), options).unwrap()
}

fn ticks(driver: &mut TopologyTestDriver) -> Vec<i64> {
    let ticks: Vec<(String, i64)> = driver.output("out").read_all().unwrap();
    ticks.into_iter().map(|(_, time)| time).collect()
}

#[test]
fn wall_clock() {
    let mut driver = driver(PunctuationType::WallClockTime, 100);
    let mut advance = |by, expected: &[i64]| {
        driver.advance(Duration::from_millis(by)).unwrap();
        assert_eq!(ticks(&mut driver), expected, "at {}", driver.now_ms());
    };
    advance(9, &[]);
    advance(1, &[1010]);
    advance(10, &[1020]);
    // What was missed is made up for by one call, and the grid stays.
    advance(35, &[1055]);
    advance(4, &[]);
    advance(1, &[1060]);
}

#[test]
fn stream_time() {
    let mut driver = driver(PunctuationType::StreamTime, 100);
    let mut send = |timestamp, expected: &[i64]| {
        driver.input::<String, String>("in").send_at("k", "v", timestamp).unwrap();
        assert_eq!(ticks(&mut driver), expected, "at {timestamp}");
    };
    send(3, &[3]);
    send(9, &[]);
    send(10, &[10]);
    send(4, &[]);
    send(57, &[57]);
    send(60, &[60]);
    driver.advance(Duration::from_secs(60)).unwrap();
    assert!(ticks(&mut driver).is_empty(), "stream time stands still without records");
}

#[test]
fn a_schedule_can_be_cancelled() {
    let mut driver = driver(PunctuationType::WallClockTime, 2);
    for _ in 0..5 {
        driver.advance(Duration::from_millis(10)).unwrap();
    }
    assert_eq!(ticks(&mut driver), [1010, 1020]);
}

#[test]
fn the_driver_gives_the_error_of_a_record() {
    let mut driver = driver(PunctuationType::WallClockTime, 100);
    let Err(Error::Record(failure)) = driver.input::<String, String>("in").send("k", "fail") else {
        panic!("a record that failed was taken");
    };
    assert_eq!((failure.offset, failure.cause.to_string().as_str()), (0, "told to"));
}
