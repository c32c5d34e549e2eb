//! Knows when an application is through with its input.

use std::collections::VecDeque;

use millstream::{Error, StreamsApp};

use crate::mark::{Mark, Marker};

/// The topics of an application, those of its own included, in the order in which records pass
/// through them.
pub(crate) struct End {
    group: String,
    marker: Marker,
    /// Inputs that are still to be passed.
    stages: VecDeque<Vec<String>>,
    outputs: Vec<String>,
    /// In the first of `stages`, or in `outputs`.
    mark: Option<Mark>,
}

impl End {
    /// Of the application `id`, which writes what comes of it to `output`.
    pub(crate) fn of(app: &StreamsApp, id: &str, output: &str) -> Result<Self, Error> {
        let subs = app.topology().topics(id).into_iter();
        Ok(Self {
            group: id.to_owned(),
            marker: Marker::new(app.broker())?,
            stages: subs.map(|sub_topology| sub_topology.sources).collect(),
            outputs: vec![output.to_owned()],
            mark: None,
        })
    }

    /// Whether everything that was in the input when this was first called has gone all the way and
    /// can be read from the output.
    ///
    /// A stage commits what it has read and what it has written together. So when a stage has
    /// committed up to a mark, all that it writes for it lies before the end of the next stage's
    /// input, where the next mark is set. Other instances, which may do the work or bring more
    /// input, change nothing about that.
    pub(crate) fn is_reached(&mut self) -> Result<bool, Error> {
        while let Some(topics) = self.stages.front() {
            let mark = match &mut self.mark {
                Some(mark) => mark,
                none => none.insert(self.marker.set(topics)?),
            };
            if !self.marker.is_passed(mark, &self.group)? {
                return Ok(false);
            }
            self.stages.pop_front();
            self.mark = None;
        }
        let mark = match &mut self.mark {
            Some(mark) => mark,
            none => none.insert(self.marker.set(&self.outputs)?),
        };
        self.marker.is_decided(mark)
    }
}
