use std::fmt;
use std::sync::Arc;

use rocksdb::{
    BlockBasedOptions, Cache, DBCompactionStyle, DBCompressionType, LogLevel, Options,
    WriteBufferManager,
};

use super::newest::KnownKeys;

/// Changes the options of one store, or of the whole database (`None`).
pub type Customize = Arc<dyn Fn(Option<&str>, &mut Options) + Send + Sync>;

/// How blocks are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RocksCompression {
    /// Not at all.
    None,
    /// With LZ4, which costs next to nothing and halves most stores.
    #[default]
    Lz4,
}

/// How databases in RocksDB are opened.
#[derive(Clone)]
pub struct RocksOptions {
    /// Memory for blocks read and for writes that are not on disk yet, over all databases of the
    /// backend; writes take half of it at the most. While stores are restored from the beginning,
    /// up to a quarter comes on top, and always the indexes and filters of open files: about two
    /// bytes a key on disk; up to an eighth where windows are asked for by key. 128 MiB by
    /// default: room for four full write buffers, and less than two stores of Kafka Streams take by
    /// default.
    pub memory_budget: usize,
    /// How blocks are compressed.
    pub compression: RocksCompression,
    /// Changes what is set for a store (its name is given) or for the whole database (`None`),
    /// after all else. The budget is kept as long as block cache and write buffer manager are.
    pub customize: Option<Customize>,
}

impl Default for RocksOptions {
    fn default() -> Self {
        Self {
            memory_budget: 128 * 1024 * 1024,
            compression: RocksCompression::default(),
            customize: None,
        }
    }
}

impl fmt::Debug for RocksOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RocksOptions")
            .field("memory_budget", &self.memory_budget)
            .field("compression", &self.compression)
            .field("customize", &self.customize.is_some())
            .finish()
    }
}

/// A write buffer is flushed when it holds so much: small enough that inserting stays in the
/// processor's caches, and that a crash loses little.
const WRITE_BUFFER: usize = 16 * 1024 * 1024;
/// The smallest budget: below this every write would be a flush.
const LEAST_BUDGET: usize = 4 * 1024 * 1024;

/// What all databases of a backend share.
pub(super) struct Memory {
    options: RocksOptions,
    cache: Cache,
    writes: WriteBufferManager,
    pub(super) known_keys: Arc<KnownKeys>,
}

impl Memory {
    pub(super) fn new(options: RocksOptions) -> Self {
        let budget = options.memory_budget.max(LEAST_BUDGET);
        let cache = Cache::new_lru_cache(budget);
        // No stall: a stream thread must not wait for the flush of another's database.
        let writes = WriteBufferManager::new_write_buffer_manager_with_cache(
            budget / 2,
            false,
            cache.clone(),
        );
        let known_keys = Arc::new(KnownKeys::new(budget / 8));
        Self { options, cache, writes, known_keys }
    }

    fn budget(&self) -> usize {
        self.options.memory_budget.max(LEAST_BUDGET)
    }

    /// What one store's restore may hold back.
    pub(super) fn restore_bytes(&self) -> usize {
        WRITE_BUFFER.min(self.budget() / 4)
    }

    /// What all restores may hold back.
    pub(super) fn all_restores_bytes(&self) -> usize {
        self.budget() / 4
    }

    /// Options of a whole database.
    pub(super) fn database(&self) -> Options {
        let mut options = Options::default();
        options.set_write_buffer_manager(&self.writes);
        // Threads belong to the process, not to a database: one flushes, one compacts.
        options.set_max_background_jobs(2);
        options.set_stats_dump_period_sec(0);
        options.set_stats_persist_period_sec(0);
        options.set_max_open_files(64);
        options.set_table_cache_num_shard_bits(2);
        options.set_manifest_preallocation_size(64 * 1024);
        options.set_log_level(LogLevel::Warn);
        options.set_max_log_file_size(1024 * 1024);
        options.set_keep_log_file_num(2);
        self.customize(None, &mut options);
        options
    }

    /// Options of a store.
    pub(super) fn store(&self, store: &str) -> Options {
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(&self.cache);
        table.set_block_size(4 * 1024);
        table.set_data_block_index_type(rocksdb::DataBlockIndexType::BinaryAndHash);
        table.set_bloom_filter(10.0, false);
        table.set_optimize_filters_for_memory(true);
        // Indexes and filters stay with the open files: in the block cache they crowd each other
        // out as soon as a shard of it holds two, and are then read again and again.
        table.set_cache_index_and_filter_blocks(false);
        let mut options = Options::default();
        options.set_block_based_table_factory(&table);
        options.set_write_buffer_size(WRITE_BUFFER.min(self.budget() / 4));
        // A flush in the background leaves room for those to come, so that nobody waits for it.
        options.set_max_write_buffer_number(4);
        // A key that is not in the write buffer is not looked for in it.
        options.set_memtable_prefix_bloom_ratio(0.05);
        options.set_memtable_whole_key_filtering(true);
        // As Kafka Streams has it: small flushes are merged with one another and not, each time,
        // with everything there is.
        options.set_compaction_style(DBCompactionStyle::Universal);
        // A restore leaves many files in the first level; nobody is to wait until they are merged,
        // and a few of them are merged no sooner than there is time for it.
        options.set_level_zero_file_num_compaction_trigger(8);
        options.set_level_zero_slowdown_writes_trigger(64);
        options.set_level_zero_stop_writes_trigger(128);
        options.set_target_file_size_base(32 * 1024 * 1024);
        options.set_compression_type(match self.options.compression {
            RocksCompression::None => DBCompressionType::None,
            RocksCompression::Lz4 => DBCompressionType::Lz4,
        });
        self.customize(Some(store), &mut options);
        options
    }

    fn customize(&self, store: Option<&str>, options: &mut Options) {
        if let Some(customize) = &self.options.customize {
            customize(store, options);
        }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.options.fmt(f)
    }
}
