//! A partition that is written.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::batches::{Batch, ProducerId, next_sequence};
use super::leaders::Led;
use super::settings::ProduceSettings;
use crate::{Clock, RecordView, SystemClock};

/// So much memory is kept for batches to come.
const SPARE: usize = 16;

/// What all partitions of a producer have in common.
pub(super) struct Common {
    pub(super) settings: ProduceSettings,
    pub(super) producer: ProducerId,
    /// Bytes that are not acknowledged.
    pub(super) unacknowledged: AtomicUsize,
    /// Whether the owner waits: nothing lingers.
    pub(super) is_urgent: AtomicBool,
    spare: Mutex<Vec<Vec<u8>>>,
}

impl Common {
    pub(super) fn new(settings: ProduceSettings, producer: ProducerId) -> Self {
        Self {
            settings,
            producer,
            unacknowledged: AtomicUsize::new(0),
            is_urgent: AtomicBool::new(false),
            spare: Mutex::default(),
        }
    }

    fn new_batch(&self) -> Batch {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        Batch::new(spare.pop().unwrap_or_default())
    }

    /// A batch that is not to be sent again.
    pub(super) fn recycle(&self, batch: Batch) {
        self.unacknowledged.fetch_sub(batch.size(), Ordering::Relaxed);
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE {
            spare.push(batch.into_memory());
        }
    }
}

pub(super) struct Writing {
    queued: VecDeque<Batch>,
    /// Since when there is something in the last one of them.
    since: SystemClock,
    /// Whether one is on its way to the broker.
    is_sent: bool,
    /// Whether it may be written: its transaction knows of it.
    pub(super) is_added: bool,
    /// The number of its next record.
    sequence: i32,
    /// The offset after the last record acknowledged.
    pub(super) acknowledged: Option<i64>,
    pub(super) failure: Option<Code>,
}

impl Led for Writing {
    type Common = Common;

    fn needs_leader(&self) -> bool {
        !self.queued.is_empty() && self.failure.is_none()
    }

    fn fail(&mut self, code: Code) {
        self.failure = Some(code);
    }
}

impl Writing {
    pub(super) fn new(is_added: bool) -> Self {
        Self {
            queued: VecDeque::new(),
            since: SystemClock::new(),
            is_sent: false,
            is_added,
            sequence: 0,
            acknowledged: None,
            failure: None,
        }
    }

    /// Whether everything is acknowledged.
    pub(super) fn is_done(&self) -> bool {
        self.queued.is_empty() && !self.is_sent
    }

    /// Appends records, in batches of so many bytes.
    pub(super) fn append<'a>(
        &mut self,
        records: impl Iterator<Item = RecordView<'a>>,
        batch_bytes: usize,
        common: &Common,
    ) {
        let mut bytes = 0;
        for record in records {
            let bound = Batch::bound(&record);
            let fits =
                |batch: &Batch| batch.sequence.is_none() && batch.size() + bound <= batch_bytes;
            if !self.queued.back().is_some_and(fits) {
                let batch = common.new_batch();
                bytes += batch.size();
                self.queued.push_back(batch);
                self.since = SystemClock::new();
            }
            if let Some(batch) = self.queued.back_mut() {
                let before = batch.size();
                batch.append(&record);
                bytes += batch.size() - before;
            }
        }
        common.unacknowledged.fetch_add(bytes, Ordering::Relaxed);
    }

    /// How long the next batch is to wait for others, if there is one and none is on its way: only so
    /// do they stay in order.
    pub(super) fn lingers(&self, common: &Common) -> Option<Duration> {
        if self.is_sent || !self.is_added || self.failure.is_some() {
            return None;
        }
        let batch = self.queued.front()?;
        let linger = common.settings.linger;
        let is_closed = self.queued.len() > 1 || batch.sequence.is_some();
        if linger.is_zero() || is_closed || common.is_urgent.load(Ordering::Relaxed) {
            return Some(Duration::ZERO);
        }
        Some(linger.saturating_sub(self.since.monotonic()))
    }

    /// The next batch to send.
    pub(super) fn take(&mut self) -> Option<Batch> {
        let mut batch = self.queued.pop_front()?;
        if batch.sequence.is_none() {
            batch.sequence = Some(self.sequence);
            self.sequence = next_sequence(self.sequence, batch.count());
        }
        self.is_sent = true;
        Some(batch)
    }

    /// It may have been written or not: it is sent again, under the same number.
    pub(super) fn give_back(&mut self, mut batch: Batch) {
        self.is_sent = false;
        batch.is_repeated = true;
        self.queued.push_front(batch);
    }

    /// It was written.
    pub(super) fn acknowledge(&mut self, batch: &Batch, base_offset: i64) {
        self.is_sent = false;
        if base_offset >= 0 {
            self.acknowledged = Some(base_offset + i64::from(batch.count()));
        }
    }

    /// It is not to be written. Its number is given to the next one only if no copy of it can have
    /// been written before: that one would be taken for it.
    pub(super) fn refuse(&mut self, batch: &Batch, code: Code) {
        self.is_sent = false;
        self.failure = Some(code);
        if let Some(sequence) = batch.sequence
            && !batch.is_repeated
            && code != Code::Unknown
        {
            self.sequence = sequence;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::KafkaConfig;
    use super::*;
    use crate::{Headers, ProducerOptions, RecordBuffer};

    fn common(linger: &str) -> Common {
        let mut config = KafkaConfig::new("a:1");
        config.producer.insert("linger.ms".to_owned(), linger.to_owned());
        let options = ProducerOptions::idempotent("p");
        let (_, settings) =
            ProduceSettings::new(&config, &options).unwrap_or_else(|e| panic!("{e}"));
        Common::new(settings, ProducerId { id: 1, epoch: 0 })
    }

    /// Writes so many records, of which two fit into a batch.
    fn write(at: &mut Writing, common: &Common, count: usize) {
        let mut buffer = RecordBuffer::new();
        (0..count).for_each(|_| buffer.push(0, None, Some(&[0; 100]), &Headers::new()));
        at.append(buffer.iter(), 320, common);
    }

    #[test]
    fn batches_go_one_after_the_other_and_again_under_their_number() {
        let common = common("0");
        let mut at = Writing::new(true);
        write(&mut at, &common, 5);
        let first = at.take().unwrap();
        assert_eq!((first.sequence, first.count()), (Some(0), 2));
        assert_eq!(at.lingers(&common), None, "one is on its way");
        at.give_back(first);
        write(&mut at, &common, 1);
        let first = at.take().unwrap();
        assert_eq!((first.sequence, first.count()), (Some(0), 2), "nothing is appended to it");
        at.acknowledge(&first, 40);
        common.recycle(first);
        assert_eq!((at.acknowledged, at.is_done()), (Some(42), false));
        let second = at.take().unwrap();
        assert_eq!(second.sequence, Some(2));
        at.refuse(&second, Code::MessageSizeTooLarge);
        common.recycle(second);
        assert_eq!((at.failure.take(), at.needs_leader()), (Some(Code::MessageSizeTooLarge), true));
        let third = at.take().unwrap();
        assert_eq!((third.sequence, third.count()), (Some(2), 2), "the number was given back");
        at.acknowledge(&third, -1);
        common.recycle(third);
        assert_eq!((at.acknowledged, at.is_done()), (Some(42), true));
        write(&mut at, &common, 1);
        let fourth = at.take().unwrap();
        at.give_back(fourth);
        let fourth = at.take().unwrap();
        at.refuse(&fourth, Code::TopicAuthorizationFailed);
        common.recycle(fourth);
        write(&mut at, &common, 1);
        at.failure = None;
        let fifth = at.take().unwrap();
        assert_eq!(fifth.sequence, Some(5), "the fourth may have been written");
        common.recycle(fifth);
        assert_eq!(common.unacknowledged.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_is_not_full_lingers() {
        let common = common("60000");
        let mut at = Writing::new(false);
        write(&mut at, &common, 1);
        assert_eq!(at.lingers(&common), None, "its transaction does not know of it");
        at.is_added = true;
        assert!(at.lingers(&common).is_some_and(|time| !time.is_zero()));
        common.is_urgent.store(true, Ordering::Relaxed);
        assert_eq!(at.lingers(&common), Some(Duration::ZERO));
        common.is_urgent.store(false, Ordering::Relaxed);
        write(&mut at, &common, 2);
        assert_eq!(at.lingers(&common), Some(Duration::ZERO), "the first one is full");
        at.take().map(|first| at.acknowledge(&first, 0)).unwrap();
        assert!(at.lingers(&common).is_some_and(|time| !time.is_zero()));
    }
}
