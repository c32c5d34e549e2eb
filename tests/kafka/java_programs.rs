use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crate::folder::new_folder;
use crate::java_jars;
use crate::jvm::Jvm;

const START_LIMIT: Duration = Duration::from_secs(60);
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(5);

/// Kafka Streams' own test driver, in one process for many programs: a program is a line of JSON, and
/// so is its answer. The process is killed when this is dropped.
#[derive(Debug)]
pub struct JavaPrograms {
    jvm: Option<Jvm>,
    folder: PathBuf,
    answers: BufReader<TcpStream>,
}

impl JavaPrograms {
    /// Starts it; the first time on a machine that needs Maven and a JDK.
    pub fn try_start() -> Result<Self, String> {
        let mut args = java_jars::arguments("Programs", 512)?;
        let told = |error: std::io::Error| format!("the Java programs: {error}");
        let listener = TcpListener::bind("127.0.0.1:0").map_err(told)?;
        listener.set_nonblocking(true).map_err(told)?;
        let folder = new_folder().map_err(told)?;
        args.push(listener.local_addr().map_err(told)?.port().to_string());
        args.push(folder.display().to_string());
        let started = Jvm::start(&args, &folder.join("log"), Some(&folder));
        let jvm = started.inspect_err(|_| drop(fs::remove_dir_all(&folder)))?;
        let end = Instant::now() + START_LIMIT;
        let stream = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(_) if Instant::now() < end => thread::sleep(PAUSE),
                Err(error) => return Err(format!("the Java programs: {error}:\n{}", jvm.tail())),
            }
        };
        stream.set_nonblocking(false).map_err(told)?;
        stream.set_nodelay(true).map_err(told)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT)).map_err(told)?;
        Ok(Self { jvm: Some(jvm), folder, answers: BufReader::new(stream) })
    }

    /// Runs a program, written in one line; gives the line of its answer.
    pub fn run(&mut self, program: &str) -> Result<String, String> {
        let mut answer = String::new();
        let asked = self.answers.get_mut().write_all(format!("{program}\n").as_bytes());
        let read = asked.and_then(|()| self.answers.read_line(&mut answer));
        match read {
            Ok(1..) => Ok(answer),
            Ok(_) => Err(format!("the Java programs ended:\n{}", self.tail())),
            Err(error) => Err(format!("the Java programs: {error}:\n{}", self.tail())),
        }
    }

    fn tail(&self) -> String {
        self.jvm.as_ref().map(Jvm::tail).unwrap_or_default()
    }
}

impl Drop for JavaPrograms {
    fn drop(&mut self) {
        drop(self.jvm.take());
        let _gone = fs::remove_dir_all(&self.folder);
    }
}
