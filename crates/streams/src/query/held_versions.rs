use super::StoreLookup;
use crate::error::Error;
use crate::record::VersionedRecord;
use crate::runtime::StreamThread;

impl StoreLookup {
    /// All versions in the tasks of `thread` of a versioned store: keys as bytes, each key's newest
    /// version first.
    pub(crate) fn versions(
        &self,
        thread: &mut StreamThread,
    ) -> Result<Vec<(Vec<u8>, VersionedRecord<Vec<u8>>)>, Error> {
        let mut found = Vec::new();
        for task in thread.tasks_mut() {
            let Some(number) = task.stores.iter().position(|store| *store == self.number) else {
                continue;
            };
            let Some(versions) = task.state.stores[number].versions(&task.state.overlay)? else {
                return Err(Error::Unavailable(format!("store '{}' is not versioned", self.name)));
            };
            found.extend(versions);
        }
        Ok(found)
    }
}
