//! Databases that come back, that are damaged, and that are somebody else's.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::layout::{FORMAT_KEY, number};
use super::{RocksBackend, RocksOptions};
use crate::{CommitBatch, Database, KeyRange, RestoreBatch, ScanOrder, StateBackend, StateError};

fn backend(root: &Path) -> RocksBackend {
    RocksBackend::open(root, "app", RocksOptions::default()).unwrap()
}

fn open(backend: &RocksBackend) -> Box<dyn Database> {
    backend.open("0_1", &["a", "b"]).unwrap()
}

fn write(database: &mut dyn Database, store: usize, keys: std::ops::Range<u32>, offset: i64) {
    let mut batch = CommitBatch::new(2);
    for key in keys {
        batch.write(store, &key.to_le_bytes(), Some(&[7; 100]));
    }
    batch.set_offset(store, offset);
    database.commit(&mut batch).unwrap();
}

fn count(database: &dyn Database, store: usize) -> Result<usize, StateError> {
    let entries = database.scan(store, &KeyRange::all(), ScanOrder::Forward);
    entries.map(|entry| entry.map(|_| 1)).sum()
}

/// The task's directory after a life in which a thousand entries were persisted.
fn filled(root: &Path) -> std::path::PathBuf {
    let backend = backend(root);
    let mut database = open(&backend);
    write(&mut *database, 0, 0..1000, 1000);
    database.persist(5, true).unwrap();
    root.join("app/0_1")
}

fn file_with(directory: &Path, what: &str) -> std::path::PathBuf {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> =
        entries.filter(|path| path.file_name().unwrap().to_str().unwrap().contains(what)).collect();
    found.sort_by_key(|path| fs::metadata(path).unwrap().len());
    found.pop().unwrap()
}

/// Copies the files of this moment, which are all that a crash leaves.
fn crash(from: &Path, to: &Path) {
    let (from, to) = (from.join("app/0_1"), to.join("app/0_1"));
    fs::create_dir_all(&to).unwrap();
    for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[test]
fn a_crash_takes_data_and_offset_back_together() {
    let (root, crashed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = backend(root.path());
    let mut database = open(&first);
    assert_eq!((database.changelog_offset(0), database.used_at()), (None, None));
    write(&mut *database, 0, 0..10, 10);
    database.persist(1234, true).unwrap();
    write(&mut *database, 0, 0..20, 20);
    write(&mut *database, 1, 0..5, 5);
    assert_eq!(database.changelog_offset(0), Some(20));
    crash(root.path(), crashed.path());
    let backend = backend(crashed.path());
    let database = open(&backend);
    assert_eq!((database.changelog_offset(0), database.changelog_offset(1)), (Some(10), None));
    assert_eq!((count(&*database, 0).unwrap(), count(&*database, 1).unwrap()), (10, 0));
    assert_eq!(database.used_at(), Some(1234));
}

#[test]
fn stores_are_known_by_their_names() {
    let root = tempfile::tempdir().unwrap();
    filled(root.path());
    let backend = backend(root.path());
    let database = backend.open("0_1", &["new", "a"]).unwrap();
    assert_eq!((database.changelog_offset(0), database.changelog_offset(1)), (None, Some(1000)));
    assert_eq!(count(&*database, 1).unwrap(), 1000);
    assert!((900..=1100).contains(&database.approximate_len(1)));
    drop(database);
    // One that was gone for a while comes back empty.
    let database = open(&backend);
    assert_eq!((database.changelog_offset(1), count(&*database, 1).unwrap()), (None, 0));
}

#[test]
fn a_large_restore_is_there_with_its_offset() {
    let root = tempfile::tempdir().unwrap();
    let options = RocksOptions {
        memory_budget: 8 << 20,
        // No file goes away while it is copied.
        customize: Some(Arc::new(|_, options| options.set_disable_auto_compactions(true))),
        ..RocksOptions::default()
    };
    let backend = RocksBackend::open(root.path(), "app", options).unwrap();
    let mut database = open(&backend);
    let value = [1u8; 1000];
    for round in 0..11i64 {
        let mut records = RestoreBatch::default();
        for key in 0..1000u32 {
            // The later round wins, in one table file and over several.
            records.push(&key.to_le_bytes(), Some(&[&round.to_be_bytes(), &value]));
            records.push(&[b'x', key as u8], (round < 10).then_some(&[&value[..]]));
        }
        database.restore(0, &mut records, (round + 1) * 2000).unwrap();
    }
    // A crash in the middle takes back what was held back only.
    let crashed = tempfile::tempdir().unwrap();
    crash(root.path(), crashed.path());
    {
        let backend = self::backend(crashed.path());
        let database = open(&backend);
        let offset = database.changelog_offset(0).unwrap();
        assert!(offset > 0 && offset < 22_000, "{offset}");
        let value = database.get(0, &5u32.to_le_bytes()).unwrap().unwrap();
        assert_eq!(number(&value[..8]), Some(offset / 2000 - 1));
    }
    database.persist(1, true).unwrap();
    drop(database);
    let database = open(&backend);
    assert_eq!(database.changelog_offset(0), Some(22_000));
    assert_eq!(count(&*database, 0).unwrap(), 1000);
    let value = database.get(0, &5u32.to_le_bytes()).unwrap().unwrap();
    assert_eq!(number(&value[..8]), Some(10));
}

#[test]
fn a_large_commit_outlives_a_crash_with_its_offset() {
    let (root, crashed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = backend(root.path());
    let mut database = open(&first);
    let large = |database: &mut dyn Database, round: u8, offset: i64| {
        let mut batch = CommitBatch::new(2);
        for key in 0..6000u32 {
            // Deletes go into the file, too.
            let value = (key % 5 != u32::from(round)).then_some([round; 1000]);
            batch.write(0, &key.to_le_bytes(), value.as_ref().map(<[u8; 1000]>::as_slice));
        }
        batch.write(1, b"small", Some(&[round]));
        batch.set_offset(0, offset);
        batch.set_offset(1, offset);
        database.commit(&mut batch).unwrap();
        assert!(batch.is_empty());
    };
    large(&mut *database, 0, 10);
    large(&mut *database, 1, 20);
    // What is in a memtable is not overtaken by a file.
    write(&mut *database, 0, 0..10, 30);
    large(&mut *database, 2, 40);
    assert_eq!(database.changelog_offset(0), Some(40));
    crash(root.path(), crashed.path());
    let backend = backend(crashed.path());
    let recovered = open(&backend);
    assert_eq!((recovered.changelog_offset(0), recovered.changelog_offset(1)), (Some(20), None));
    for (database, round, entries) in [(recovered, 1, 4800), (database, 2, 4800)] {
        for key in 100..200u32 {
            let found = database.get(0, &key.to_le_bytes()).unwrap();
            let wanted = (key % 5 != round).then_some([round as u8; 1000]);
            assert_eq!(found.as_deref(), wanted.as_ref().map(<[u8; 1000]>::as_slice));
        }
        assert_eq!(count(&*database, 0).unwrap() / 100, entries / 100);
    }
}

/// Opens what was damaged, and finds an empty database.
fn assert_set_aside(root: &Path) {
    let backend = backend(root);
    let mut database = open(&backend);
    assert_eq!((database.changelog_offset(0), count(&*database, 0).unwrap()), (None, 0));
    write(&mut *database, 0, 0..10, 10);
    database.persist(1, true).unwrap();
    drop(database);
    assert_eq!(count(&*open(&backend), 0).unwrap(), 10);
    assert!(root.join("app/0_1.broken-1").exists());
}

#[test]
fn a_manifest_cut_short() {
    let root = tempfile::tempdir().unwrap();
    let manifest = file_with(&filled(root.path()), "MANIFEST");
    let bytes = fs::read(&manifest).unwrap();
    fs::write(&manifest, &bytes[..20]).unwrap();
    assert_set_aside(root.path());
}

#[test]
fn a_missing_current() {
    let root = tempfile::tempdir().unwrap();
    fs::remove_file(filled(root.path()).join("CURRENT")).unwrap();
    assert_set_aside(root.path());
}

#[test]
fn a_missing_table_file() {
    let root = tempfile::tempdir().unwrap();
    fs::remove_file(file_with(&filled(root.path()), ".sst")).unwrap();
    assert_set_aside(root.path());
}

#[test]
fn flipped_bytes_are_found_when_they_are_read() {
    let root = tempfile::tempdir().unwrap();
    let backend = backend(root.path());
    let mut database = open(&backend);
    write(&mut *database, 0, 0..100_000, 100_000);
    database.persist(5, true).unwrap();
    drop(database);
    let table = file_with(&root.path().join("app/0_1"), ".sst");
    let mut bytes = fs::read(&table).unwrap();
    // Not the first block, which is read when the database is opened.
    let middle = bytes.len() / 2;
    bytes[middle..middle + 100].iter_mut().for_each(|byte| *byte ^= 0x55);
    fs::write(&table, bytes).unwrap();
    let database = open(&backend);
    assert_eq!(database.changelog_offset(0), Some(100_000));
    let error = count(&*database, 0).unwrap_err();
    assert!(error.is_corrupt() && error.reason.contains("app/0_1"), "{error}");
    drop((database, backend));
    assert_set_aside(root.path());
}

#[test]
fn flipped_bytes_are_found_when_they_are_opened() {
    let root = tempfile::tempdir().unwrap();
    let table = file_with(&filled(root.path()), ".sst");
    let mut bytes = fs::read(&table).unwrap();
    bytes[100..200].iter_mut().for_each(|byte| *byte ^= 0x55);
    fs::write(&table, bytes).unwrap();
    assert_set_aside(root.path());
}

#[test]
fn foreign_files_and_databases() {
    let root = tempfile::tempdir().unwrap();
    let task = root.path().join("app/0_1");
    fs::create_dir_all(task.join("photos")).unwrap();
    fs::write(task.join("notes.txt"), "mine").unwrap();
    assert_set_aside(root.path());
    assert_eq!(fs::read_to_string(root.path().join("app/0_1.broken-1/notes.txt")).unwrap(), "mine");

    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("app")).unwrap();
    rocksdb::DB::open_default(root.path().join("app/0_1")).unwrap().put(b"k", b"v").unwrap();
    assert_set_aside(root.path());
}

#[test]
fn a_database_of_another_application() {
    let root = tempfile::tempdir().unwrap();
    filled(root.path());
    fs::rename(root.path().join("app"), root.path().join("other")).unwrap();
    let backend = RocksBackend::open(root.path(), "other", RocksOptions::default()).unwrap();
    assert_eq!(open(&backend).changelog_offset(0), None);
    assert!(root.path().join("other/0_1.broken-1").exists());
}

#[test]
fn a_newer_format() {
    let root = tempfile::tempdir().unwrap();
    let task = filled(root.path());
    let names = ["default", "a", "b"];
    let db = rocksdb::DB::open_cf(&rocksdb::Options::default(), task, names).unwrap();
    db.put(FORMAT_KEY, [200]).unwrap();
    drop(db);
    assert_set_aside(root.path());
}

#[test]
fn the_last_two_are_kept_aside() {
    let root = tempfile::tempdir().unwrap();
    for life in 0..4 {
        fs::create_dir_all(root.path().join("app/0_1")).unwrap();
        fs::write(root.path().join("app/0_1/life"), [life]).unwrap();
        drop(open(&backend(root.path())));
        fs::remove_dir_all(root.path().join("app/0_1")).unwrap();
    }
    let kept = |n| fs::read(root.path().join(format!("app/0_1.broken-{n}/life"))).unwrap();
    assert_eq!((kept(1), kept(2)), (vec![2], vec![3]));
}

#[test]
fn one_owner_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    let first = backend(root.path());
    let error = RocksBackend::open(root.path(), "app", RocksOptions::default()).unwrap_err();
    assert!(error.reason.contains("in use") && error.reason.contains("state.dir"), "{error}");
    let database = open(&first);
    let busy = first.open("0_1", &["a"]).err().unwrap();
    assert!(busy.is_busy(), "{busy}");
    drop(database);
    open(&first);
}

#[test]
fn a_file_in_the_way_is_no_damage_of_ours() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("app"), "a file").unwrap();
    let error = RocksBackend::open(root.path(), "app", RocksOptions::default()).unwrap_err();
    assert!(!error.is_corrupt() && error.reason.contains("cannot make the directory"), "{error}");
}

#[test]
fn the_identity_lasts() {
    let root = tempfile::tempdir().unwrap();
    let made = backend(root.path()).identity(&|| "one".to_owned()).unwrap();
    let kept = backend(root.path()).identity(&|| "two".to_owned()).unwrap();
    assert_eq!((made.as_deref(), kept.as_deref()), (Some("one"), Some("one")));
}

#[test]
fn what_nobody_opens_is_deleted_after_the_delay() {
    let root = tempfile::tempdir().unwrap();
    let task = filled(root.path());
    let backend = backend(root.path());
    let delay = Duration::from_secs(600);
    let clean = |seconds| backend.clean(Duration::from_secs(seconds), delay);
    clean(0);
    clean(599);
    let database = open(&backend);
    clean(700);
    clean(5000);
    assert!(task.exists(), "it is open");
    drop(database);
    clean(5001);
    clean(5600);
    assert!(task.exists(), "it has been closed for a short time only");
    clean(5601);
    assert!(!task.exists());
    assert!(root.path().join("app/LOCK").exists());
}

#[test]
fn the_hook_sees_every_store() {
    let root = tempfile::tempdir().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hook = seen.clone();
    let options = RocksOptions {
        customize: Some(Arc::new(move |store, options| {
            options.set_write_buffer_size(1 << 20);
            hook.lock().unwrap().push(store.map(str::to_owned));
        })),
        ..RocksOptions::default()
    };
    let backend = RocksBackend::open(root.path(), "app", options).unwrap();
    drop(open(&backend));
    let seen = seen.lock().unwrap();
    assert!(seen.contains(&None) && seen.contains(&Some("a".to_owned())), "{seen:?}");
}
