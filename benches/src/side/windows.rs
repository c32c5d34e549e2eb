//! Counts in windows.

use std::time::Duration;

use millstream::{SessionWindows, SlidingWindows, StreamsBuilder, TimeWindows};

use crate::Failure;
use crate::arguments::Arguments;
use crate::counted::Counts;
use crate::workloads::{keyed, sink};

const GRACE: Duration = Duration::from_secs(1);

pub fn windows(
    builder: &StreamsBuilder,
    arguments: &Arguments,
    counts: &Counts,
) -> Result<(), Failure> {
    let input = |otherwise| keyed(builder, arguments.input(otherwise), counts).group_by_key();
    let (ms, s) = (Duration::from_millis, Duration::from_secs);
    match arguments.workload.as_str() {
        "w4-tumbling" => input("in")
            .windowed_by(TimeWindows::tumbling(s(1)).grace(GRACE))
            .count("counts")
            .to(sink(arguments, counts)),
        "w4-hopping" => input("in-short")
            .windowed_by(TimeWindows::hopping(s(10), s(1)).grace(GRACE))
            .count("counts")
            .to(sink(arguments, counts)),
        "w4-session" => input("in-small")
            .windowed_by(SessionWindows::of_inactivity_gap(ms(200)).grace(GRACE))
            .count("counts")
            .to(sink(arguments, counts)),
        "w4-sliding" => input("in-small")
            .windowed_by(SlidingWindows::of_time_difference(ms(500)).grace(GRACE))
            .count("counts")
            .to(sink(arguments, counts)),
        unknown => return Err(format!("unknown workload {unknown}").into()),
    }
    Ok(())
}
