use std::borrow::Cow;
use std::sync::Arc;

use super::materialized::WindowStoreSpec;
use crate::codec::{Data, Wire};
use crate::error::BoxError;
use crate::operators;
use crate::processor::Node;
use crate::windows::{EmitStrategy, FixedWindows, SlidingWindows};

/// The windows in time that a grouped stream or a cogroup is divided into.
#[derive(Clone, Debug)]
pub(super) enum TimeWindowing {
    Fixed(FixedWindows),
    Sliding(SlidingWindows),
}

impl<W: Into<FixedWindows>> From<W> for TimeWindowing {
    fn from(windows: W) -> Self {
        Self::Fixed(windows.into())
    }
}

impl From<SlidingWindows> for TimeWindowing {
    fn from(windows: SlidingWindows) -> Self {
        Self::Sliding(windows)
    }
}

impl TimeWindowing {
    /// What is wrong with the windows, if anything is.
    pub(super) fn problem(&self, emit: EmitStrategy) -> Option<String> {
        let Self::Fixed(windows) = self else { return None };
        let no_end = (emit == EmitStrategy::OnWindowClose && !windows.closes()).then(|| {
            "its windows never close, so nothing would ever be handed on: leave `emit(..)` as it is"
                .to_owned()
        });
        windows.problem().or(no_end)
    }

    /// What an aggregation asks of its store.
    pub(super) fn store_spec(&self, emit: EmitStrategy) -> WindowStoreSpec {
        let is_session = false;
        match self {
            Self::Fixed(windows) => {
                let ends = windows.clone();
                let end = Arc::new(move |start: i64| ends.end(start));
                let (retention, grace) = (windows.retention(), windows.grace());
                WindowStoreSpec { retention, grace, scanned: false, emit, is_session, end }
            }
            Self::Sliding(windows) => {
                let difference = windows.difference;
                let end = Arc::new(move |start: i64| start.saturating_add(difference));
                let (retention, grace) = (windows.retention(), windows.grace);
                WindowStoreSpec { retention, grace, scanned: true, emit, is_session, end }
            }
        }
    }

    /// The node of an aggregation; `place` is its store, and its place among those that share it.
    pub(super) fn node<K: Wire, R: Wire, A: Data>(
        &self,
        place: (usize, usize),
        emit: EmitStrategy,
        fold: Arc<
            impl Fn(&K, Cow<'_, R>, Option<A>) -> Result<A, BoxError> + Send + Sync + 'static,
        >,
    ) -> Box<dyn Node> {
        let emit_final = emit == EmitStrategy::OnWindowClose;
        match self {
            Self::Fixed(windows) => {
                operators::window_aggregate(place, windows.clone(), emit_final, fold)
            }
            Self::Sliding(windows) => {
                operators::sliding_aggregate(place, *windows, emit_final, fold)
            }
        }
    }
}
