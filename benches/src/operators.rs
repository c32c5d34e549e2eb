//! Parts, by criterion: `cargo bench -p millstream-benches`.
//!
//! `chain/n` sends a batch of records through n `map_values` in a test driver; what one operator
//! costs is the slope between two lengths.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use millstream::broker::{Headers, RecordBatch, RecordBuffer, partition_for_key};
use millstream::codec::{Bincode, Json, Wire};
use millstream::testing::{DriverOptions, TopologyTestDriver};
use millstream::{Record, StreamsBuilder, Topology};
use serde::{Deserialize, Serialize};

const BATCH: usize = 20_000;

fn driver(topology: &Topology) -> TopologyTestDriver {
    let options = DriverOptions { commit_every: BATCH, ..DriverOptions::default() };
    TopologyTestDriver::with_options(topology, options).unwrap()
}

fn chain(c: &mut Criterion) {
    let mut group = c.benchmark_group("chain");
    group.throughput(Throughput::Elements(BATCH as u64));
    for length in [1, 5, 32] {
        let builder = StreamsBuilder::new();
        let mut stream = builder.stream::<i64, i64>("in");
        for _ in 0..length {
            stream = stream.map_values(|value| value + 1);
        }
        stream.filter(|_, value| *value < 0).to("out");
        let mut driver = driver(&builder.build().unwrap());
        group.bench_function(BenchmarkId::from_parameter(length), |b| {
            b.iter(|| {
                let records = (0..BATCH as i64).map(|n| Record::new(n, n, 0));
                driver.input::<i64, i64>("in").send_all(records).unwrap();
            });
        });
    }
    group.finish();
}

fn test_driver(c: &mut Criterion) {
    let mut group = c.benchmark_group("test-driver");
    group.throughput(Throughput::Elements(BATCH as u64));

    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("in").filter(|_, value| !value.is_empty());
    stream.map_values(|value| value).peek(|_, _| {}).to("out");
    let mut stateless = driver(&builder.build().unwrap());
    let record = || Record::new("some-key".to_owned(), "some-value".to_owned(), 0);
    group.bench_function("stateless", |b| {
        b.iter(|| {
            let records = (0..BATCH).map(|_| record());
            stateless.input::<String, String>("in").send_all(records).unwrap();
        });
    });

    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("in")
        .flat_map_values(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .group_by(|_, word| word.clone())
        .count("counts")
        .to("out");
    let mut word_count = driver(&builder.build().unwrap());
    let lines: Vec<String> = (0..BATCH / 10)
        .map(|n| (0..10).map(|w| format!("word{}", (n * 7 + w * 13) % 5000)).collect::<Vec<_>>())
        .map(|words| words.join(" "))
        .collect();
    group.bench_function("words", |b| {
        b.iter(|| {
            let records = lines.iter().map(|line| Record::new("k".to_owned(), line.clone(), 0));
            word_count.input::<String, String>("in").send_all(records).unwrap();
        });
    });
    group.finish();
}

#[derive(Clone, Serialize, Deserialize)]
struct Order {
    customer: String,
    cents: i64,
    items: Vec<String>,
}

fn formats(c: &mut Criterion) {
    let mut group = c.benchmark_group("formats");
    let order = Order {
        customer: "a customer".to_owned(),
        cents: 12_345,
        items: vec!["one".to_owned(), "another".to_owned()],
    };
    fn round_trip<T: Wire>(value: &T, bytes: &mut Vec<u8>) -> T {
        bytes.clear();
        value.encode(bytes).unwrap();
        T::decode(bytes).unwrap()
    }
    let mut bytes = Vec::new();
    let text = "a customer".to_owned();
    group.bench_function("string", |b| b.iter(|| round_trip(black_box(&text), &mut bytes)));
    group.bench_function("i64", |b| b.iter(|| round_trip(black_box(&42i64), &mut bytes)));
    let json = Json(order.clone());
    group.bench_function("json", |b| b.iter(|| round_trip(black_box(&json), &mut bytes)));
    let bincode = Bincode(order);
    group.bench_function("bincode", |b| b.iter(|| round_trip(black_box(&bincode), &mut bytes)));
    group.finish();
}

fn records(c: &mut Criterion) {
    let mut group = c.benchmark_group("records");
    group.throughput(Throughput::Elements(1000));
    let mut buffer = RecordBuffer::new();
    group.bench_function("push", |b| {
        b.iter(|| {
            buffer.clear();
            for n in 0..1000 {
                buffer.push(n, Some(b"some-key"), Some(b"some-value"), &Headers::new());
            }
        });
    });
    let bytes: std::sync::Arc<[u8]> = buffer.as_bytes().into();
    let batch = RecordBatch::new(bytes.clone(), 0, bytes.len(), 0, 1000);
    group.bench_function("read", |b| b.iter(|| batch.iter().map(|r| r.timestamp).sum::<i64>()));
    group.bench_function("partition", |b| {
        b.iter(|| (0..1000).map(|_| partition_for_key(black_box(b"some-key"), 12)).sum::<u32>());
    });
    group.finish();
}

criterion_group!(benches, chain, test_driver, formats, records);
criterion_main!(benches);
