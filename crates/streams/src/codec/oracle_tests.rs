//! The bytes that Kafka Streams itself wrote, row by row of `tests/oracle/cases/formats.jsonl`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use millstream_broker::{murmur2, partition_for_key};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::varint::{read_varint, write_varint};
use super::{
    BufferedChange, ChangeCodec, Codec, CodecError, CombinedKey, CombinedKeyCodec, Instruction,
    List, RecordContext, Subscription, SubscriptionCodec, SubscriptionResponse,
    SubscriptionResponseCodec, TimeWindowedCodec, WindowStoreCodec, Wire, WireCodec,
    decode_nullable, decode_offset_metadata, decode_timestamped, encode_foreign_key,
    encode_offset_metadata, encode_timestamped, murmur3_128,
};
use crate::record::{
    Change, Headers, NumberedWindow, SessionWindow, TimeWindow, Timestamped, Windowed,
};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/oracle/cases/formats.jsonl");

/// Formats of operators that are still to be written, and other encodings of text, which Kafka
/// Streams never uses of its own accord.
const LATER: &[&str] = &[
    "aggregation_with_headers",
    "checkpoint",
    "headers",
    "outer_join.key",
    "outer_join.list",
    "outer_join.value",
    "position",
    "serde.string_encoding",
    "value_timestamp_headers",
    "versioned.segment_row",
];

/// How Kafka Streams lays windows out on its own disk. Nobody else reads it, and our index is another
/// one: in front of both stands the segment, and the index begins with the time.
const NOT_OURS: &[&str] = &[
    "session_key.store_index",
    "session_key.store_time_first",
    "window_key.store_index",
    "window_key.store_time_first",
];

/// Formats that have a test here.
const NOW: &[(&str, fn(&Row))] = &[
    ("change", change),
    ("foreign_key.combined_key", combined_key),
    ("foreign_key.prefix", foreign_key_prefix),
    ("foreign_key.response", subscription_response),
    ("foreign_key.subscription", subscription),
    ("murmur3_128", murmur3),
    ("offset_metadata", offset_metadata),
    ("partition", partition),
    ("record_context", record_context),
    ("serde.boolean", |row| serde(row, bool::from_str)),
    ("serde.byte_array", |row| serde(row, hex)),
    ("serde.byte_buffer", |row| serde(row, hex)),
    ("serde.bytes", |row| serde(row, hex)),
    ("serde.double", |row| serde(row, f64::from_str)),
    ("serde.float", |row| serde(row, f32::from_str)),
    ("serde.integer", |row| serde(row, i32::from_str)),
    ("serde.list", list),
    ("serde.long", |row| serde(row, i64::from_str)),
    ("serde.short", |row| serde(row, i16::from_str)),
    ("serde.string", |row| serde(row, String::from_str)),
    ("serde.uuid", |row| serde(row, Uuid::from_str)),
    ("serde.void", void),
    ("session_key.store", session_key_in_a_store),
    ("session_key.topic", session_key),
    ("suppress.changelog_v3", suppress_changelog),
    ("value_and_timestamp", value_and_timestamp),
    ("varint", varint),
    ("window_key.partition", window_key_partition),
    ("window_key.store", window_key_in_a_store),
    ("window_key.topic", window_key),
];

#[derive(Debug, Deserialize)]
struct Row {
    format: String,
    input: Value,
    bytes: Option<String>,
    result: Option<Value>,
}

impl Row {
    /// The bytes that Kafka wrote, or its null.
    fn bytes(&self) -> Option<Vec<u8>> {
        self.bytes.as_deref().map(|text| hex(text).expect("hex"))
    }

    fn text(&self, field: &str) -> Option<String> {
        self.input[field].as_str().map(str::to_owned)
    }

    fn number(&self, field: &str) -> i64 {
        self.input[field].as_i64().expect("a number")
    }

    fn result(&self) -> &Value {
        self.result.as_ref().expect("a result")
    }
}

#[test]
fn equals_kafka() {
    let rows = std::fs::read_to_string(CASES).expect(CASES);
    let mut ran: BTreeMap<&str, usize> = NOW.iter().map(|(format, _)| (*format, 0)).collect();
    let mut put_off = BTreeSet::new();
    for line in rows.lines() {
        let row: Row = serde_json::from_str(line).expect(line);
        if let Some((format, check)) = NOW.iter().find(|(format, _)| *format == row.format) {
            check(&row);
            *ran.entry(format).or_default() += 1;
        } else if !NOT_OURS.contains(&row.format.as_str()) {
            assert!(LATER.contains(&row.format.as_str()), "no test for the format {}", row.format);
            put_off.insert(row.format);
        }
    }
    for (format, count) in &ran {
        assert!(*count > 0, "no row of {format}");
    }
    assert!(put_off.iter().eq(LATER), "put off without a row: {LATER:?} against {put_off:?}");
}

/// `value` is written as Kafka wrote it, and what Kafka wrote is read as something that is written
/// in the same way: bytes are compared, so that NaN and −0 count too.
fn check<T: Debug + 'static>(row: &Row, codec: &dyn Codec<T>, value: &T) {
    let expected = row.bytes();
    let written = |value: &T| -> Result<Option<Vec<u8>>, CodecError> {
        if codec.is_null(value) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        codec.encode(value, &mut bytes)?;
        Ok(Some(bytes))
    };
    assert_eq!(written(value), Ok(expected.clone()), "writing {value:?}: {row:?}");
    let read = decode_nullable(codec, expected.as_deref());
    assert_eq!(read.and_then(|read| written(&read)), Ok(expected), "reading {row:?}");
}

fn serde<T: Wire + Debug, E: Debug>(row: &Row, parse: fn(&str) -> Result<T, E>) {
    let value = row.text("value").map(|text| parse(&text).expect("a value"));
    check(row, &WireCodec::<Option<T>>::new(), &value);
}

fn void(row: &Row) {
    check(row, &WireCodec::<()>::new(), &());
}

fn list(row: &Row) {
    match row.input["inner"].as_str() {
        Some("boolean") => list_of(row, bool::from_str),
        Some("double") => list_of(row, f64::from_str),
        Some("float") => list_of(row, f32::from_str),
        Some("integer") => list_of(row, i32::from_str),
        Some("long") => list_of(row, i64::from_str),
        Some("short") => list_of(row, i16::from_str),
        Some("string") => list_of(row, String::from_str),
        Some("uuid") => list_of(row, Uuid::from_str),
        inner => panic!("no list of {inner:?}"),
    }
}

fn list_of<T: Wire + Debug, E: Debug>(row: &Row, parse: fn(&str) -> Result<T, E>) {
    let value = row.input["value"].as_array().map(|entries| {
        let texts = entries.iter().map(Value::as_str);
        texts.map(|text| text.map(|text| parse(text).expect("a value"))).collect::<List<_>>()
    });
    check(row, &WireCodec::<Option<List<Option<T>>>>::new(), &value);
}

fn varint(row: &Row) {
    let value = i32::try_from(row.number("value")).expect("an i32");
    let expected = row.bytes().expect("bytes");
    let mut bytes = Vec::new();
    write_varint(value, &mut bytes);
    assert_eq!(bytes, expected, "{row:?}");
    assert_eq!(read_varint(&expected), Ok((value, [].as_slice())), "{row:?}");
}

fn change(row: &Row) {
    let change = Change { new: row.text("new"), old: row.text("old") };
    check(row, &ChangeCodec::new(WireCodec::<String>::shared()), &change);
}

fn combined_key(row: &Row) {
    let part = |name| row.text(name).expect("a key");
    let key = CombinedKey { foreign: part("foreign_key"), primary: part("primary_key") };
    let text = WireCodec::<String>::shared;
    check(row, &CombinedKeyCodec::new(text(), text()), &key);
}

fn foreign_key_prefix(row: &Row) {
    let mut bytes = Vec::new();
    let key = row.text("foreign_key").expect("a key");
    encode_foreign_key(&key, &WireCodec::new(), &mut bytes).expect("a key");
    assert_eq!(Some(bytes), row.bytes(), "{row:?}");
}

/// The two longs of a hash.
fn hash_of(value: &Value) -> Option<[i64; 2]> {
    let number = |n: &Value| n.as_i64().expect("a long");
    value.as_array().map(|parts| [number(&parts[0]), number(&parts[1])])
}

fn subscription(row: &Row) {
    let instruction = match row.text("instruction").as_deref() {
        Some("DELETE_KEY_NO_PROPAGATE") => Instruction::Delete,
        Some("DELETE_KEY_AND_PROPAGATE") => Instruction::DeleteAndAnswer,
        Some("PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE") => Instruction::AlwaysAnswer,
        Some("PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE") => Instruction::AnswerIfFound,
        instruction => panic!("no instruction {instruction:?}"),
    };
    let partition = u32::try_from(row.number("primary_partition")).expect("a partition");
    let subscription = Subscription {
        hash: hash_of(&row.input["hash"]),
        instruction,
        primary_key: row.text("primary_key").expect("a key"),
        primary_partition: (row.number("version") == 1).then_some(partition),
    };
    check(row, &SubscriptionCodec::new(WireCodec::<String>::shared()), &subscription);
}

fn subscription_response(row: &Row) {
    let (hash, value) = (hash_of(&row.input["hash"]), row.text("value"));
    let response = SubscriptionResponse { hash, value, primary_partition: None };
    check(row, &SubscriptionResponseCodec::new(WireCodec::<String>::shared()), &response);
}

fn murmur3(row: &Row) {
    assert_eq!(row.number("seed"), 104_729, "the seed of Kafka Streams");
    let value = row.text("value").expect("a value");
    assert_eq!(Some(murmur3_128(value.as_bytes())), hash_of(row.result()), "{row:?}");
}

fn value_and_timestamp(row: &Row) {
    let value =
        Timestamped { value: row.text("value").expect("a value"), timestamp: row.number("ts") };
    let codec = WireCodec::<String>::new();
    let expected = row.bytes().expect("bytes");
    let mut bytes = Vec::new();
    encode_timestamped(&value, &codec, &mut bytes).expect("a value");
    assert_eq!(bytes, expected, "{row:?}");
    assert_eq!(decode_timestamped(&expected, &codec), Ok(value), "{row:?}");
}

fn offset_metadata(row: &Row) {
    let time = row.number("partition_time");
    let text = row.result().as_str().expect("a text");
    let kept = row.input["processor_metadata"].as_object().expect("an object").iter();
    let kept: Vec<(String, i64)> =
        kept.map(|(name, time)| (name.clone(), time.as_i64().expect("a time"))).collect();
    let mut read = decode_offset_metadata(text);
    read.1.sort();
    assert_eq!(read, (time, kept.clone()), "{row:?}");
    // Java writes several in the order of a hash map.
    if kept.len() < 2 {
        assert_eq!(encode_offset_metadata(time, &kept), text, "{row:?}");
    }
}

fn headers(text: &str) -> Headers {
    let mut headers = Headers::new();
    for header in text.split(", ").filter(|header| *header != "none") {
        let (name, value) = header.split_once('=').expect("name=value");
        headers.push(name, (value != "null").then_some(value.as_bytes()));
    }
    headers
}

fn record_context(row: &Row) {
    let (topic, kept) = (row.text("topic").expect("a topic"), row.text("headers"));
    let context = RecordContext {
        timestamp: row.number("ts"),
        offset: row.number("offset"),
        topic: &topic,
        partition: i32::try_from(row.number("partition")).expect("an i32"),
        headers: headers(&kept.expect("headers")),
    };
    let mut bytes = Vec::new();
    context.encode(&mut bytes);
    assert_eq!(Some(bytes), row.bytes(), "{row:?}");
}

fn suppress_changelog(row: &Row) {
    let [prior, old, new] = ["prior", "old", "new"].map(|field| row.text(field));
    let kept = if row.text("context").as_deref() == Some("rich") { "h=v, n=null" } else { "none" };
    let change = BufferedChange {
        context: RecordContext {
            timestamp: 42,
            offset: 7,
            topic: "topic",
            partition: 3,
            headers: headers(kept),
        },
        prior: prior.as_ref().map(String::as_bytes),
        old: old.as_ref().map(String::as_bytes),
        new: new.as_ref().map(String::as_bytes),
        time: row.number("buffer_time"),
    };
    let expected = row.bytes().expect("bytes");
    let mut bytes = Vec::new();
    change.encode(&mut bytes);
    assert_eq!(bytes, expected, "{row:?}");
    assert_eq!(BufferedChange::decode(&expected), Ok(change), "{row:?}");
}

fn partition(row: &Row) {
    let key = hex(&row.text("key").expect("a key")).expect("hex");
    assert_eq!(i64::from(murmur2(&key)), row.result()["murmur2"].as_i64().expect("a hash"));
    for (partitions, partition) in row.result()["partition"].as_object().expect("partitions") {
        let count = partitions.parse().expect("a number");
        assert_eq!(Some(u64::from(partition_for_key(&key, count))), partition.as_u64(), "{row:?}");
    }
}

fn session_key(row: &Row) {
    check(row, &WireCodec::<Windowed<String, SessionWindow>>::new(), &session_of(row));
}

fn session_key_in_a_store(row: &Row) {
    let codec = WindowStoreCodec::new(WireCodec::<String>::shared(), Arc::new(|start| start));
    check::<Windowed<String, SessionWindow>>(row, &codec, &session_of(row));
}

fn session_of(row: &Row) -> Windowed<String, SessionWindow> {
    let window = SessionWindow { start: row.number("start"), end: row.number("end") };
    Windowed { key: row.text("key").expect("a key"), window }
}

fn window_key(row: &Row) {
    let (start, end) = (row.number("start"), row.number("end"));
    let size = u64::try_from(end - start).expect("a size");
    let window = TimeWindow { start, end };
    let key = Windowed { key: row.text("key").expect("a key"), window };
    let codec = TimeWindowedCodec::new(WireCodec::<String>::new(), Duration::from_millis(size));
    check(row, &codec, &key);
    check(row, &WireCodec::<Windowed<String>>::new(), &key);
    assert_eq!(codec.decode(&row.bytes().expect("bytes")), Ok(key), "{row:?}");
}

fn window_key_in_a_store(row: &Row) {
    let number = u32::try_from(row.number("seqnum")).expect("a seqnum");
    let (start, key) = (row.number("start"), row.text("key").expect("a key"));
    let codec = WindowStoreCodec::new(WireCodec::<String>::shared(), Arc::new(|start| start));
    let window = NumberedWindow { start, end: start, number };
    check(row, &codec, &Windowed { key: key.clone(), window });
    if number == 0 {
        check(row, &codec, &Windowed { key, window: TimeWindow { start, end: start } });
    }
}

/// A key in a window goes where the key itself goes.
fn window_key_partition(row: &Row) {
    let start = row.number("start");
    let key =
        Windowed { key: row.text("key").expect("a key"), window: TimeWindow { start, end: start } };
    let codec = WireCodec::<Windowed<String>>::new();
    let mut bytes = Vec::new();
    codec.encode(&key, &mut bytes).expect("a key");
    let key = &bytes[..bytes.len() - codec.window_suffix()];
    let partitions = u32::try_from(row.number("partitions")).expect("a number");
    let partition = partition_for_key(key, partitions);
    assert_eq!(Some(u64::from(partition)), row.result().as_u64(), "{row:?}");
}

fn hex(text: &str) -> Result<Vec<u8>, std::num::ParseIntError> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16)).collect()
}
