use super::stream_joins::Outer;
use crate::topology::Graph;

/// What the nodes and stores of a join of two streams are called.
pub(super) struct JoinNames {
    pub(super) this_window: String,
    pub(super) other_window: String,
    pub(super) this: String,
    pub(super) other: String,
    pub(super) merge: String,
    pub(super) this_store: String,
    pub(super) other_store: String,
    pub(super) shared_store: String,
    /// What the shared store is called behind the name of the left one, when that has its own.
    pub(super) shared_ending: String,
}

impl JoinNames {
    /// Each of the five nodes burns a number.
    pub(super) fn new(graph: &mut Graph, name: Option<&str>, outer: Outer) -> Self {
        let this_window = graph.new_name("KSTREAM-WINDOWED-");
        let other_window = graph.new_name("KSTREAM-WINDOWED-");
        let this_prefix = if outer.right { "KSTREAM-OUTERTHIS-" } else { "KSTREAM-JOINTHIS-" };
        let other_prefix = if outer.left { "KSTREAM-OUTEROTHER-" } else { "KSTREAM-JOINOTHER-" };
        let this = graph.new_name(this_prefix);
        let other = graph.new_name(other_prefix);
        let merge = graph.new_name("KSTREAM-MERGE-");
        let this_part = if outer.right { "outer-this-join" } else { "this-join" };
        let other_part = if outer.left { "outer-other-join" } else { "other-join" };
        let shared = if outer.right { "outer" } else { "left" };
        let shared_ending = format!("-{shared}-shared-join-store");
        match name {
            Some(name) => Self {
                this_window: format!("{name}-this-windowed"),
                other_window: format!("{name}-other-windowed"),
                this: format!("{name}-{this_part}"),
                other: format!("{name}-{other_part}"),
                merge: format!("{name}-merge"),
                this_store: format!("{name}-{this_part}-store"),
                other_store: format!("{name}-{other_part}-store"),
                shared_store: format!("{name}{shared_ending}"),
                shared_ending,
            },
            None => Self {
                this_store: format!("{this}-store"),
                other_store: format!("{other}-store"),
                // It has the number of this side.
                shared_store: this.replace(this_prefix, "KSTREAM-OUTERSHARED-") + "-store",
                this_window,
                other_window,
                this,
                other,
                merge,
                shared_ending,
            },
        }
    }
}
