//! Stores in RocksDB, on a broker that lasts too: what is restored after which end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use millstream::broker::NewTopic;
use millstream::broker::embedded::EmbeddedBroker;
use millstream::state::rocks::{RocksBackend, RocksOptions};
use millstream::state::{StateBackend, StateError};
use millstream::{Config, Error, StoreKind, StreamsApp};
use tempfile::TempDir;

use crate::log_lines;
use crate::rig::{CLOSE, Rig, block_on, config, count, eventually};

/// Says to the test binary that it is to be the process that is killed.
const VICTIM: &str = "MILLSTREAM_TEST_VICTIM";

/// A directory with a broker and the state of an application.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn rig(&self) -> Rig {
        rig(self.0.path())
    }

    fn config(&self, application_id: &str) -> Config {
        config(application_id).with_state_dir(self.0.path().join("state"))
    }

    fn task(&self, application_id: &str) -> PathBuf {
        self.0.path().join("state").join(application_id).join("0_0")
    }
}

fn rig(directory: &Path) -> Rig {
    let broker = EmbeddedBroker::builder().directory(directory.join("broker")).open().unwrap();
    for name in ["in", "out"] {
        // There from the second life on.
        let _exists = broker.create_topic(NewTopic::new(name, 1));
    }
    Rig { broker }
}

/// The largest file of a database whose name ends so.
fn largest(directory: &Path, end: &str) -> PathBuf {
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|path| path.to_str().unwrap().ends_with(end));
    files.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap()
}

fn stored(app: &StreamsApp, key: &str) -> Option<i64> {
    block_on(app.store::<String, i64>("counts").unwrap().get(&key.to_owned())).unwrap()
}

/// Counts a thousand keys once, so that the application ends in order.
fn fill(place: &Place, name: &str) {
    let rig = place.rig();
    let app = rig.run(&count(), place.config(name));
    rig.send_numbers("in", 0..1000);
    rig.counts("out", 1000);
    app.close(CLOSE).unwrap();
    rig.broker.close().unwrap();
}

#[test]
fn after_a_close_nothing_is_restored() {
    let place = Place::new();
    fill(&place, "closed");
    let rig = place.rig();
    let app = rig.run(&count(), place.config("closed"));
    assert_eq!((app.metrics().restored, stored(&app, "42")), (0, Some(1)));
    rig.send_numbers("in", 0..1000);
    assert!(rig.counts("out", 2000).values().all(|count| *count == 2));
    app.close(CLOSE).unwrap();
}

/// Run by the test below in a process of its own: fills, and goes on counting until it is killed.
#[test]
fn victim() {
    let Ok(directory) = std::env::var(VICTIM) else { return };
    let directory = Path::new(&directory);
    let rig = rig(directory);
    let app = rig.run(&count(), config("killed").with_state_dir(directory.join("state")));
    rig.send_numbers("in", 0..20_000);
    rig.counts("out", 20_000);
    // The database is written after a while; what comes then is a tail that is not.
    let task = directory.join("state/killed/0_0");
    eventually("the database is written", || {
        fs::read_dir(&task).unwrap().map(Result::unwrap).any(|file| {
            let is_table = file.path().extension().is_some_and(|end| end == "sst");
            is_table && file.metadata().is_ok_and(|file| file.len() > 50_000)
        })
    });
    for number in 0.. {
        rig.send_numbers("in", number..number + 1);
        rig.counts("out", 20_001 + number);
        fs::write(directory.join("counted"), number.to_string()).unwrap();
    }
    app.close(CLOSE).unwrap();
}

#[test]
fn after_a_kill_only_the_tail_is_restored() {
    let place = Place::new();
    let program = std::env::current_exe().unwrap();
    let mut victim = Command::new(program)
        .args(["--exact", "rocks::victim", "--test-threads", "1"])
        .env(VICTIM, place.0.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let counted = place.0.path().join("counted");
    eventually("a tail of counts", || {
        let text = fs::read_to_string(&counted).unwrap_or_default();
        text.parse::<i64>().is_ok_and(|counted| counted >= 20)
    });
    victim.kill().unwrap();
    victim.wait().unwrap();

    let rig = place.rig();
    let app = rig.run(&count(), place.config("killed"));
    let restored = app.metrics().restored;
    assert!((1..5000).contains(&restored), "{restored} of 20020 records were restored");
    rig.send_numbers("in", 0..20_000);
    let counts = rig.counts("out", 40_000);
    assert_eq!(counts.len(), 20_000);
    assert!(counts.values().all(|count| (2..=3).contains(count)));
    app.close(CLOSE).unwrap();
}

#[test]
fn a_database_that_does_not_open_is_rebuilt() {
    log_lines::listen();
    let place = Place::new();
    fill(&place, "unopened");
    fs::remove_file(place.task("unopened").join("CURRENT")).unwrap();
    let rig = place.rig();
    let app = rig.run(&count(), place.config("unopened"));
    assert_eq!((app.metrics().restored, stored(&app, "42")), (1000, Some(1)));
    assert!(place.task("unopened").with_file_name("0_0.broken-1").exists());
    assert!(!log_lines::lines_with("unopened/0_0.broken-1").is_empty());
    app.close(CLOSE).unwrap();
}

#[test]
fn damage_that_is_found_late_is_mended_on_the_way() {
    let place = Place::new();
    {
        let rig = place.rig();
        let app = rig.run(&count(), place.config("late"));
        rig.send_numbers("in", 0..50_000);
        rig.counts("out", 50_000);
        app.close(CLOSE).unwrap();
        rig.broker.close().unwrap();
    }
    let table = largest(&place.task("late"), ".sst");
    let mut bytes = fs::read(&table).unwrap();
    let (from, to) = (bytes.len() / 4, bytes.len() / 2);
    bytes[from..to].iter_mut().for_each(|byte| *byte ^= 0x55);
    fs::write(&table, bytes).unwrap();

    let rig = place.rig();
    let app = rig.run(&count(), place.config("late"));
    assert_eq!(app.metrics().restored, 0);
    rig.send_numbers("in", 0..50_000);
    let counts = rig.counts("out", 100_000);
    assert!(counts.len() == 50_000 && counts.values().all(|count| *count == 2));
    assert!(app.metrics().restored >= 50_000);
    assert!(place.task("late").with_file_name("0_0.broken-1").exists());
    app.close(CLOSE).unwrap();
}

#[test]
fn an_offset_outside_the_log_means_another_log() {
    let place = Place::new();
    fill(&place, "anew");
    fs::remove_dir_all(place.0.path().join("broker")).unwrap();
    let rig = place.rig();
    let app = rig.run(&count(), place.config("anew"));
    rig.send("in", "42:x");
    assert_eq!(rig.counts("out", 1)["42"], 1);
    app.close(CLOSE).unwrap();
}

/// A database whose last use was long ago, by its own account.
#[derive(Debug)]
struct LongAgo(RocksBackend);

impl StateBackend for LongAgo {
    fn open(
        &self,
        task: &str,
        stores: &[&str],
    ) -> Result<Box<dyn millstream::state::Database>, StateError> {
        let mut database = self.0.open(task, stores)?;
        database.persist(1_000_000, true)?;
        Ok(database)
    }
}

#[test]
fn a_store_left_alone_for_longer_than_deletes_are_kept_is_rebuilt() {
    log_lines::listen();
    let place = Place::new();
    fill(&place, "alone");
    let rig = place.rig();
    let root = place.config("alone").state_dir();
    let backend = RocksBackend::open(root, "alone", RocksOptions::default()).unwrap();
    let app = rig.app(&count(), config("alone")).with_state_backend(Arc::new(LongAgo(backend)));
    app.start().unwrap();
    block_on(app.running()).unwrap();
    assert_eq!((app.metrics().restored, stored(&app, "42")), (1000, Some(1)));
    assert!(!log_lines::lines_with("alone-counts-changelog-0 keeps deletes").is_empty());
    app.close(CLOSE).unwrap();
}

#[test]
fn databases_of_former_tasks_go_after_the_delay() {
    let place = Place::new();
    fill(&place, "former");
    // A task of a partition that is no more.
    let former = place.task("former").with_file_name("0_7");
    fs::create_dir(&former).unwrap();
    for file in fs::read_dir(place.task("former")).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), former.join(file.file_name())).unwrap();
    }
    let rig = place.rig();
    let delay = Duration::from_millis(50);
    let app = rig.run(&count(), place.config("former").with_state_cleanup_delay(delay));
    eventually("the former database is gone", || !former.exists());
    assert!(place.task("former").exists());
    app.close(CLOSE).unwrap();
}

#[test]
fn tasks_move_between_threads_of_a_process() {
    let rig = Rig::new(6);
    let directory = tempfile::tempdir().unwrap();
    let state = |name| config("moving").with_state_dir(directory.path().join(name));
    let first = rig.run(&count(), state("a").with_num_stream_threads(3));
    rig.send_numbers("in", 0..300);
    rig.counts("out", 300);
    // Another instance comes and goes; tasks go there and back, between the threads too.
    let second = rig.run(&count(), state("b").with_num_stream_threads(2));
    rig.send_numbers("in", 0..300);
    rig.counts("out", 600);
    second.close(CLOSE).unwrap();
    let elsewhere = second.metrics().processed;
    rig.send_numbers("in", 0..300);
    assert!(rig.counts("out", 900).values().all(|count| *count == 3));
    // Its databases were kept, so that only what the other has counted came back.
    let restored = first.metrics().restored;
    assert!(restored > 0 && restored <= elsewhere, "{restored} of {elsewhere}");
    first.close(CLOSE).unwrap();
}

#[test]
fn a_directory_has_one_owner() {
    let place = Place::new();
    let rig = place.rig();
    let app = rig.run(&count(), place.config("owned"));
    let error = rig.app(&count(), place.config("owned")).start().unwrap_err();
    assert!(matches!(&error, Error::State(e) if e.reason.contains("state.dir")), "{error}");
    app.close(CLOSE).unwrap();
    // The application that was closed is still there, and no longer in the way.
    rig.run(&count(), place.config("owned")).close(CLOSE).unwrap();
}

#[test]
fn the_settings_choose() {
    let place = Place::new();
    assert_eq!(config("x").default_dsl_store(), StoreKind::InMemory);
    assert_eq!(place.config("x").default_dsl_store(), StoreKind::RocksDb);
    let memory = place.config("forced").set("default.dsl.store", "in_memory").unwrap();
    let rig = place.rig();
    rig.run(&count(), memory).close(CLOSE).unwrap();
    assert!(!place.task("forced").exists());
}

#[test]
fn options_of_the_users_own() {
    use std::sync::atomic::AtomicUsize;
    let place = Place::new();
    let rig = place.rig();
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = calls.clone();
    let options = RocksOptions {
        customize: Some(Arc::new(move |_, _| {
            seen.fetch_add(1, Ordering::SeqCst);
        })),
        ..RocksOptions::default()
    };
    let root = place.0.path().join("own");
    let backend = RocksBackend::open(root, "own", options).unwrap();
    let app = rig.app(&count(), config("own")).with_state_backend(Arc::new(backend));
    app.start().unwrap();
    block_on(app.running()).unwrap();
    assert!(calls.load(Ordering::SeqCst) > 0);
    app.close(CLOSE).unwrap();
}
