//! Where an application keeps its stores, by its settings.

use std::sync::Arc;

use millstream_state::{MemoryBackend, StateBackend};

use super::{Config, StoreKind};
use crate::error::Error;
use crate::topology::Topology;

/// Whether this build can do what the settings ask for.
pub(super) fn check(config: &Config) -> Result<(), Error> {
    if config.default_dsl_store() == StoreKind::RocksDb && !cfg!(feature = "rocksdb") {
        return Err(Error::Config(
            "`default.dsl.store` = `rocksDB` needs the crate's feature `rocksdb`: switch it on in Cargo.toml, or set `in_memory`".to_owned(),
        ));
    }
    Ok(())
}

/// Opens it. What is on disk belongs to this process until the last thread has dropped it.
pub(super) fn open(config: &Config) -> Result<Arc<dyn StateBackend>, Error> {
    check(config)?;
    #[cfg(feature = "rocksdb")]
    if config.default_dsl_store() == StoreKind::RocksDb {
        use millstream_state::rocks::{RocksBackend, RocksOptions};
        let options = RocksOptions {
            memory_budget: config.rocksdb_memory_budget_bytes(),
            ..RocksOptions::default()
        };
        let backend = RocksBackend::open(config.state_dir(), config.application_id(), options)?;
        return Ok(Arc::new(backend));
    }
    Ok(Arc::new(MemoryBackend))
}

/// All backends of an application, each once: that of its stores in general, and those that single
/// stores have.
pub(super) fn backends<'a>(
    in_general: &'a dyn StateBackend,
    topology: &'a Topology,
) -> Vec<&'a dyn StateBackend> {
    let mut all = vec![in_general];
    for backend in topology.inner.stores.iter().filter_map(|store| store.backend.as_deref()) {
        if all.iter().all(|known| known.place() != backend.place()) {
            all.push(backend);
        }
    }
    all
}

#[cfg(all(test, not(feature = "rocksdb")))]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_rocksdb_says_so() {
        let config = Config::new("app").with_default_dsl_store(StoreKind::RocksDb);
        let error = check(&config).unwrap_err().to_string();
        assert!(error.contains("feature `rocksdb`"), "{error}");
        assert!(check(&Config::new("app").with_state_dir("/somewhere")).is_ok());
    }
}
