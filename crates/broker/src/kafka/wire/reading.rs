//! A partition that is read.

use std::collections::VecDeque;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::leaders::Led;
use super::records::ReadRecords;
use super::settings::FetchSettings;
use crate::RecordBatch;

/// Why a partition cannot be read.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// What a broker says.
    Code(Code),
    /// What it sent cannot be read.
    Unreadable(String),
}

#[derive(Debug)]
pub(super) struct Reading {
    /// Which assignment of the partition this is: answers to earlier ones are not for it.
    pub(super) assignment: u64,
    /// Where the owner is.
    pub(super) position: i64,
    /// What is to be asked for.
    pub(super) next: i64,
    ready: VecDeque<RecordBatch>,
    ready_bytes: usize,
    /// Where the records that can be seen end, when that was last said.
    pub(super) end: Option<i64>,
    pub(super) failure: Option<Failure>,
}

impl Led for Reading {
    type Common = FetchSettings;

    fn needs_leader(&self) -> bool {
        self.failure.is_none()
    }

    fn fail(&mut self, code: Code) {
        self.failure = Some(Failure::Code(code));
    }
}

impl Reading {
    /// Reads from `offset` on.
    pub(super) fn new(assignment: u64, offset: i64) -> Self {
        Self {
            assignment,
            position: offset,
            next: offset,
            ready: VecDeque::new(),
            ready_bytes: 0,
            end: None,
            failure: None,
        }
    }

    pub(super) fn has_enough(&self, enough: usize) -> bool {
        self.ready_bytes >= enough
    }

    /// Takes what was fetched; whether there is news for the owner.
    pub(super) fn take(&mut self, end: i64, read: ReadRecords) -> bool {
        let is_news = !read.batches.is_empty() || self.end != Some(end);
        self.end = Some(end);
        self.next = read.next_offset;
        self.ready_bytes += read.batches.iter().map(RecordBatch::size).sum::<usize>();
        self.ready.extend(read.batches);
        is_news
    }

    /// The next batch, or what has failed behind the last one, and whether there is to be fetched now
    /// what was not before.
    pub(super) fn next(
        &mut self,
        max_bytes: usize,
        enough: usize,
    ) -> (Option<Result<RecordBatch, Failure>>, bool) {
        let Some(batch) = self.ready.pop_front() else {
            let failure = self.failure.take();
            let again = failure.is_some();
            return (failure.map(Err), again);
        };
        let had_enough = self.has_enough(enough);
        let (batch, rest) = batch.split(max_bytes);
        if let Some(rest) = rest {
            self.ready.push_front(rest);
        }
        self.ready_bytes -= batch.size();
        self.position = batch.next_offset();
        (Some(Ok(batch)), had_enough && !self.has_enough(enough))
    }
}
