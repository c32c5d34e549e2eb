//! Joins of streams and tables.

use std::time::Duration;

use millstream::{JoinWindows, StreamsBuilder, Wire};
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::arguments::Arguments;
use crate::counted::Counts;
use crate::workloads::{keyed, sink, source};

pub const NAMES: [&str; 4] = ["w5-join", "w6-ssjoin", "w7-fkjoin", "w9-q8"];

#[derive(Clone, Serialize, Deserialize, Wire)]
#[serde(rename_all = "camelCase")]
struct Person {
    id: i64,
    name: String,
    email: String,
    city: String,
    date_time: i64,
}

#[derive(Clone, Serialize, Deserialize, Wire)]
#[serde(rename_all = "camelCase")]
struct Auction {
    id: i64,
    item: String,
    seller: i64,
    category: i64,
    initial_bid: i64,
    date_time: i64,
    expires: i64,
}

#[derive(Clone, Serialize, Deserialize, Wire)]
struct NewSeller {
    id: i64,
    name: String,
    auction: i64,
}

fn concatenated(mut left: Vec<u8>, right: &[u8]) -> Vec<u8> {
    left.extend_from_slice(right);
    left
}

/// The first eight bytes of a row.
fn foreign_key(row: &[u8]) -> Option<i64> {
    row.first_chunk().map(|key| i64::from_be_bytes(*key))
}

pub fn joins(
    builder: &StreamsBuilder,
    arguments: &Arguments,
    counts: &Counts,
) -> Result<(), Failure> {
    let windows = |seconds| JoinWindows::of_time_difference(seconds).grace(Duration::from_secs(1));
    match arguments.workload.as_str() {
        "w5-join" => {
            let table =
                builder.table(source::<i64, Vec<u8>>(arguments.topic("table"), counts), "table");
            keyed(builder, arguments.input("in"), counts)
                .join_table(&table, |_, left, right| concatenated(left, &right))
                .to(sink(arguments, counts));
        }
        "w6-ssjoin" => {
            let right = keyed(builder, arguments.topic("jb"), counts);
            keyed(builder, arguments.topic("ja"), counts)
                .join(&right, windows(Duration::from_secs(5)), "pairs", |_, left, right| {
                    concatenated(left, &right)
                })
                .to(sink(arguments, counts));
        }
        "w7-fkjoin" => {
            let table = |name: &str| {
                builder.table(source::<i64, Vec<u8>>(arguments.topic(name), counts), name)
            };
            let right = table("fr");
            table("fl")
                .join_on_foreign_key(
                    &right,
                    |_, row| foreign_key(row),
                    |_, left, right| concatenated(left, &right),
                )
                .named("rows")
                .materialized("joined")
                .to(sink(arguments, counts));
        }
        "w9-q8" => {
            let auctions =
                builder.stream(source::<i64, Auction>(arguments.topic("auction"), counts));
            builder
                .stream(source::<i64, Person>(arguments.topic("person"), counts))
                .join(
                    &auctions,
                    windows(Duration::from_secs(10)),
                    "sellers",
                    |_, person, auction| NewSeller {
                        id: person.id,
                        name: person.name,
                        auction: auction.id,
                    },
                )
                .to(sink(arguments, counts));
        }
        unknown => return Err(format!("unknown workload {unknown}").into()),
    }
    Ok(())
}
