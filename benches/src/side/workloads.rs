//! One topology a workload, written as a user would write it.

use std::sync::{Arc, OnceLock};

use millstream::codec::{Codec, CodecError, WireCodec};
use millstream::{KStream, Materialized, StreamsBuilder, Topic, Topology, Wire};
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::arguments::Arguments;
use crate::counted::{Counter, Counts, Read, Written};
use crate::{hot, joins, windows};

/// Counts words read back: their type knows its format, so the counter is not handed to it.
pub static MID: OnceLock<Arc<Counter>> = OnceLock::new();

/// A word, which is a string that is counted when it is read back.
#[derive(Clone)]
struct Word(String);

impl Wire for Word {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.0.encode(out)
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        if let Some(counter) = MID.get() {
            counter.add();
        }
        String::decode(bytes).map(Self)
    }
}

/// A word in the store, which reads its keys too.
struct Stored;

impl Codec<Word> for Stored {
    fn encode(&self, word: &Word, out: &mut Vec<u8>) -> Result<(), CodecError> {
        word.encode(out)
    }

    fn decode(&self, bytes: &[u8]) -> Result<Word, CodecError> {
        String::decode(bytes).map(Word)
    }
}

#[derive(Clone, Serialize, Deserialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct Bid {
    pub auction: i64,
    bidder: i64,
    price: i64,
    channel: String,
    url: String,
    date_time: i64,
    extra: String,
}

#[derive(Clone, Serialize, Deserialize, Wire)]
struct Price {
    auction: i64,
    price: i64,
}

pub fn topology(arguments: &Arguments, counts: &Counts) -> Result<Topology, Failure> {
    let builder = StreamsBuilder::new();
    match arguments.workload.as_str() {
        "w1-source" => bytes(&builder, arguments, counts).for_each(|_, _| {}),
        "w1-pass" => bytes(&builder, arguments, counts).to(sink(arguments, counts)),
        "w1-depth" => {
            let mut stream = bytes(&builder, arguments, counts);
            for _ in 0..arguments.depth {
                stream = stream.map_values(|value| value);
            }
            stream.for_each(|_, _| {});
        }
        "w2-wordcount" => {
            let _first = MID.set(counts.mid.clone());
            builder
                .stream(source::<Option<Vec<u8>>, String>(arguments.input("lines"), counts))
                .flat_map_values(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
                .group_by(|_, word| Word(word.clone()))
                .named("words")
                .count(Materialized::with("counts", Stored, WireCodec::new()))
                .to(sink(arguments, counts));
        }
        "w3-count" | "w10-restore" => builder
            .stream(source::<i64, Vec<u8>>(arguments.input("in"), counts))
            .group_by_key()
            .count("counts")
            .to(sink(arguments, counts)),
        "w9-q1" => bids(&builder, arguments, counts)
            .map_values(|bid| Bid { price: bid.price * 908 / 1000, ..bid })
            .to(sink(arguments, counts)),
        "w9-q2" => bids(&builder, arguments, counts)
            .filter(|_, bid| bid.auction % 123 == 0)
            .map_values(|bid| Price { auction: bid.auction, price: bid.price })
            .to(sink(arguments, counts)),
        name if name.starts_with("w4-") => windows::windows(&builder, arguments, counts)?,
        name if joins::NAMES.contains(&name) => joins::joins(&builder, arguments, counts)?,
        "w9-q5" => hot::hot_items(&builder, arguments, counts),
        unknown => return Err(format!("unknown workload {unknown}").into()),
    }
    Ok(builder.build()?)
}

pub fn source<K: Wire, V: Wire>(topic: String, counts: &Counts) -> Topic<K, V> {
    Topic::with(topic, WireCodec::new(), Read::new(&counts.input))
}

pub fn sink<K: Wire, V: Wire>(arguments: &Arguments, counts: &Counts) -> Topic<K, V> {
    Topic::with(arguments.out.as_str(), WireCodec::new(), Written::new(&counts.out))
}

pub fn keyed(builder: &StreamsBuilder, topic: String, counts: &Counts) -> KStream<i64, Vec<u8>> {
    builder.stream(source(topic, counts))
}

fn bytes(
    builder: &StreamsBuilder,
    arguments: &Arguments,
    counts: &Counts,
) -> KStream<Vec<u8>, Vec<u8>> {
    builder.stream(source(arguments.input("in"), counts))
}

pub fn bids(builder: &StreamsBuilder, arguments: &Arguments, counts: &Counts) -> KStream<i64, Bid> {
    builder.stream(source(arguments.topic("bid"), counts))
}
