//! The application with its topics, on a broker inside the process or on a Kafka cluster.

use std::sync::Arc;
use std::time::Duration;

use millstream::broker::embedded::EmbeddedBroker;
use millstream::broker::{Broker, BrokerError, NewTopic};
use millstream::{Config, Error, StreamsApp, Topology};

use crate::args::Args;

/// The name that the application has when it is given none.
pub(crate) const APPLICATION: &str = "word-count";

const PARTITIONS: u32 = 2;
/// At least once a commit would come after 30 seconds, and with it the counts.
const COMMIT_INTERVAL: Duration = Duration::from_millis(100);
const CLOSE_WITHIN: Duration = Duration::from_secs(30);

/// What a partition of `text-lines` holds inside the process; the feeder waits while one is full.
const TEXT_BYTES: u64 = 2 * 1024 * 1024;
/// What a partition between the two halves of the topology holds there.
const WORDS_BYTES: u64 = 4 * 1024 * 1024;
/// What compaction leaves alone there at the end of a partition of counts, and how often it comes.
/// Both small, as counts change often and all is in memory.
const SEGMENT_BYTES: &str = "262144";
const MAINTENANCE: Duration = Duration::from_millis(200);
/// What is kept in memory of a broker in a directory.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// The topics that are not the application's own.
#[derive(Clone)]
pub(crate) struct Topics {
    pub(crate) text_lines: String,
    pub(crate) file_positions: String,
    pub(crate) word_counts: String,
}

impl Topics {
    /// Those of the application `id`. Several on one cluster are told apart by their names.
    pub(crate) fn of(id: &str) -> Self {
        let name = |name: &str| match id {
            APPLICATION => name.to_owned(),
            id => format!("{id}-{name}"),
        };
        Self {
            text_lines: name("text-lines"),
            file_positions: name("file-positions"),
            word_counts: name("word-counts"),
        }
    }
}

pub(crate) struct Application {
    pub(crate) app: StreamsApp,
    /// The broker inside the process, if it is that one.
    embedded: Option<EmbeddedBroker>,
}

impl Application {
    /// Not started yet. Topics that are missing are created.
    pub(crate) fn open(args: &Args, topics: &Topics, topology: Topology) -> Result<Self, Error> {
        let mut config = Config::new(&args.application_id)
            .with_num_stream_threads(args.threads)
            .with_processing_guarantee(args.guarantee)
            .with_commit_interval(COMMIT_INTERVAL);
        if let Some(dir) = &args.state_dir {
            config = config.with_state_dir(dir);
        }
        let (app, embedded) = match &args.bootstrap {
            Some(servers) => {
                (StreamsApp::new(topology, config.with_bootstrap_servers(servers))?, None)
            }
            None => {
                let config = config.with_topic_config("segment.bytes", SEGMENT_BYTES);
                let embedded = open_embedded(args)?;
                (StreamsApp::on(Arc::new(embedded.clone()), topology, config)?, Some(embedded))
            }
        };
        let application = Self { app, embedded };
        application.create_topics(&args.application_id, topics)?;
        Ok(application)
    }

    fn create_topics(&self, id: &str, topics: &Topics) -> Result<(), Error> {
        let compacted = |name: &String| {
            let topic = NewTopic::new(name, PARTITIONS).config("cleanup.policy", "compact");
            match self.embedded {
                Some(_) => topic.config("segment.bytes", SEGMENT_BYTES),
                None => topic,
            }
        };
        let mut new = vec![
            NewTopic::new(&topics.text_lines, PARTITIONS).bounded(TEXT_BYTES),
            compacted(&topics.file_positions),
            compacted(&topics.word_counts),
        ];
        if self.embedded.is_some() {
            // The application would make this one itself, with a larger bound.
            let subs = self.app.topology().topics(id).into_iter();
            for topic in subs.flat_map(|sub| sub.repartition_topics) {
                let mut words = NewTopic::new(topic.name, PARTITIONS).bounded(WORDS_BYTES);
                words.configs = topic.configs;
                new.push(words);
            }
        }
        let mut admin = self.app.broker().admin()?;
        for topic in new {
            match admin.create_topics(&[topic]) {
                Ok(()) | Err(BrokerError::TopicExists(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    pub(crate) fn broker(&self) -> &Arc<dyn Broker> {
        self.app.broker()
    }

    /// Waits as long as `within` for room in `topic`; a Kafka cluster always has some.
    pub(crate) fn has_room(&self, topic: &str, within: Duration) -> bool {
        self.embedded.as_ref().is_none_or(|broker| broker.wait_for_room(topic, within))
    }

    /// Ends in order. The error is the one that stopped the application, if one did.
    pub(crate) fn close(self) -> Result<(), Error> {
        self.app.close(CLOSE_WITHIN)?;
        match self.embedded {
            Some(broker) => Ok(broker.close()?),
            None => Ok(()),
        }
    }
}

/// In memory, or in `--dir`.
fn open_embedded(args: &Args) -> Result<EmbeddedBroker, BrokerError> {
    let settings = EmbeddedBroker::builder().maintenance_interval(MAINTENANCE);
    match &args.dir {
        Some(dir) => {
            let settings = settings.directory(dir).application(&args.application_id);
            settings.cache_bytes(CACHE_BYTES).open()
        }
        None => settings.open(),
    }
}
