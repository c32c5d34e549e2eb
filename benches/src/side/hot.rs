//! Nexmark's query 5: in each window the auction with the most bids.

use std::time::Duration;

use millstream::codec::{Codec, CodecError, WireCodec};
use millstream::{Materialized, StreamsBuilder, TimeWindows, Wire};
use serde::{Deserialize, Serialize};

use crate::arguments::Arguments;
use crate::counted::Counts;
use crate::workloads::{MID, bids, sink};

/// An auction and how many bids it has; counted when it is read back.
#[derive(Clone, Copy)]
struct Bids {
    auction: i64,
    count: i64,
}

impl Bids {
    /// More bids first, then the lower number.
    fn is_hotter(&self, other: &Self) -> bool {
        (self.count, -self.auction) > (other.count, -other.auction)
    }

    fn read(bytes: &[u8]) -> Result<Self, CodecError> {
        let word = |at: usize| Some(i64::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
        match (word(0), word(8)) {
            (Some(auction), Some(count)) => Ok(Self { auction, count }),
            _ => Err(CodecError::new("an auction and its bids are 16 bytes")),
        }
    }
}

impl Wire for Bids {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(&self.auction.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        if let Some(counter) = MID.get() {
            counter.add();
        }
        Self::read(bytes)
    }
}

/// The bids in the store, which is read too.
struct Stored;

impl Codec<Bids> for Stored {
    fn encode(&self, bids: &Bids, out: &mut Vec<u8>) -> Result<(), CodecError> {
        Wire::encode(bids, out)
    }

    fn decode(&self, bytes: &[u8]) -> Result<Bids, CodecError> {
        Bids::read(bytes)
    }
}

#[derive(Clone, Serialize, Deserialize, Wire)]
struct Hot {
    window: i64,
    auction: i64,
    count: i64,
}

pub fn hot_items(builder: &StreamsBuilder, arguments: &Arguments, counts: &Counts) {
    let _first = MID.set(counts.mid.clone());
    let seconds = Duration::from_secs;
    bids(builder, arguments, counts)
        .map_values(|bid| bid.auction)
        .group_by_key()
        .windowed_by(TimeWindows::hopping(seconds(10), seconds(2)).grace(seconds(1)))
        .count("bids")
        .to_stream()
        .flat_map(|key, count| {
            count.map(|count| (key.window.start, Bids { auction: key.key, count }))
        })
        .group_by_key()
        .named("hot")
        .aggregate(
            Materialized::with("best", WireCodec::new(), Stored),
            || Bids { auction: 0, count: -1 },
            |_, bids, best| if bids.is_hotter(&best) { bids } else { best },
        )
        .to_stream()
        .map_values_with_key(|window, bids| {
            bids.map(|Bids { auction, count }| Hot { window: *window, auction, count })
        })
        .to(sink(arguments, counts));
}
