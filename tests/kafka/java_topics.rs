use std::fs;

use crate::folder::new_folder;
use crate::{java_jars, jvm};

/// Kafka's own clients, for what a test does with topics. Each call is a JVM's start.
#[derive(Clone, Debug)]
pub struct JavaTopics {
    bootstrap: String,
}

impl JavaTopics {
    /// Of the broker at `bootstrap`.
    pub fn new(bootstrap: impl Into<String>) -> Self {
        Self { bootstrap: bootstrap.into() }
    }

    /// Creates a topic.
    pub fn create(&self, topic: &str, partitions: u32) {
        self.run(&["create", topic, &partitions.to_string()]);
    }

    /// Allows users of a [secured](crate::KafkaOptions::user) broker things, each as
    /// `USER:OPERATION:TYPE:NAME`, such as `ann:READ:TOPIC:orders`; a name with `*` at its end is a
    /// prefix.
    pub fn allow(&self, rights: &[impl AsRef<str>]) {
        let rights = rights.iter().map(AsRef::as_ref);
        self.run(&["allow"].into_iter().chain(rights).collect::<Vec<_>>());
    }

    /// Lets a user in by SCRAM, with either hash.
    pub fn let_in_by_scram(&self, user: &str, password: &str) {
        self.run(&["scram", user, password]);
    }

    /// All topics, each with its number of partitions.
    pub fn list(&self) -> Vec<(String, u32)> {
        numbers(&self.run(&["list"])).map(|(name, count)| (name, count as u32)).collect()
    }

    /// Writes lines as records without keys.
    pub fn produce(&self, topic: &str, lines: &[impl AsRef<str>]) {
        let folder = new_folder().expect("a folder for the lines");
        let file = folder.join("lines");
        let lines: Vec<_> = lines.iter().map(|line| format!("{}\n", line.as_ref())).collect();
        fs::write(&file, lines.concat()).expect("a file of lines");
        self.run(&["produce", topic, &file.display().to_string()]);
        let _gone = fs::remove_dir_all(folder);
    }

    /// All committed records of a topic of numbers with textual keys, each partition in its order.
    pub fn consume(&self, topic: &str) -> Vec<(String, i64)> {
        numbers(&self.run(&["consume", topic])).collect()
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> String {
        let mut java =
            java_jars::arguments("Topics", 256).unwrap_or_else(|error| panic!("{error}"));
        java.push(self.bootstrap.clone());
        java.extend(args.iter().map(|arg| (*arg).to_owned()));
        jvm::run(&java).unwrap_or_else(|error| panic!("{error}"))
    }
}

fn numbers(printed: &str) -> impl Iterator<Item = (String, i64)> {
    printed.lines().map(|line| {
        let (key, number) = line.rsplit_once('\t').expect("a key and a number");
        (key.to_owned(), number.parse().expect("a number"))
    })
}
