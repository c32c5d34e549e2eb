use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Tasks whose databases an earlier process has left on disk with something written in them.
pub(crate) struct KeptDatabases(BTreeSet<String>);

impl KeptDatabases {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let mut tasks = BTreeSet::new();
        gather(folder, &mut tasks);
        Self(tasks)
    }

    pub(crate) fn has(&self, task: &str) -> bool {
        self.0.contains(task)
    }
}

fn gather(folder: &Path, tasks: &mut BTreeSet<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            gather(&path, tasks);
        } else if path.extension().is_some_and(|extension| extension == "sst") {
            let names = folder.components().map(|name| name.as_os_str().to_string_lossy());
            tasks.extend(names.filter(|name| is_task(name)).map(String::from));
        }
    }
}

/// Sub-topology and partition: `1_3`.
fn is_task(name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.split_once('_').is_some_and(|(sub, partition)| is_number(sub) && is_number(partition))
}
