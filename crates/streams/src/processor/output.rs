use millstream_broker::{BrokerError, RecordBuffer};

/// A topic that a task writes to, looked up once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TopicHandle(pub(crate) u32);

/// Where nodes and stores leave what is to be produced: one buffer a partition, filled in place.
pub(crate) trait Output {
    /// Finds a topic by its full name.
    fn topic(&mut self, name: &str) -> Result<TopicHandle, BrokerError>;

    /// How many partitions it has.
    fn partitions(&self, topic: TopicHandle) -> u32;

    /// The largest record it takes, in encoded bytes.
    fn max_record_bytes(&self, topic: TopicHandle) -> usize;

    /// A partition for a record without a key; the choice sticks for a while.
    fn keyless_partition(&mut self, topic: TopicHandle) -> u32;

    /// The buffer of one partition, to append to.
    fn buffer(&mut self, topic: TopicHandle, partition: u32) -> &mut RecordBuffer;
}
