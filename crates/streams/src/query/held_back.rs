use super::StoreLookup;
use crate::error::Error;
use crate::processor::{ChangeBuffer, GraceBuffer};
use crate::runtime::StreamThread;

impl StoreLookup {
    /// What the suppression or the join that this is the buffer of holds back in the tasks of `thread`: keys as
    /// bytes and their times, in the order in which they will come out.
    pub(crate) fn held_back(
        &self,
        thread: &mut StreamThread,
    ) -> Result<Vec<(Vec<u8>, i64)>, Error> {
        let mut found = Vec::new();
        for task in thread.tasks_mut() {
            let Some(number) = task.stores.iter().position(|store| *store == self.number) else {
                continue;
            };
            let store = task.state.stores[number].as_any_mut();
            if let Some(buffer) = store.downcast_ref::<GraceBuffer>() {
                found.extend(buffer.entries().map(|(key, time)| (key.to_vec(), time)));
                continue;
            }
            let Some(buffer) = store.downcast_ref::<ChangeBuffer>() else {
                let what = format!(
                    "store '{}' holds nothing back: it is no buffer of a suppression or of a join with grace",
                    self.name
                );
                return Err(Error::Unavailable(what));
            };
            found.extend(buffer.entries().map(|(key, time)| (key.to_vec(), time)));
        }
        Ok(found)
    }
}
