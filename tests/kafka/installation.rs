//! What is fetched and made once a machine, and kept outside the checkout.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A Maven project of ours whose jars are to be there.
pub(crate) struct MavenProject<'a> {
    pub(crate) name: &'static str,
    /// Files of the project: path and text. What is built belongs to exactly these.
    pub(crate) files: &'a [(&'a str, &'a str)],
    /// What Maven is told; `JARS` stands for the folder of the jars.
    pub(crate) goals: &'static [&'static str],
}

impl MavenProject<'_> {
    /// The folder of the project's jars; the first time Maven fetches them, and `finish` gets the
    /// folder to add what else is wanted in it. Processes that come together wait for one another,
    /// and a folder that is not complete is never seen.
    pub(crate) fn install(
        &self,
        finish: impl FnOnce(&Path) -> Result<(), String>,
    ) -> Result<PathBuf, String> {
        let root = root()?;
        let folder = root.join(format!("{}-{:016x}", self.name, self.fingerprint()));
        if folder.exists() {
            return Ok(folder);
        }
        let _lock = lock(&root)?;
        if folder.exists() {
            return Ok(folder);
        }
        let told = |error| format!("{}: {error}", root.display());
        let unfinished = root.join(format!("{}-unfinished", self.name));
        let _not_there = fs::remove_dir_all(&unfinished);
        for (path, text) in self.files {
            let path = unfinished.join(path);
            fs::create_dir_all(path.parent().expect("it is in a folder")).map_err(told)?;
            fs::write(path, text).map_err(told)?;
        }
        self.run_maven(&unfinished)?;
        finish(&unfinished)?;
        fs::rename(&unfinished, &folder).map_err(told)?;
        Ok(folder)
    }

    fn run_maven(&self, folder: &Path) -> Result<(), String> {
        let jars = folder.join("jars").display().to_string();
        let goals = self.goals.iter().map(|goal| goal.replace("JARS", &jars));
        let output = Command::new("mvn")
            .args(["-q", "-B", "-f"])
            .arg(folder.join("pom.xml"))
            .args(goals)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| {
                format!(
                    "mvn cannot be started ({error}): Maven fetches the jars the first time, and they are kept in {} (Debian: apt-get install maven)",
                    folder.parent().unwrap_or(folder).display()
                )
            })?;
        if output.status.success() {
            return Ok(());
        }
        let printed = String::from_utf8_lossy(&output.stdout);
        Err(format!("mvn ended with {}:\n{printed}", output.status))
    }

    /// Changes with every file and goal (FNV-1a).
    fn fingerprint(&self) -> u64 {
        let files = self.files.iter().flat_map(|(path, text)| [*path, *text]);
        let bytes = files.chain(self.goals.iter().copied()).flat_map(str::bytes);
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

/// `$MILLSTREAM_KAFKA_JARS`, or a folder of the user's cache.
fn root() -> Result<PathBuf, String> {
    let var = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = var("XDG_CACHE_HOME").or_else(|| Some(var("HOME")?.join(".cache")));
    var("MILLSTREAM_KAFKA_JARS").or_else(|| Some(cache?.join("millstream-kafka"))).ok_or_else(
        || {
            "neither MILLSTREAM_KAFKA_JARS nor HOME is set: where are Kafka's jars to be kept?"
                .to_owned()
        },
    )
}

/// Held by the one process that adds something to the folder.
pub(crate) fn lock(folder: &Path) -> Result<File, String> {
    let told = |error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(told)?;
    let file = File::create(folder.join("lock")).map_err(told)?;
    file.lock().map_err(told)?;
    Ok(file)
}

/// The class path of all jars in a folder.
pub(crate) fn class_path(folder: &Path) -> String {
    folder.join("jars/*").display().to_string()
}
