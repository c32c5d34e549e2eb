use std::path::PathBuf;

/// How a [`KafkaServer`](crate::KafkaServer) is started.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    pub(crate) heap_mb: u32,
    pub(crate) internal_partitions: u32,
    pub(crate) data: Option<PathBuf>,
    pub(crate) properties: Vec<(String, String)>,
    pub(crate) jvm: Vec<String>,
    pub(crate) proxied: bool,
    pub(crate) version: KafkaVersion,
    pub(crate) users: Vec<(String, String)>,
}

impl Default for KafkaOptions {
    fn default() -> Self {
        Self {
            heap_mb: 512,
            internal_partitions: 4,
            data: None,
            properties: Vec::new(),
            jvm: Vec::new(),
            proxied: false,
            version: KafkaVersion::Current,
            users: Vec::new(),
        }
    }
}

impl KafkaOptions {
    /// The largest heap, 512 megabytes by default.
    pub fn heap_mb(mut self, megabytes: u32) -> Self {
        self.heap_mb = megabytes;
        self
    }

    /// Partitions of `__consumer_offsets` and `__transaction_state`, 4 each by default.
    pub fn internal_partitions(mut self, partitions: u32) -> Self {
        self.internal_partitions = partitions;
        self
    }

    /// Keeps the broker's data in this folder, with what an earlier broker has left in it. By
    /// default they are in memory (`/dev/shm`, or the temporary folder) and go with the server.
    pub fn data(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data = Some(folder.into());
        self
    }

    /// A line of `server.properties`; it wins over ours.
    pub fn property(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.properties.push((name.into(), value.to_string()));
        self
    }

    /// An argument of the JVM; it wins over ours. For measuring: `-XX:TieredStopAtLevel=4`, as ours
    /// start fast and stay slower.
    pub fn jvm(mut self, argument: impl Into<String>) -> Self {
        self.jvm.push(argument.into());
        self
    }

    /// With a [`Proxy`](crate::Proxy) in front: who goes by the proxy's address stays behind it.
    pub fn proxied(mut self) -> Self {
        self.proxied = true;
        self
    }

    /// Kafka 3.9 instead of the current one: without `group.protocol=consumer`.
    pub fn old(mut self) -> Self {
        self.version = KafkaVersion::Old;
        self
    }

    /// With a listener for users who say who they are (SASL/PLAIN). There they may only do what they
    /// are [allowed](crate::JavaTopics::allow) to; whoever comes by the other listener may do all.
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.users.push((name.into(), password.into()));
        self
    }

    /// The text of `server.properties`.
    pub(crate) fn server_properties(&self, at: &Addresses, data: &str) -> String {
        let Addresses { node, voters, direct, controller, proxied, secured } = at;
        let partitions = self.internal_partitions;
        let voter = |(node, port): &(u32, u16)| format!("{node}@127.0.0.1:{port}");
        let quorum = voters.iter().map(voter).collect::<Vec<_>>().join(",");
        // One may be away.
        let (replicas, in_sync) = (voters.len(), voters.len().saturating_sub(1).max(1));
        let mut listeners =
            format!("PLAINTEXT://127.0.0.1:{direct},CONTROLLER://127.0.0.1:{controller}");
        let mut advertised = format!("PLAINTEXT://127.0.0.1:{direct}");
        if let Some((listener, proxy)) = proxied {
            listeners += &format!(",PROXIED://127.0.0.1:{listener}");
            advertised += &format!(",PROXIED://127.0.0.1:{proxy}");
        }
        if let Some(listener) = secured {
            listeners += &format!(",SECURED://127.0.0.1:{listener}");
            advertised += &format!(",SECURED://127.0.0.1:{listener}");
        }
        let mut text = format!(
            "process.roles=broker,controller
node.id={node}
controller.quorum.voters={quorum}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT,SECURED:SASL_PLAINTEXT
listeners={listeners}
advertised.listeners={advertised}
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.num.partitions={partitions}
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
transaction.state.log.num.partitions={partitions}
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.streams.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=100
group.consumer.min.session.timeout.ms=100
group.consumer.min.heartbeat.interval.ms=100
group.streams.min.session.timeout.ms=100
group.streams.min.heartbeat.interval.ms=100
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=16777216
"
        );
        if secured.is_some() {
            let user = |(name, password): &(String, String)| format!(" user_{name}=\"{password}\"");
            let users: String = self.users.iter().map(user).collect();
            text += &format!(
                "sasl.enabled.mechanisms=PLAIN
listener.name.secured.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required{users};
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"
            );
        }
        for (name, value) in &self.properties {
            text += &format!("{name}={value}\n");
        }
        text
    }
}

/// Which Kafka it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KafkaVersion {
    Current,
    Old,
}

/// The ports of a server.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    /// Its number in its cluster.
    pub(crate) node: u32,
    /// All nodes of the cluster, with the ports of their controllers.
    pub(crate) voters: Vec<(u32, u16)>,
    pub(crate) direct: u16,
    pub(crate) controller: u16,
    /// The listener behind the proxy, and the proxy.
    pub(crate) proxied: Option<(u16, u16)>,
    /// The listener that asks who comes.
    pub(crate) secured: Option<u16>,
}
