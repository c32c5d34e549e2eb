use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

const ABORTED: i32 = 6;
/// A store that is changed is written to the disk within five seconds.
const WRITTEN_AFTER: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_millis(5);

/// A process of the application, again and again over the same folder.
#[derive(Debug)]
pub struct Instance {
    program: PathBuf,
    folder: PathBuf,
    settings: Vec<String>,
    starts: u32,
    child: Child,
    /// The process ends when this does.
    commands: Option<ChildStdin>,
    told: Told,
    /// Changelogs of stores that earlier processes have had long enough to have them on disk.
    on_disk: BTreeSet<String>,
}

/// Lines, and when they came.
type Told = Arc<Mutex<Vec<(Instant, String)>>>;

/// A store that has been restored.
#[derive(Debug)]
pub(super) struct Restore {
    pub(super) changelog: String,
    /// Offsets read.
    pub(super) total: u64,
    /// The changelog's.
    pub(super) length: u64,
    pub(super) was_on_disk: bool,
}

impl Instance {
    /// Starts it. Its logs are in `folder`.
    pub fn start(program: &Path, folder: PathBuf, settings: Vec<String>) -> Result<Self, String> {
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let (child, commands, told) = spawn(program, &settings, &folder.join("log-1"), None)?;
        let program = program.to_owned();
        let on_disk = BTreeSet::new();
        Ok(Self { program, folder, settings, starts: 1, child, commands, told, on_disk })
    }

    /// Starts it again after it has ended.
    pub fn start_again(&mut self, failpoint: Option<&str>) -> Result<(), String> {
        self.starts += 1;
        let log = self.folder.join(format!("log-{}", self.starts));
        (self.child, self.commands, self.told) =
            spawn(&self.program, &self.settings, &log, failpoint)?;
        Ok(())
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }

    /// Stops it where it is (SIGSTOP), as a machine that hangs would, until it is [thawed](Self::thaw).
    pub fn freeze(&self) -> Result<(), String> {
        self.signal("STOP")
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&self) -> Result<(), String> {
        self.signal("CONT")
    }

    fn signal(&self, name: &str) -> Result<(), String> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status();
        match sent {
            Ok(status) if status.success() => Ok(()),
            sent => Err(format!("{}: kill -{name}: {sent:?}", self.folder.display())),
        }
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Whether it ended at a failpoint.
    pub(super) fn was_aborted(&mut self) -> bool {
        self.ended().is_some_and(|status| status.signal() == Some(ABORTED))
    }

    fn told(&self) -> MutexGuard<'_, Vec<(Instant, String)>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The restores of this process, once it has ended.
    pub(super) fn take_restores(&mut self) -> Vec<Restore> {
        let (mut restores, mut kept) = (Vec::new(), Vec::new());
        for (at, line) in self.told().drain(..) {
            let words: Vec<_> = line.split(' ').collect();
            let ["restore", changelog, total, length] = words[..] else { continue };
            let changelog = changelog.to_owned();
            if at.elapsed() > WRITTEN_AFTER {
                kept.push(changelog.clone());
            }
            restores.push(Restore {
                total: total.parse().unwrap_or_default(),
                length: length.parse().unwrap_or_default(),
                was_on_disk: self.on_disk.contains(&changelog),
                changelog,
            });
        }
        self.on_disk.extend(kept);
        restores
    }

    /// What this process has logged so far.
    pub fn log(&self) -> String {
        let log = fs::read(self.folder.join(format!("log-{}", self.starts)));
        String::from_utf8_lossy(&log.unwrap_or_default()).into_owned()
    }

    /// The tasks of each of its threads, as its log tells.
    pub fn tasks(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut tasks: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let names = |text: &str| -> Vec<String> {
            let is_task = |name: &&str| name.starts_with(|c: char| c.is_ascii_digit());
            text.split(' ').filter(is_task).map(str::to_owned).collect()
        };
        for line in self.log().lines() {
            let Some((head, news)) = line.split_once(": ") else { continue };
            let Some((_, thread)) = head.rsplit_once("-StreamThread-") else { continue };
            let tasks = tasks.entry(thread.to_owned()).or_default();
            if let Some(gets) = news.strip_prefix("gets ") {
                tasks.extend(names(gets));
            } else if let Some(gives) = news.strip_prefix("gives back ") {
                let gone = names(gives);
                tasks.retain(|task| !gone.contains(task));
            } else if news.starts_with("lost its tasks") {
                tasks.clear();
            }
        }
        tasks
    }

    /// The end of its log.
    pub(super) fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }

    /// Waits until it has told this.
    pub fn wait_for(&mut self, line: &str, limit: Duration) -> Result<(), String> {
        let end = Instant::now() + limit;
        while !self.told().iter().any(|(_, told)| told == line) {
            if let Some(status) = self.ended() {
                let words = self.last_words();
                return Err(format!("{} ended: {status}\n{words}", self.folder.display()));
            }
            if Instant::now() > end {
                return Err(format!("{}: no '{line}' within {limit:?}", self.folder.display()));
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// The entries of its stores.
    pub(super) fn dump(&mut self, limit: Duration) -> Result<Vec<(String, i64)>, String> {
        self.command("dump")?;
        self.wait_for("dumped", limit)?;
        let told = self.told();
        let entries = told.iter().filter_map(|(_, line)| {
            let (key, count) = line.strip_prefix("entry ")?.split_once(' ')?;
            Some((key.to_owned(), count.parse().ok()?))
        });
        Ok(entries.collect())
    }

    /// Closes it in order.
    pub fn stop(&mut self, limit: Duration) -> Result<(), String> {
        self.command("stop")?;
        let end = Instant::now() + limit;
        loop {
            match self.ended() {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    return Err(format!("{} stopped with {status}", self.folder.display()));
                }
                None if Instant::now() > end => {
                    return Err(format!("{} did not stop in {limit:?}", self.folder.display()));
                }
                None => thread::sleep(PAUSE),
            }
        }
    }

    fn command(&mut self, command: &str) -> Result<(), String> {
        let commands = self.commands.as_mut().expect("it is held until the end");
        writeln!(commands, "{command}")
            .map_err(|error| format!("{}: '{command}': {error}", self.folder.display()))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill();
    }
}

type Spawned = (Child, Option<ChildStdin>, Told);

fn spawn(
    program: &Path,
    settings: &[String],
    log: &Path,
    failpoint: Option<&str>,
) -> Result<Spawned, String> {
    let told = |error| format!("{}: {error}", program.display());
    let mut command = Command::new(program);
    command.args(settings).env_remove("MILLSTREAM_FAILPOINT");
    if let Some(failpoint) = failpoint {
        command.env("MILLSTREAM_FAILPOINT", failpoint);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(File::create(log).map_err(told)?)
        .spawn()
        .map_err(told)?;
    let (commands, output) = (child.stdin.take(), child.stdout.take().expect("it is piped"));
    let lines = Told::default();
    let heard = lines.clone();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let line = (Instant::now(), line);
            heard.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    });
    Ok((child, commands, lines))
}
