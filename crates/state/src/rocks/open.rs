//! How a database comes to be: opened as it is, or set aside and made anew.

use std::fs;
use std::path::Path;

use rocksdb::{ColumnFamilyDescriptor, DB, DEFAULT_COLUMN_FAMILY_NAME, FlushOptions};

use super::backend::OpenTask;
use super::commit::write_options;
use super::database::{RocksDatabase, Store};
use super::failure::{failure, is_damage};
use super::layout::{APPLICATION_KEY, FORMAT, FORMAT_KEY, MARK, USED_KEY, number};
use super::restore::delete_leftovers;
use crate::StateError;

/// Name of the file that says that a database is damaged, though it may open.
pub(super) const CONDEMNED: &str = "CORRUPT";

/// Why a database cannot be used as it is.
enum Unusable {
    /// Nothing but another one helps.
    Broken(String),
    Error(StateError),
}

/// A database whose stores are all there, each with its offset, and when it was in use last.
type Opened = (DB, Vec<Store>, Option<i64>);

/// Opens the database of a task, a new one if what is there is none of ours or damaged.
pub(super) fn open_database(open: OpenTask, stores: &[&str]) -> Result<RocksDatabase, StateError> {
    let path = open.shared.directory.task(&open.task);
    let opened = match open_stores(&open, &path, stores) {
        Err(Unusable::Broken(why)) => {
            open.shared.directory.set_aside(&open.task, &why)?;
            open_stores(&open, &path, stores)
        }
        opened => opened,
    };
    match opened {
        Ok((db, stores, used_at)) => Ok(RocksDatabase::new(db, stores, used_at, path, open)),
        Err(Unusable::Error(error)) => Err(error),
        Err(Unusable::Broken(why)) => Err(StateError::failed(
            &open.task,
            format!(
                "a new database in {} is damaged at once: {why}; check the disk",
                path.display()
            ),
        )),
    }
}

fn open_stores(open: &OpenTask, path: &Path, stores: &[&str]) -> Result<Opened, Unusable> {
    let unusable = |error| unusable(open, path, error);
    let (mut db, there) = if path.exists() {
        open_existing(open, path)?
    } else {
        (create(open, path).map_err(unusable)?, Vec::new())
    };
    let gone = |name: &String| name != DEFAULT_COLUMN_FAMILY_NAME && !stores.contains(&&**name);
    for store in there.iter().filter(|name| gone(name)) {
        tracing::info!("state of task {}: store '{store}' is gone from the program", open.task);
        db.drop_cf(store).map_err(unusable)?;
    }
    let mut opened = Vec::with_capacity(stores.len());
    for store in stores {
        let is_new = db.cf_handle(store).is_none();
        let offset = match db.cf_handle(store) {
            Some(family) => {
                let mark = db.get_pinned_cf(family, MARK).map_err(unusable)?;
                mark.and_then(|mark| number(&mark))
            }
            None => {
                db.create_cf(store, &open.shared.memory.store(store)).map_err(unusable)?;
                None
            }
        };
        opened.push(Store::new(store, offset, is_new));
    }
    let used = db.get_pinned(USED_KEY).map_err(unusable)?.and_then(|used| number(&used));
    Ok((db, opened, used))
}

fn unusable(open: &OpenTask, path: &Path, error: rocksdb::Error) -> Unusable {
    if is_damage(&error) {
        Unusable::Broken(error.into_string())
    } else {
        Unusable::Error(failure(&open.task, path, &error))
    }
}

/// The database at `path`, with the names of its families.
fn open_existing(open: &OpenTask, path: &Path) -> Result<(DB, Vec<String>), Unusable> {
    let broken = |why: &str| Err(Unusable::Broken(why.to_owned()));
    if !path.is_dir() {
        return broken("it is no directory");
    }
    if path.join(CONDEMNED).exists() {
        return broken("it was found damaged while it was in use");
    }
    if !path.join("CURRENT").exists() {
        return broken("it is not a database, or parts of it are missing");
    }
    delete_leftovers(path);
    let unusable = |error| unusable(open, path, error);
    let memory = &open.shared.memory;
    let options = memory.database();
    let names = DB::list_cf(&options, path).map_err(unusable)?;
    let families = names.iter().map(|name| ColumnFamilyDescriptor::new(name, memory.store(name)));
    let db = DB::open_cf_descriptors(&options, path, families).map_err(unusable)?;
    let read = |key| db.get(key).map_err(unusable);
    match read(FORMAT_KEY)?.as_deref() {
        Some([FORMAT]) => {}
        Some(other) => {
            let why = format!("it is of format {other:?}, and this version knows [{FORMAT}]");
            return Err(Unusable::Broken(why));
        }
        None => return broken("it is a database, but none of ours"),
    }
    match read(APPLICATION_KEY)? {
        Some(name) if name == open.shared.application.as_bytes() => Ok((db, names)),
        other => {
            let name = String::from_utf8_lossy(&other.unwrap_or_default()).into_owned();
            Err(Unusable::Broken(format!("it belongs to the application '{name}'")))
        }
    }
}

fn create(open: &OpenTask, path: &Path) -> Result<DB, rocksdb::Error> {
    let memory = &open.shared.memory;
    let mut options = memory.database();
    options.create_if_missing(true);
    let default = memory.store(DEFAULT_COLUMN_FAMILY_NAME);
    let families = [ColumnFamilyDescriptor::new(DEFAULT_COLUMN_FAMILY_NAME, default)];
    let made = DB::open_cf_descriptors(&options, path, families).and_then(|db| {
        db.put_opt(APPLICATION_KEY, open.shared.application.as_bytes(), &write_options())?;
        db.put_opt(FORMAT_KEY, [FORMAT], &write_options())?;
        db.flush_opt(&FlushOptions::default())?;
        Ok(db)
    });
    if made.is_err() {
        // Half of a database is not found again.
        let _half = fs::remove_dir_all(path);
    }
    made
}
