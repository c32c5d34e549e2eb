//! Nodes that are added one by one, as with Kafka's `Topology`: two processors that share a store.

use millstream::{BoxError, Processor, ProcessorContext, Record, StoreHandle};

use super::{Sides, id, output};
use crate::random::Random;
use crate::store_shape::KeptStore;

/// Processors of both sides, which know of each other by their store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByHand {
    /// The store keeps timestamps.
    timestamped: bool,
    /// A further processor behind both.
    relayed: bool,
}

/// Hands each record on with the one of its key that came before, from either side.
struct Follow(StoreHandle<String, String>);

impl Processor<String, String> for Follow {
    type KeyOut = String;
    type ValueOut = String;
    fn process(
        &mut self,
        record: Record<String, String>,
        ctx: &mut ProcessorContext<'_, '_, String, String>,
    ) -> Result<(), BoxError> {
        let before = ctx.store(&self.0)?.get(&record.key)?;
        ctx.store(&self.0)?.put(&record.key, id(&record.value).to_owned())?;
        let pair = format!("{} {}", before.as_deref().unwrap_or("-"), id(&record.value));
        ctx.forward(record.with_value(pair))
    }
}

/// Hands records on.
struct Relay;

impl Processor<String, String> for Relay {
    type KeyOut = String;
    type ValueOut = String;
    fn process(
        &mut self,
        record: Record<String, String>,
        ctx: &mut ProcessorContext<'_, '_, String, String>,
    ) -> Result<(), BoxError> {
        ctx.forward(record)
    }
}

impl ByHand {
    pub(super) fn choose(random: &mut Random) -> Self {
        Self { timestamped: random.chance(500), relayed: random.chance(500) }
    }

    pub(super) fn add(self, sides: &Sides<'_>, n: usize) {
        let builder = sides.builder;
        let store = millstream::Materialized::new(format!("last-{n}"));
        let store = builder.add_store(if self.timestamped { store } else { store.plain() });
        let follow = |side: &str, stream| {
            let handle = store.clone();
            builder.add_processor(format!("{side}-{n}"), stream, &store, move || {
                Follow(handle.clone())
            })
        };
        let (left, right) = (follow("left", &sides.left), follow("right", &sides.right));
        let sink = format!("sink-{n}");
        if self.relayed {
            let both = builder.add_processor(format!("both-{n}"), [&left, &right], (), || Relay);
            builder.add_sink(sink, output(n), &both);
        } else {
            builder.add_sink(sink, output(n), [&left, &right]);
        }
    }

    pub(super) fn stores(self, n: usize) -> Vec<KeptStore> {
        let name = format!("last-{n}");
        vec![if self.timestamped { KeptStore::table(name) } else { KeptStore::plain(name) }]
    }
}
