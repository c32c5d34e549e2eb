use super::TopologyTestDriver;
use crate::codec::Wire;
use crate::dsl::{KStream, StreamsBuilder};

/// How a key or value is written in the rows of [`check`]: as its text, a null as `-`.
pub trait Shown {
    /// The text.
    fn shown(&self) -> String;
}

macro_rules! shown_as_text {
    ($($type:ty),*) => {$(
        impl Shown for $type {
            fn shown(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

shown_as_text!(String, bool, i16, i32, i64, f32, f64);

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> String {
        self.as_ref().map_or_else(|| "-".to_owned(), Shown::shown)
    }
}

/// Runs a piece of a topology on rows of text and compares what comes out. A row is
/// `key:value@timestamp`, rows are separated by spaces. An input without a timestamp has 0; timestamps
/// of the output are compared when `expected` has any.
///
/// ```
/// use millstream::testing::check;
/// check(|stream| stream.map_values(|value| value + "!"), "a:1@5 b:2", "a:1!@5 b:2!@0");
/// ```
///
/// # Panics
///
/// When the topology is not valid, a record fails, or something else comes out.
#[track_caller]
pub fn check<K: Wire + Shown, V: Wire + Shown>(
    build: impl FnOnce(KStream<String, String>) -> KStream<K, V>,
    input: &str,
    expected: &str,
) {
    check_with(|_, stream| build(stream), input, expected);
}

/// As [`check`], for pieces that need the builder too.
///
/// # Panics
///
/// As [`check`].
#[track_caller]
pub fn check_with<K: Wire + Shown, V: Wire + Shown>(
    build: impl FnOnce(&StreamsBuilder, KStream<String, String>) -> KStream<K, V>,
    input: &str,
    expected: &str,
) {
    let builder = StreamsBuilder::new();
    build(&builder, builder.stream("in")).to("out");
    let topology = builder.build().unwrap_or_else(|error| panic!("{error}"));
    let mut driver = TopologyTestDriver::new(&topology).unwrap_or_else(|error| panic!("{error}"));
    for row in input.split_whitespace() {
        let (entry, timestamp) = row.split_once('@').unwrap_or((row, "0"));
        let (key, value) = entry.split_once(':').unwrap_or_else(|| panic!("'{row}' has no ':'"));
        let timestamp = timestamp.parse().unwrap_or_else(|_| panic!("'{row}': bad timestamp"));
        let sent = driver.input::<String, String>("in").send_at(key, value, timestamp);
        sent.unwrap_or_else(|error| panic!("{row}: {error}"));
    }
    let records = driver.output::<K, V>("out").read_records();
    let records = records.unwrap_or_else(|error| panic!("{error}"));
    let with_time = expected.contains('@');
    let actual: Vec<String> = records
        .into_iter()
        .map(|consumed| {
            let record = consumed.record;
            let time = if with_time { format!("@{}", record.timestamp) } else { String::new() };
            format!("{}:{}{time}", record.key.shown(), record.value.shown())
        })
        .collect();
    let expected: Vec<&str> = expected.split_whitespace().collect();
    assert_eq!(actual, expected, "for the input {input}");
}
