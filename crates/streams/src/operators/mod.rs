//! The operators, one a file: what each does to one record. They reach nothing but their
//! [`Context`].

mod aggregate;
mod branch;
mod filter;
mod flat_map;
mod flat_map_values;
mod for_each;
mod foreign_key_join;
mod global_join;
mod join_window;
mod map;
mod map_values;
mod pass;
mod peek;
mod print;
mod reduce;
mod repartition_filter;
mod select_key;
mod self_join;
mod session_aggregate;
mod sink;
mod sliding_aggregate;
mod source;
mod stream_join;
mod stream_table_grace_join;
mod stream_table_join;
mod suppress;
mod table_aggregate;
mod table_filter;
mod table_group_by;
mod table_join;
mod table_map_values;
mod table_reduce;
mod table_source;
mod table_transform_values;
mod to_stream;
mod window_aggregate;
mod window_close;

use std::any::Any;
use std::marker::PhantomData;

pub(crate) use aggregate::aggregate;
pub(crate) use branch::{Predicates, branch};
pub(crate) use filter::filter;
pub(crate) use flat_map::flat_map;
pub(crate) use flat_map_values::flat_map_values;
pub(crate) use for_each::for_each;
pub(crate) use foreign_key_join::{
    SubscriptionCodecs, foreign_table_join, response_join, subscription_join, subscription_receive,
    subscription_send,
};
pub(crate) use global_join::global_join;
pub(crate) use join_window::join_window;
pub(crate) use map::map;
pub(crate) use map_values::map_values;
pub(crate) use pass::pass;
pub(crate) use peek::peek;
pub(crate) use print::print;
pub(crate) use reduce::reduce;
pub(crate) use repartition_filter::repartition_filter;
pub(crate) use select_key::select_key;
pub(crate) use self_join::self_join;
pub(crate) use session_aggregate::session_aggregate;
pub(crate) use sink::{dynamic_sink, sink};
pub(crate) use sliding_aggregate::sliding_aggregate;
pub(crate) use source::{stream_source, table_topic_source};
pub(crate) use stream_join::{StreamJoin, StreamJoiner, stream_join};
pub(crate) use stream_table_grace_join::{GraceJoin, GraceJoinSetup, Joiner};
pub(crate) use stream_table_join::stream_table_join;
pub(crate) use suppress::{Suppress, SuppressRules};
pub(crate) use table_aggregate::table_aggregate;
pub(crate) use table_filter::table_filter;
pub(crate) use table_group_by::table_group_by;
pub(crate) use table_join::{JoinSide, table_join, table_join_merge};
pub(crate) use table_map_values::table_map_values;
pub(crate) use table_reduce::table_reduce;
pub(crate) use table_source::{table_from_stream, table_source};
pub(crate) use table_transform_values::table_transform_values;
pub(crate) use to_stream::to_stream;
pub(crate) use window_aggregate::window_aggregate;

use crate::codec::Data;
use crate::processor::{Context, Layer, Node, NodeError, NodeResult, take};
use crate::record::{Change, Record, Timestamped};

/// A node that is one function of a typed record.
struct FunctionNode<K, V, F> {
    function: F,
    types: PhantomData<fn(K, V)>,
}

impl<K: Data, V: Data, F> Node for FunctionNode<K, V, F>
where
    F: Fn(&mut Context<'_>, Record<K, V>) -> NodeResult + Send,
{
    #[inline]
    fn process(&self, ctx: &mut Context<'_>, record: &mut dyn Any) -> NodeResult {
        (self.function)(ctx, take(record))
    }
}

/// Makes a node of a function.
fn node<K: Data, V: Data>(
    function: impl Fn(&mut Context<'_>, Record<K, V>) -> NodeResult + Send + 'static,
) -> Box<dyn Node> {
    Box::new(FunctionNode { function, types: PhantomData })
}

/// A node of a table that may be without a store: a function of its input, and one that gives the
/// value of a key.
struct ViewNode<K, I, V, F, G> {
    function: F,
    value: G,
    types: PhantomData<fn(K, I, V)>,
}

impl<K: Data, I: Data, V: Data, F, G> Node for ViewNode<K, I, V, F, G>
where
    F: Fn(&mut Context<'_>, Record<K, Change<I>>) -> NodeResult + Send,
    G: Fn(&mut Context<'_>, &K, Layer) -> Result<Option<Timestamped<V>>, NodeError> + Send,
{
    #[inline]
    fn process(&self, ctx: &mut Context<'_>, record: &mut dyn Any) -> NodeResult {
        (self.function)(ctx, take(record))
    }

    fn table_value(
        &self,
        ctx: &mut Context<'_>,
        key: &dyn Any,
        layer: Layer,
        found: &mut dyn Any,
    ) -> NodeResult {
        let key = key.downcast_ref::<K>().expect("typed handles wired this table to its reader");
        let value = (self.value)(ctx, key, layer)?;
        *found.downcast_mut().expect("typed handles wired this table to its reader") = value;
        Ok(())
    }
}

/// Makes a node of a table of a function of changes, and one that gives the value of a key where no
/// store keeps the table.
fn view_node<K: Data, I: Data, V: Data>(
    function: impl Fn(&mut Context<'_>, Record<K, Change<I>>) -> NodeResult + Send + 'static,
    value: impl Fn(&mut Context<'_>, &K, Layer) -> Result<Option<Timestamped<V>>, NodeError>
    + Send
    + 'static,
) -> Box<dyn Node> {
    Box::new(ViewNode { function, value, types: PhantomData })
}
