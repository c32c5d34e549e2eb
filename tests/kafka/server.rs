use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use crate::broker_jars::BrokerJars;
use crate::folder::{copy, new_folder};
use crate::jvm::Jvm;
use crate::options::{Addresses, KafkaVersion};
use crate::ports::{free_ports, while_taken};
use crate::{KafkaOptions, Proxy, installation};

const STARTED: &str = "Kafka Server started";
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// What says in the log that it takes partitions for deleted.
const MARKER_SENDER: &str = "kafka.coordinator.transaction.TransactionMarkerChannelManager";

/// A Kafka broker in a process of its own, on 127.0.0.1: a cluster of one node, or a node of a
/// [`KafkaCluster`](crate::KafkaCluster). It is killed when this is dropped, and when this process ends in whatever way.
#[derive(Debug)]
pub struct KafkaServer {
    jars: BrokerJars,
    options: KafkaOptions,
    addresses: Addresses,
    /// Holds the settings and the log, and the data unless they have a place of their own.
    folder: PathBuf,
    jvm: Option<Jvm>,
    proxy: Option<Proxy>,
}

impl KafkaServer {
    /// Starts a broker, on ports nobody has, and waits until it serves. The first one on a machine
    /// fetches Kafka.
    ///
    /// # Panics
    ///
    /// With what [`try_start`](Self::try_start) says.
    #[track_caller]
    pub fn start(options: KafkaOptions) -> Self {
        Self::try_start(options).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same, with what went wrong as text: which program is missing, or the end of the
    /// broker's log.
    pub fn try_start(options: KafkaOptions) -> Result<Self, String> {
        let jars = ready_jars(options.version)?;
        Self::with_jars(jars, options)
    }

    /// One broker for all tests of a binary.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<KafkaServer> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(KafkaOptions::default()))
    }

    fn with_jars(jars: BrokerJars, options: KafkaOptions) -> Result<Self, String> {
        let proxy = options.proxied.then(Proxy::listen).transpose()?;
        let addresses = Addresses::free(proxy.as_ref(), &options);
        let mut server = Self::new(jars, options, addresses)?;
        server.proxy = proxy;
        while_taken(|| {
            server.addresses = Addresses::free(server.proxy.as_ref(), &server.options);
            server.launch()
        })?;
        Ok(server)
    }

    /// One that is not started.
    pub(crate) fn new(
        jars: BrokerJars,
        options: KafkaOptions,
        addresses: Addresses,
    ) -> Result<Self, String> {
        let folder = new_folder().map_err(|error| format!("no folder for a broker: {error}"))?;
        Ok(Self { jars, options, addresses, folder, jvm: None, proxy: None })
    }

    /// Where clients connect: `127.0.0.1:PORT`. Never through the proxy.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.addresses.direct)
    }

    /// Where [users](KafkaOptions::user) connect, with `security.protocol=SASL_PLAINTEXT`.
    #[track_caller]
    pub fn secured_bootstrap(&self) -> String {
        let port = self.addresses.secured.expect("the server was started without users");
        format!("127.0.0.1:{port}")
    }

    /// The proxy in front of a server started as [`proxied`](KafkaOptions::proxied).
    #[track_caller]
    pub fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("the server was started without a proxy")
    }

    /// The id of the broker's process while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.jvm.as_ref().map(Jvm::id)
    }

    /// What the broker has printed since its last start.
    pub fn log(&self) -> String {
        self.jvm.as_ref().map(Jvm::printed).unwrap_or_default()
    }

    /// Stops it in order (SIGTERM). Its data stay for [`restart`](Self::restart).
    pub fn stop(&mut self) {
        if let Some(jvm) = self.jvm.take() {
            let _log =
                jvm.terminate(STOP_LIMIT).unwrap_or_else(|error| panic!("the broker: {error}"));
        }
    }

    /// Kills it (SIGKILL). Its data stay as they are.
    pub fn kill(&mut self) {
        drop(self.jvm.take());
    }

    /// Whether it has left a transaction open for ever since it started: while nobody leads a
    /// partition, as when a broker that is alone comes back, Kafka takes it for deleted, and writes no
    /// marker of a transaction that was about to be committed (`TransactionMarkerChannelManager`).
    pub fn has_lost_markers(&self) -> bool {
        self.log().contains("these partitions are likely deleted already")
    }

    /// Starts it again on the same ports and data, after [`stop`](Self::stop) or
    /// [`kill`](Self::kill); one that runs is stopped first.
    pub fn restart(&mut self) {
        self.stop();
        self.launch().unwrap_or_else(|error| panic!("{error}"));
    }

    fn launch(&mut self) -> Result<(), String> {
        self.begin()?;
        self.wait()
    }

    /// Starts the process. It serves when [`wait`](Self::wait) comes back: the first nodes of a cluster
    /// wait for one another.
    pub(crate) fn begin(&mut self) -> Result<(), String> {
        let own = self.folder.join("data");
        let data = self.options.data.as_ref().unwrap_or(&own);
        let told = |error| format!("{}: {error}", data.display());
        if !data.join("meta.properties").exists() {
            copy(&self.jars.formatted(), data).map_err(told)?;
            self.be_node(data).map_err(told)?;
        }
        let data = data.display().to_string();
        let properties = self.folder.join("server.properties");
        let text = self.options.server_properties(&self.addresses, &data);
        fs::write(&properties, text).map_err(|error| error.to_string())?;
        let mut args = vec![
            format!("-Xmx{}m", self.options.heap_mb),
            "-XX:+UseSerialGC".to_owned(),
            "-XX:TieredStopAtLevel=1".to_owned(),
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn".to_owned(),
            "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info".to_owned(),
            format!("-Dorg.slf4j.simpleLogger.log.{MARKER_SENDER}=info"),
        ];
        let archive = self.jars.class_archive();
        if archive.exists() {
            args.push(format!("-XX:SharedArchiveFile={}", archive.display()));
        }
        args.extend(self.options.jvm.iter().cloned());
        args.extend(["-cp".to_owned(), self.jars.class_path(), "kafka.Kafka".to_owned()]);
        args.push(properties.display().to_string());
        self.jvm = Some(Jvm::start(&args, &self.folder.join("log"), Some(&self.folder))?);
        Ok(())
    }

    pub(crate) fn wait(&mut self) -> Result<(), String> {
        let Some(jvm) = &mut self.jvm else { return Err("it was not started".to_owned()) };
        if let Err(error) = jvm.wait_for(STARTED, START_LIMIT) {
            self.jvm = None;
            return Err(format!("the broker: {error}"));
        }
        if let (Some(proxy), Some((listener, _))) = (&self.proxy, self.addresses.proxied) {
            proxy.forward_to(listener);
        }
        Ok(())
    }

    /// Gives a formatted data folder the number of this node.
    fn be_node(&self, data: &Path) -> io::Result<()> {
        let (file, node) = (data.join("meta.properties"), self.addresses.node);
        let text = fs::read_to_string(&file)?;
        let lines = text.lines().map(|line| match line.split_once('=') {
            Some(("node.id", _)) => format!("node.id={node}\n"),
            // No two are alike.
            Some(("directory.id", id)) => format!("directory.id={}{}\n", node % 10, &id[1..]),
            _ => format!("{line}\n"),
        });
        fs::write(&file, lines.collect::<String>())
    }
}

impl Drop for KafkaServer {
    fn drop(&mut self) {
        self.kill();
        let _gone = fs::remove_dir_all(&self.folder);
    }
}

/// The jars of a broker, with what makes it start fast.
pub(crate) fn ready_jars(version: KafkaVersion) -> Result<BrokerJars, String> {
    let jars = BrokerJars::install(version)?;
    if !jars.class_archive().exists() {
        archive_classes(&jars, version)?;
    }
    Ok(jars)
}

impl Addresses {
    pub(crate) fn free(proxy: Option<&Proxy>, options: &KafkaOptions) -> Self {
        let [direct, controller, listener, secured] = free_ports();
        let proxied = proxy.map(|proxy| (listener, proxy.port()));
        let secured = (!options.users.is_empty()).then_some(secured);
        Self { node: 1, voters: vec![(1, controller)], direct, controller, proxied, secured }
    }
}

/// Runs a broker once to see which classes it needs.
fn archive_classes(jars: &BrokerJars, version: KafkaVersion) -> Result<(), String> {
    let _lock = installation::lock(jars.folder())?;
    let archive = jars.class_archive();
    if archive.exists() {
        return Ok(());
    }
    let unfinished = archive.with_extension("unfinished");
    let option = format!("-XX:ArchiveClassesAtExit={}", unfinished.display());
    let options = KafkaOptions { version, ..KafkaOptions::default().jvm(option) };
    KafkaServer::with_jars(jars.clone(), options)?.stop();
    fs::rename(unfinished, &archive).map_err(|error| format!("{}: {error}", archive.display()))
}
