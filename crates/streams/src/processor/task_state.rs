use std::sync::Arc;

use millstream_broker::{Headers, TaskId, TopicPartition};
use millstream_state::Overlay;

use crate::codec::RecordContext;
use crate::error::{BoxError, Error, ErrorPolicies, ErrorPolicy, RecordFailure, Stage};
use crate::processor::{DeadLetters, NodeError, NodeResult, Output, Punctuations, StateStore};

/// Where the record being processed came from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// Index into [`TaskState::sources`].
    pub(crate) source: u32,
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    pub(crate) headers: Headers,
}

/// What a task counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Input records taken.
    pub(crate) processed: u64,
    /// Records dropped because of a null, a bad timestamp, or the policy to skip (Kafka's
    /// `dropped-records-total`).
    pub(crate) dropped: u64,
}

/// What the nodes of one task may reach beside the graph.
pub(crate) struct TaskState {
    pub(crate) id: TaskId,
    pub(crate) stores: Vec<Box<dyn StateStore>>,
    /// For each store of the topology the number of it here, if it belongs to this task.
    pub(crate) store_numbers: Arc<[Option<usize>]>,
    pub(crate) overlay: Overlay,
    pub(crate) origin: Origin,
    /// The node at work; after a panic the one that was.
    pub(crate) current: u32,
    pub(crate) sources: Vec<TopicPartition>,
    pub(crate) stream_time: i64,
    pub(crate) wall_clock: i64,
    pub(crate) policies: ErrorPolicies,
    pub(crate) counters: Counters,
    pub(crate) punctuations: Punctuations,
    /// A failure below a processor written by hand, in case it does not hand it up.
    pub(crate) failed_below: Option<String>,
    /// How many flushes of caches are at work, one inside the other.
    pub(crate) flushes: u32,
    /// Whether the change on its way is of a versioned table and not the latest of its key.
    pub(crate) outdated: bool,
    /// The time as of which versioned tables are being asked.
    pub(crate) as_of: Option<i64>,
    /// Where skipped records go, if they are kept.
    pub(crate) dead_letters: Option<DeadLetters>,
    /// The global stores of the thread, lent while the task is at work.
    pub(crate) global: Option<Box<TaskState>>,
}

impl TaskState {
    /// Whether records that fail in user code are skipped, so that what was there before the
    /// failing call must be kept.
    #[inline]
    pub(crate) fn skips_failures(&self) -> bool {
        self.policies.process == ErrorPolicy::Skip
    }

    pub(crate) fn source(&self) -> (&Arc<str>, u32) {
        static NOWHERE: std::sync::LazyLock<Arc<str>> = std::sync::LazyLock::new(|| "none".into());
        match self.sources.get(self.origin.source as usize) {
            Some(source) => (&source.topic, source.partition),
            None => (&NOWHERE, 0),
        }
    }

    /// Where a record came from that was held back. What a topology of an earlier day held back may
    /// come from a topic that this one has not.
    pub(crate) fn origin_of(&self, context: &RecordContext<'_>) -> Origin {
        let place = |source: &TopicPartition| {
            &*source.topic == context.topic && source.partition.cast_signed() == context.partition
        };
        let source = self.sources.iter().position(place);
        Origin {
            source: source.map_or(u32::MAX, |source| source as u32),
            offset: context.offset,
            timestamp: context.timestamp,
            headers: context.headers.clone(),
        }
    }

    #[cold]
    pub(crate) fn failure(&self, stage: Stage, node: &Arc<str>, cause: BoxError) -> NodeError {
        // A failure that has already been judged further down travels up unchanged.
        let cause = match cause.downcast::<NodeError>() {
            Ok(judged) => return *judged,
            Err(cause) => cause,
        };
        let (topic, partition) = self.source();
        Box::new(Error::Record(Box::new(RecordFailure {
            stage,
            node: node.clone(),
            task: self.id,
            topic: topic.clone(),
            partition,
            offset: self.origin.offset,
            cause,
        })))
    }

    /// Applies the policy to a failure: skipped and counted, or handed up.
    #[cold]
    pub(crate) fn judge(&mut self, error: NodeError, output: &mut dyn Output) -> NodeResult {
        let Error::Record(failure) = &*error else {
            return Err(error);
        };
        let policy = match failure.stage {
            Stage::Decode => self.policies.decode,
            Stage::Process => self.policies.process,
            Stage::Produce => self.policies.produce,
        };
        match policy {
            ErrorPolicy::Fail => Err(error),
            ErrorPolicy::Skip => {
                self.counters.dropped += 1;
                if let Some(dead_letters) = &self.dead_letters {
                    dead_letters.write(failure, &self.origin, output);
                }
                tracing::warn!("skipped a record: {failure}");
                Ok(())
            }
        }
    }

    /// Writes the dead letter of a record whose failure was handed up; says whether there is a topic for
    /// it. What was at work may be another record by now.
    pub(crate) fn write_last_letter(
        &self,
        failure: &RecordFailure,
        output: &mut dyn Output,
    ) -> bool {
        let Some(dead_letters) = &self.dead_letters else { return false };
        let place = |source: &TopicPartition| {
            *source.topic == *failure.topic && source.partition == failure.partition
        };
        let source = self.sources.iter().position(place);
        let origin = Origin {
            source: source.map_or(u32::MAX, |source| source as u32),
            offset: failure.offset,
            ..self.origin.clone()
        };
        dead_letters.write(failure, &origin, output);
        true
    }

    /// Counts a record dropped by a rule of an operator, and says why.
    #[cold]
    pub(crate) fn drop_record(&mut self, node: &str, reason: &str) {
        self.counters.dropped += 1;
        let (topic, partition) = self.source();
        tracing::warn!(
            "dropped a record in node '{node}': {reason}; it came from {topic}-{partition}@{}",
            self.origin.offset
        );
    }
}
