use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::folder::new_folder;
use crate::java_jars;
use crate::jvm::Jvm;

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// How a [`JavaWordCount`] is started. Its store is called `word-counts`, like ours, and so are its
/// internal topics: `<application>-word-counts-repartition` and `-changelog`.
#[derive(Clone, Debug)]
pub struct JavaOptions {
    bootstrap: String,
    application: String,
    input: String,
    output: String,
    guarantee: &'static str,
    state: Option<PathBuf>,
    settings: Vec<String>,
}

impl JavaOptions {
    /// From `text-lines` to `word-counts`, exactly once, its state in a folder that goes with it.
    pub fn new(bootstrap: impl Into<String>, application: impl Into<String>) -> Self {
        Self {
            bootstrap: bootstrap.into(),
            application: application.into(),
            input: "text-lines".to_owned(),
            output: "word-counts".to_owned(),
            guarantee: "exactly_once_v2",
            state: None,
            settings: Vec::new(),
        }
    }

    /// Other topics.
    pub fn topics(mut self, input: impl Into<String>, output: impl Into<String>) -> Self {
        (self.input, self.output) = (input.into(), output.into());
        self
    }

    /// `at_least_once` instead of `exactly_once_v2`.
    pub fn at_least_once(mut self) -> Self {
        self.guarantee = "at_least_once";
        self
    }

    /// Keeps its state in this folder.
    pub fn state(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state = Some(folder.into());
        self
    }

    /// A setting of Kafka Streams; it wins over ours.
    pub fn setting(mut self, name: &str, value: impl ToString) -> Self {
        self.settings.push(format!("{name}={}", value.to_string()));
        self
    }
}

/// Kafka Streams counting words in a process of its own. It is killed when this is dropped.
#[derive(Debug)]
pub struct JavaWordCount {
    jvm: Option<Jvm>,
    folder: PathBuf,
}

impl JavaWordCount {
    /// Starts it, and waits until it runs. The topics have to be there.
    #[track_caller]
    pub fn start(options: &JavaOptions) -> Self {
        Self::try_start(options).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same, with what went wrong as text.
    pub fn try_start(options: &JavaOptions) -> Result<Self, String> {
        let mut args = java_jars::arguments("WordCount", 384)?;
        let folder = new_folder().map_err(|error| format!("no folder: {error}"))?;
        let own = folder.join("state");
        let state = options.state.as_deref().unwrap_or(&own).display().to_string();
        let JavaOptions { bootstrap, application, input, output, .. } = options;
        args.extend([bootstrap, application, input, output].map(String::clone));
        args.extend([options.guarantee.to_owned(), state]);
        args.extend(options.settings.iter().cloned());
        let mut started = Self { jvm: None, folder };
        let jvm = Jvm::start(&args, &started.log_file(), Some(&started.folder))?;
        let jvm = started.jvm.insert(jvm);
        jvm.wait_for("RUNNING\n", START_LIMIT)
            .map_err(|error| format!("the Java word count: {error}"))?;
        Ok(started)
    }

    /// The id of its process.
    pub fn process_id(&self) -> Option<u32> {
        self.jvm.as_ref().map(Jvm::id)
    }

    /// Closes it in order: it commits and leaves the group.
    #[track_caller]
    pub fn stop(mut self) {
        let jvm = self.jvm.take().expect("it runs");
        let printed = jvm.terminate(STOP_LIMIT);
        let printed = printed.unwrap_or_else(|error| panic!("the Java word count: {error}"));
        assert!(printed.contains("\nCLOSED\n"), "the Java word count: {printed}");
    }

    fn log_file(&self) -> PathBuf {
        Path::join(&self.folder, "log")
    }
}

impl Drop for JavaWordCount {
    fn drop(&mut self) {
        drop(self.jvm.take());
        let _gone = fs::remove_dir_all(&self.folder);
    }
}
