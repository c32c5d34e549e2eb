//! A Java program as a child that dies with us.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How much of a log is shown when something went wrong.
const TAIL_LINES: usize = 30;
const PAUSE: Duration = Duration::from_millis(5);

/// A running `java`. Its output goes to a file; it is killed when this is dropped or when this
/// process is gone, however it went.
#[derive(Debug)]
pub(crate) struct Jvm {
    child: Child,
    watch: ChildStdin,
    log: PathBuf,
}

impl Jvm {
    /// Starts it. `folder` is removed if this process dies before it.
    pub(crate) fn start(
        args: &[String],
        log: &Path,
        folder: Option<&Path>,
    ) -> Result<Self, String> {
        let output = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        let errors = output.try_clone().map_err(|error| error.to_string())?;
        let mut child = Command::new("sh")
            .args(["-c", include_str!("watchdog.sh"), "watchdog"])
            .arg(folder.unwrap_or(Path::new("")))
            .arg(java()?)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            // Ctrl-C in a terminal is for us; the watchdog ends what it watches.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("sh cannot be started: {error}"))?;
        let watch = child.stdin.take().expect("it is piped");
        Ok(Self { child, watch, log: log.to_owned() })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of its output that contains `text`.
    pub(crate) fn wait_for(&mut self, text: &str, limit: Duration) -> Result<(), String> {
        let end = Instant::now() + limit;
        loop {
            // Asked first: what it printed before it ended is in the log then.
            let ended = self.child.try_wait().map_err(|error| error.to_string())?;
            if self.printed().contains(text) {
                return Ok(());
            }
            if let Some(status) = ended {
                return Err(format!("it ended with {status}:\n{}", self.tail()));
            }
            if Instant::now() > end {
                return Err(format!("no '{text}' within {limit:?}:\n{}", self.tail()));
            }
            thread::sleep(PAUSE);
        }
    }

    /// All it has printed.
    pub(crate) fn printed(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The last lines.
    pub(crate) fn tail(&self) -> String {
        let printed = self.printed();
        let lines: Vec<_> = printed.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    /// Asks it to end (SIGTERM), and waits; kills it when it takes too long, which is an error.
    /// Gives all it has printed.
    pub(crate) fn terminate(mut self, limit: Duration) -> Result<String, String> {
        let id = self.id().to_string();
        let _gone = Command::new("kill").args(["-TERM", &id]).stderr(Stdio::null()).status();
        let end = Instant::now() + limit;
        while self.child.try_wait().map_err(|error| error.to_string())?.is_none() {
            if Instant::now() > end {
                return Err(format!("it did not end within {limit:?}:\n{}", self.tail()));
            }
            thread::sleep(PAUSE);
        }
        Ok(self.printed())
    }
}

impl Drop for Jvm {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        // Before the id is given back: the watchdog must not use it any more.
        let _gone = self.watch.write_all(b"done\n");
        let _status = self.child.wait();
    }
}

/// The `java` of `JAVA_HOME`, or the one in the path.
pub(crate) fn java() -> Result<PathBuf, String> {
    let home = std::env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = home.into_iter().chain(std::env::split_paths(&path));
    found.find_map(|folder| Some(folder.join("java")).filter(|java| java.is_file())).ok_or_else(|| {
        "there is no java: a Java runtime of version 17 or later is needed in the path or in JAVA_HOME (Debian: apt-get install openjdk-17-jre-headless)".to_owned()
    })
}

/// Runs a Java program to its end; gives what it printed.
pub(crate) fn run(args: &[String]) -> Result<String, String> {
    let output = Command::new(java()?).args(args).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("java: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(printed);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("java ended with {}:\n{printed}{errors}", output.status))
}
