//! The table of all settings: a key, its rule, its default, and its place and methods in
//! [`Config`]. Nothing about a setting is written anywhere else.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::clients::ClientSettings;
use super::rules::{
    BYTES, COUNT, ERROR_POLICY, GROUP_PROTOCOL, GUARANTEE, MILLIS, MILLIS_OR_NOTHING,
    MILLIS_OR_OFF, NAME, OFFSET_RESET, OPTIMIZATION, PATH, REPLICAS, SERVERS, STORE, TEXT,
    THREAD_EXCEPTION, YES_OR_NO,
};
use super::setting::{Setting, settings};
use super::{AutoOffsetReset, GroupProtocol, Guarantee, StoreKind, ThreadExceptionPolicy};
use crate::error::ErrorPolicy;
use crate::topology::Optimization;

settings! {
    /// The name of the application: of its group, and in front of its internal topics and
    /// transactions.
    "application.id": NAME, default "", example "word-count";
    application_id: String;
    get application_id(self) -> &str { &self.application_id }
    set with_application_id(name: impl Into<String>) { name.into() }

    /// The Kafka cluster to run on: brokers to begin with, `host:port` with commas between; if
    /// nothing is set, a broker inside the process. Needs the feature `kafka`.
    "bootstrap.servers": SERVERS, default "", example "localhost:9092";
    bootstrap_servers: Option<String>;
    get bootstrap_servers(self) -> Option<&str> { self.bootstrap_servers.as_deref() }
    set with_bootstrap_servers(servers: impl Into<String>) { Some(servers.into()) }

    /// The name of this instance in the broker's logs; made up if there is none.
    "client.id": TEXT, default "", example "word-count-1";
    client_id: Option<String>;
    get client_id(self) -> Option<&str> { self.client_id.as_deref() }
    set with_client_id(name: impl Into<String>) { Some(name.into()) }

    /// The lasting name of this instance in its group, so that a restart moves no tasks (KIP-345).
    "group.instance.id": TEXT, default "", example "word-count-1";
    group_instance_id: Option<String>;
    get group_instance_id(self) -> Option<&str> { self.group_instance_id.as_deref() }
    set with_group_instance_id(name: impl Into<String>) { Some(name.into()) }

    /// By which protocol instances agree who does what, on a Kafka cluster.
    "group.protocol": GROUP_PROTOCOL, default "classic", example "consumer";
    group_protocol: GroupProtocol;
    get group_protocol(self) -> GroupProtocol { self.group_protocol }
    set with_group_protocol(protocol: GroupProtocol) { protocol }

    /// How long an instance on a Kafka cluster may be silent before its tasks go to others. No
    /// garbage collector holds one up, so it is shorter than Kafka's own 45000. With
    /// `group.protocol=consumer` the broker's setting counts.
    "session.timeout.ms": MILLIS, default "10000", example "10000";
    session_timeout: Duration;
    get session_timeout(self) -> Duration { self.session_timeout }
    set with_session_timeout(time: Duration) { time }

    /// How often an instance on a Kafka cluster shows that it lives, and hears of changes. With
    /// `group.protocol=consumer` the broker's setting counts.
    "heartbeat.interval.ms": MILLIS, default "300", example "300";
    heartbeat_interval: Duration;
    get heartbeat_interval(self) -> Duration { self.heartbeat_interval }
    set with_heartbeat_interval(interval: Duration) { interval }

    /// Whether an instance that is closed leaves its group, so that others have its tasks at once.
    /// One with a lasting name (`group.instance.id`, or a `state.dir` on disk) may stay instead, to
    /// have its own tasks again when it comes back; nobody has them meanwhile, until
    /// `session.timeout.ms` is over. That is for rolling restarts (KIP-1153).
    "leave.group.on.close": YES_OR_NO, default "true", example "false";
    leave_group_on_close: bool;
    get leave_group_on_close(self) -> bool { self.leave_group_on_close }
    set with_leave_group_on_close(leaves: bool) { leaves }

    /// How many stream threads this instance runs.
    "num.stream.threads": COUNT, default "1", example "4";
    num_stream_threads: usize;
    get num_stream_threads(self) -> usize { self.num_stream_threads }
    set with_num_stream_threads(threads: usize) { threads }

    /// Whether a record counts exactly once or at least once. Kafka's own default is
    /// `at_least_once`.
    "processing.guarantee": GUARANTEE, default "exactly_once_v2", example "at_least_once";
    processing_guarantee: Guarantee;
    get processing_guarantee(self) -> Guarantee { self.processing_guarantee }
    set with_processing_guarantee(guarantee: Guarantee) { guarantee }

    /// How often offsets, output and state are committed; if nothing is set, every 100 ms exactly
    /// once and every 30000 ms at least once.
    "commit.interval.ms": MILLIS_OR_NOTHING, default "", example "100";
    commit_interval: Option<Duration>;
    get commit_interval(self) -> Duration {
        self.commit_interval.unwrap_or(match self.processing_guarantee {
            Guarantee::ExactlyOnce => Duration::from_millis(100),
            Guarantee::AtLeastOnce => Duration::from_secs(30),
        })
    }
    set with_commit_interval(interval: Duration) { Some(interval) }

    /// Memory for updates of stores that wait to be written together, over all threads of this
    /// instance; 0 writes and forwards every update by itself (KIP-770).
    "statestore.cache.max.bytes": BYTES, default "10485760", example "0";
    statestore_cache_max_bytes: usize;
    get statestore_cache_max_bytes(self) -> usize { self.statestore_cache_max_bytes }
    set with_statestore_cache_max_bytes(bytes: usize) { bytes }

    /// How long a task with several inputs waits for records of an empty one before it goes on
    /// out of order; 0 only for records that are on the broker already, -1 (`None`) not at all
    /// (KIP-353, KIP-695).
    "max.task.idle.ms": MILLIS_OR_OFF, default "0", example "1000";
    max_task_idle: Option<Duration>;
    get max_task_idle(self) -> Option<Duration> { self.max_task_idle }
    set with_max_task_idle(time: impl Into<Option<Duration>>) { time.into() }

    /// How far one record may push a task's stream time. One that is further ahead is dropped and
    /// counted, so that a wrong clock somewhere does not close all windows at once; -1 (`None`) is
    /// no limit. Choose more than the input ever pauses: after a longer pause every record would be
    /// too far ahead. The first record of a task may have any time, and the application's own topics
    /// are not asked. Kafka Streams has no such setting.
    "max.stream.time.advance.ms": MILLIS_OR_OFF, default "-1", example "604800000";
    max_stream_time_advance: Option<Duration>;
    get max_stream_time_advance(self) -> Option<Duration> { self.max_stream_time_advance }
    set with_max_stream_time_advance(time: impl Into<Option<Duration>>) { time.into() }

    /// Where reading begins in a partition for which nothing is committed, or whose next record is
    /// deleted; the application's own topics are always read from the beginning.
    "auto.offset.reset": OFFSET_RESET, default "earliest", example "latest";
    auto_offset_reset: AutoOffsetReset;
    get auto_offset_reset(self) -> AutoOffsetReset { self.auto_offset_reset }
    set with_auto_offset_reset(reset: AutoOffsetReset) { reset }

    /// How many records of a partition wait in memory before no more are fetched.
    "buffered.records.per.partition": COUNT, default "1000", example "1000";
    buffered_records_per_partition: usize;
    get buffered_records_per_partition(self) -> usize { self.buffered_records_per_partition }
    set with_buffered_records_per_partition(records: usize) { records }

    /// How long a stream thread without work waits for records.
    "poll.ms": MILLIS, default "100", example "100";
    poll_timeout: Duration;
    get poll_timeout(self) -> Duration { self.poll_timeout }
    set with_poll_timeout(time: Duration) { time }

    /// How long a stream thread may take between two fetches before its tasks go to others.
    "max.poll.interval.ms": MILLIS, default "300000", example "300000";
    max_poll_interval: Duration;
    get max_poll_interval(self) -> Duration { self.max_poll_interval }
    set with_max_poll_interval(time: Duration) { time }

    /// After how long the broker aborts a transaction that is neither committed nor aborted.
    "transaction.timeout.ms": MILLIS, default "10000", example "10000";
    transaction_timeout: Duration;
    get transaction_timeout(self) -> Duration { self.transaction_timeout }
    set with_transaction_timeout(time: Duration) { time }

    /// How often records that were processed are deleted from repartition topics (KIP-811).
    "repartition.purge.interval.ms": MILLIS, default "30000", example "30000";
    repartition_purge_interval: Duration;
    get repartition_purge_interval(self) -> Duration { self.repartition_purge_interval }
    set with_repartition_purge_interval(interval: Duration) { interval }

    /// Replicas of internal topics; -1 (`None`) is what the broker takes by itself.
    "replication.factor": REPLICAS, default "-1", example "3";
    replication_factor: Option<u16>;
    get replication_factor(self) -> Option<u16> { self.replication_factor }
    set with_replication_factor(replicas: u16) { Some(replicas) }

    /// The directory in which applications keep their state, each in one of its own; if nothing is
    /// set, `millstream` in the system's directory for temporary files. Setting it keeps stores on
    /// disk, where the crate was built for that (`default.dsl.store`). No two instances may share
    /// it.
    "state.dir": PATH, default "", example "/var/lib/millstream";
    state_dir: Option<PathBuf>;
    get state_dir(self) -> PathBuf {
        self.state_dir.clone().unwrap_or_else(|| std::env::temp_dir().join("millstream"))
    }
    set with_state_dir(directory: impl Into<PathBuf>) { Some(directory.into()) }

    /// Where stores are kept; if nothing is set, on disk when the crate has the feature `rocksdb` and
    /// `state.dir` is set, else in memory (KIP-591).
    "default.dsl.store": STORE, default "", example "rocksDB";
    default_dsl_store: Option<StoreKind>;
    get default_dsl_store(self) -> StoreKind {
        let on_disk = cfg!(feature = "rocksdb") && self.state_dir.is_some();
        let kind = if on_disk { StoreKind::RocksDb } else { StoreKind::InMemory };
        self.default_dsl_store.unwrap_or(kind)
    }
    set with_default_dsl_store(kind: StoreKind) { Some(kind) }

    /// How long the databases of tasks that have gone to other instances are kept on disk, to
    /// restore little if they come back.
    "state.cleanup.delay.ms": MILLIS, default "600000", example "600000";
    state_cleanup_delay: Duration;
    get state_cleanup_delay(self) -> Duration { self.state_cleanup_delay }
    set with_state_cleanup_delay(delay: Duration) { delay }

    /// Memory that all databases on disk take together for blocks they have read and for writes
    /// that are not on disk yet. Indexes and filters come on top, about two bytes a key.
    "rocksdb.memory.budget.bytes": BYTES, default "134217728", example "268435456";
    rocksdb_memory_budget_bytes: usize;
    get rocksdb_memory_budget_bytes(self) -> usize { self.rocksdb_memory_budget_bytes }
    set with_rocksdb_memory_budget_bytes(bytes: usize) { bytes }

    /// What happens to a record whose bytes cannot be read. Kafka's handlers are understood by
    /// their class names.
    "deserialization.exception.handler": ERROR_POLICY, default "fail", example "skip";
    deserialization_exception_handler: ErrorPolicy;
    get deserialization_exception_handler(self) -> ErrorPolicy {
        self.deserialization_exception_handler
    }
    set with_deserialization_exception_handler(policy: ErrorPolicy) { policy }

    /// What happens to a record that an operator or processor fails on (KIP-1033). Kafka's
    /// handlers are understood by their class names.
    "processing.exception.handler": ERROR_POLICY, default "fail", example "skip";
    processing_exception_handler: ErrorPolicy;
    get processing_exception_handler(self) -> ErrorPolicy { self.processing_exception_handler }
    set with_processing_exception_handler(policy: ErrorPolicy) { policy }

    /// What happens to a record that cannot be written. Kafka's handlers are understood by their
    /// class names.
    "production.exception.handler": ERROR_POLICY, default "fail", example "skip";
    production_exception_handler: ErrorPolicy;
    get production_exception_handler(self) -> ErrorPolicy { self.production_exception_handler }
    set with_production_exception_handler(policy: ErrorPolicy) { policy }

    /// The topic to which records go that cannot be read, processed or written, skipped or not:
    /// key, value and headers as they were read, and what went wrong in headers
    /// `__streams.errors.…` (KIP-1034); if nothing is set, they are only logged. It must exist.
    /// Where the policy is to fail, each attempt writes one; with exactly-once it is aborted with its
    /// transaction, and only readers of uncommitted records see it. Nothing is written for global
    /// tables.
    "errors.dead.letter.queue.topic.name": TEXT, default "", example "dead-letters";
    dead_letter_topic: Option<String>;
    get dead_letter_topic(self) -> Option<&str> { self.dead_letter_topic.as_deref() }
    set with_dead_letter_topic(topic: impl Into<String>) { Some(topic.into()) }

    /// What happens when a stream thread dies of an error (KIP-671; in Kafka a handler in code,
    /// here a word).
    "stream.thread.exception.handler": THREAD_EXCEPTION, default "shutdown_client",
        example "replace_thread";
    stream_thread_exception_handler: ThreadExceptionPolicy;
    get stream_thread_exception_handler(self) -> ThreadExceptionPolicy {
        self.stream_thread_exception_handler
    }
    set with_stream_thread_exception_handler(policy: ThreadExceptionPolicy) { policy }

    /// What may be rearranged when the topology is run. Not to be changed while there is state.
    "topology.optimization": OPTIMIZATION, default "none", example "none";
    topology_optimization: Optimization;
    get topology_optimization(self) -> Optimization { self.topology_optimization }
    set with_topology_optimization(optimization: Optimization) { optimization }
}
