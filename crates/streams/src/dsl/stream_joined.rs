use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_state::StateBackend;

use super::changelog_settings::changelog_settings;

/// How two streams are joined: the name of the join, after which its stores and topics are called, and
/// what is logged (Kafka's `StreamJoined`). A plain name does.
///
/// The name is a part of the program's state: `<name>-this-join-store` and the like are the names of
/// its stores, and a join that gets another name begins with nothing to join.
///
/// ```
/// use millstream::StreamJoined;
/// let plain: StreamJoined = "payments".into();
/// let tuned = StreamJoined::named("payments").without_changelog();
/// ```
#[derive(Clone, Debug)]
pub struct StreamJoined {
    pub(super) name: Option<String>,
    pub(super) stores: Option<(String, String)>,
    pub(super) changelog: Option<BTreeMap<String, String>>,
    /// Where its stores are kept, if not with the others.
    pub(super) backend: Option<Arc<dyn StateBackend>>,
}

impl StreamJoined {
    /// A join called `name`.
    #[doc(alias = "withName")]
    #[doc(alias = "withStoreName")]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::unnamed() }
    }

    /// A join whose names are generated, as in a Java program that names neither it nor its stores.
    /// Refused by [`build`](crate::StreamsBuilder::build) unless the builder
    /// [takes over generated names](crate::StreamsBuilder::take_over_generated_names).
    pub fn unnamed() -> Self {
        Self { name: None, stores: None, changelog: Some(BTreeMap::new()), backend: None }
    }

    /// Gives the stores of the two sides' records names of their own.
    #[doc(alias = "withThisStoreSupplier")]
    #[doc(alias = "withOtherStoreSupplier")]
    pub fn stores(mut self, left: impl Into<String>, right: impl Into<String>) -> Self {
        self.stores = Some((left.into(), right.into()));
        self
    }

    changelog_settings!("the changelogs", "what waits to be joined");
}

impl From<&str> for StreamJoined {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}

impl From<String> for StreamJoined {
    fn from(name: String) -> Self {
        Self::named(name)
    }
}
