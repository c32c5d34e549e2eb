use crate::options::Addresses;
use crate::ports::while_taken;
use crate::server::ready_jars;
use crate::{KafkaOptions, KafkaServer};

/// A Kafka cluster of several nodes, each broker and controller, which keep every partition on all
/// nodes: one of three may be away.
#[derive(Debug)]
pub struct KafkaCluster {
    nodes: Vec<KafkaServer>,
}

impl KafkaCluster {
    /// Starts so many nodes, on ports nobody has, and waits until all serve.
    ///
    /// # Panics
    ///
    /// With what [`try_start`](Self::try_start) says.
    #[track_caller]
    pub fn start(nodes: u32, options: KafkaOptions) -> Self {
        Self::try_start(nodes, &options).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same, with what went wrong as text: which program is missing, or the end of a broker's log.
    pub fn try_start(nodes: u32, options: &KafkaOptions) -> Result<Self, String> {
        while_taken(|| Self::start_once(nodes, options))
    }

    fn start_once(nodes: u32, options: &KafkaOptions) -> Result<Self, String> {
        let jars = ready_jars(options.version)?;
        let free = |node| Addresses { node, ..Addresses::free(None, options) };
        let addresses: Vec<Addresses> = (1..=nodes).map(free).collect();
        let voters: Vec<_> = addresses.iter().map(|at| (at.node, at.controller)).collect();
        let made = addresses.into_iter().map(|at| {
            let at = Addresses { voters: voters.clone(), ..at };
            KafkaServer::new(jars.clone(), options.clone(), at)
        });
        let mut nodes: Vec<KafkaServer> = made.collect::<Result<_, _>>()?;
        nodes.iter_mut().try_for_each(KafkaServer::begin)?;
        nodes.iter_mut().try_for_each(KafkaServer::wait)?;
        Ok(Self { nodes })
    }

    /// Where clients connect: all nodes.
    pub fn bootstrap(&self) -> String {
        self.nodes.iter().map(KafkaServer::bootstrap).collect::<Vec<_>>().join(",")
    }

    /// How many nodes there are.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// A node, counted from 0, to stop, kill and restart it.
    pub fn node(&mut self, number: usize) -> &mut KafkaServer {
        &mut self.nodes[number]
    }
}
