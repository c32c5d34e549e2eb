//! The stores of one task in several databases, behind one.

use std::borrow::Cow;

use crate::{
    CommitBatch, Database, KeyRange, RestoreBatch, Scan, ScanOrder, SegmentedKeys, StateBackend,
    StateError, Visit,
};

/// Opens the database of `task` with `stores`, each in the backend that comes with it. The stores of
/// one [place](StateBackend::place) are opened together; where there are several places, what is
/// given has a database for each. The error of a backend names its stores.
pub fn open_stores(
    task: &str,
    stores: &[(&str, &dyn StateBackend)],
) -> Result<Box<dyn Database>, StateError> {
    let mut groups: Vec<(&dyn StateBackend, Vec<usize>)> = Vec::new();
    for (number, (_, backend)) in stores.iter().enumerate() {
        let group = groups.iter_mut().find(|(known, _)| known.place() == backend.place());
        match group {
            Some((_, members)) => members.push(number),
            None => groups.push((*backend, vec![number])),
        }
    }
    let mut places = vec![Place { part: 0, store: 0 }; stores.len()];
    let mut parts = Vec::with_capacity(groups.len());
    for (part, (backend, members)) in groups.into_iter().enumerate() {
        let names: Vec<&str> = members.iter().map(|number| stores[*number].0).collect();
        let opened = backend.open(task, &names).map_err(|error| of_stores(error, task, &names))?;
        for (store, number) in members.into_iter().enumerate() {
            places[number] = Place { part, store };
        }
        parts.push(Part { database: opened, batch: CommitBatch::new(names.len()) });
    }
    match parts.pop() {
        // Its numbers are the task's own.
        Some(part) if parts.is_empty() => Ok(part.database),
        last => {
            parts.extend(last);
            Ok(Box::new(RoutedDatabase { parts, places }))
        }
    }
}

/// The error of a backend, with the stores that it was to open.
fn of_stores(error: StateError, task: &str, names: &[&str]) -> StateError {
    let which = if names.len() == 1 { "store" } else { "stores" };
    let reason = format!("{which} '{}': {}", names.join("', '"), error.reason);
    StateError { task: task.to_owned(), reason, kind: error.kind }
}

/// Where a store is.
#[derive(Clone, Copy, Debug)]
struct Place {
    part: usize,
    /// Its number there.
    store: usize,
}

/// One of the databases, and what it is to commit.
struct Part {
    database: Box<dyn Database>,
    batch: CommitBatch,
}

/// Several databases as one. A commit is a step in each: what holds is that the data of a store and
/// its changelog offset are never apart, as after a crash of a single database.
struct RoutedDatabase {
    parts: Vec<Part>,
    /// By the numbers of the stores in the task.
    places: Vec<Place>,
}

impl RoutedDatabase {
    #[inline]
    fn of(&self, store: usize) -> (&dyn Database, usize) {
        let place = self.places[store];
        (&*self.parts[place.part].database, place.store)
    }

    fn of_mut(&mut self, store: usize) -> (&mut dyn Database, usize) {
        let place = self.places[store];
        (&mut *self.parts[place.part].database, place.store)
    }
}

impl Database for RoutedDatabase {
    fn get(&self, store: usize, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StateError> {
        let (database, store) = self.of(store);
        database.get(store, key)
    }

    fn scan(&self, store: usize, range: &KeyRange, order: ScanOrder) -> Scan<'_> {
        let (database, store) = self.of(store);
        database.scan(store, range, order)
    }

    fn visit(
        &self,
        store: usize,
        range: (&[u8], &[u8]),
        order: ScanOrder,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        let (database, store) = self.of(store);
        database.visit(store, range, order, visit)
    }

    fn latest(&self, store: usize, window: &[u8]) -> i64 {
        let (database, store) = self.of(store);
        database.latest(store, window)
    }

    fn approximate_len(&self, store: usize) -> u64 {
        let (database, store) = self.of(store);
        database.approximate_len(store)
    }

    fn changelog_offset(&self, store: usize) -> Option<i64> {
        let (database, store) = self.of(store);
        database.changelog_offset(store)
    }

    fn commit(&mut self, batch: &mut CommitBatch) -> Result<(), StateError> {
        for (number, place) in self.places.iter().enumerate() {
            batch.swap_store(number, &mut self.parts[place.part].batch, place.store);
        }
        for Part { database, batch } in &mut self.parts {
            if !batch.is_empty() {
                database.commit(batch)?;
                // What the next commit gets in exchange is to be empty, whatever the database does.
                batch.clear();
            }
        }
        Ok(())
    }

    fn restore(
        &mut self,
        store: usize,
        records: &mut RestoreBatch,
        offset: i64,
    ) -> Result<(), StateError> {
        let (database, store) = self.of_mut(store);
        database.restore(store, records, offset)
    }

    fn persist(&mut self, now_ms: i64, wait: bool) -> Result<(), StateError> {
        self.parts.iter_mut().try_for_each(|part| part.database.persist(now_ms, wait))
    }

    /// The earliest of them: what a database has missed since its last use is not to be overlooked.
    fn used_at(&self) -> Option<i64> {
        self.parts.iter().filter_map(|part| part.database.used_at()).min()
    }

    fn set_segmented(&mut self, store: usize, keys: SegmentedKeys) {
        let (database, store) = self.of_mut(store);
        database.set_segmented(store, keys);
    }

    fn drop_segments(&mut self, store: usize, segment: u64) -> Result<(), StateError> {
        let (database, store) = self.of_mut(store);
        database.drop_segments(store, segment)
    }

    fn reset(&mut self, store: usize) -> Result<(), StateError> {
        let (database, store) = self.of_mut(store);
        database.reset(store)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{MemoryBackend, Overlay, StateErrorKind};

    fn open(stores: &[(&str, &Arc<dyn StateBackend>)]) -> Result<Box<dyn Database>, StateError> {
        let stores: Vec<_> = stores.iter().map(|(name, backend)| (*name, &***backend)).collect();
        open_stores("0_1", &stores)
    }

    fn memory() -> Arc<dyn StateBackend> {
        Arc::new(MemoryBackend)
    }

    #[test]
    fn each_store_has_its_own() {
        let (a, b) = (memory(), memory());
        let mut overlay =
            Overlay::new(open(&[("w", &a), ("x", &b), ("y", &a), ("z", &b)]).unwrap(), 4);
        for round in 0..3u8 {
            for store in 0..4u8 {
                overlay.write(store.into(), b"key", Some(&[store, round]));
                overlay.write(store.into(), &[round], Some(b"of this round"));
            }
            overlay.set_changelog_offset(1, 10 + i64::from(round));
            overlay.commit().unwrap();
            for store in 0..4u8 {
                let value = overlay.get(store.into(), b"key").unwrap().unwrap();
                assert_eq!(&*value, [store, round]);
                assert_eq!(overlay.approximate_len(store.into()), u64::from(round) + 2);
            }
            let offsets = [0, 1, 2, 3].map(|store| overlay.changelog_offset(store));
            assert_eq!(offsets, [None, Some(10 + i64::from(round)), None, None]);
        }
        overlay.reset(3).unwrap();
        assert_eq!([0, 1, 2, 3].map(|store| overlay.approximate_len(store)), [4, 4, 4, 0]);
    }

    #[derive(Debug)]
    struct Refuses(StateErrorKind);

    impl StateBackend for Refuses {
        fn open(&self, _: &str, _: &[&str]) -> Result<Box<dyn Database>, StateError> {
            let (task, reason) = (String::new(), "no room".to_owned());
            Err(StateError { task, reason, kind: self.0 })
        }
    }

    #[test]
    fn an_error_names_task_and_stores() {
        for kind in [StateErrorKind::Failed, StateErrorKind::Busy] {
            let (a, b): (_, Arc<dyn StateBackend>) = (memory(), Arc::new(Refuses(kind)));
            let error = open(&[("w", &a), ("x", &b), ("y", &b)]).err().unwrap();
            assert_eq!(error.to_string(), "state of task '0_1': stores 'x', 'y': no room");
            assert_eq!(error.kind, kind);
            let error = open(&[("x", &b)]).err().unwrap();
            assert_eq!(error.to_string(), "state of task '0_1': store 'x': no room");
        }
    }
}
