//! Which broker an application runs on when it is given none.

use std::sync::Arc;

use millstream_broker::Broker;
use millstream_broker::embedded::EmbeddedBroker;

use super::Config;
use crate::error::Error;

/// The Kafka cluster at `bootstrap.servers`, or a broker in memory; and whether it is the
/// application's own.
pub(super) fn connect(config: &Config) -> Result<(Arc<dyn Broker>, bool), Error> {
    #[cfg(feature = "kafka")]
    if let Some(kafka) = config.kafka() {
        let broker = millstream_broker::kafka::KafkaBroker::connect(kafka)?;
        return Ok((Arc::new(broker), false));
    }
    #[cfg(not(feature = "kafka"))]
    if config.bootstrap_servers().is_some() {
        return Err(Error::Config(
            "`bootstrap.servers` names a Kafka cluster, and this program is built without the \
             feature `kafka` of millstream: build it with `--features kafka`, or remove the \
             setting to run on the broker inside the process"
                .to_owned(),
        ));
    }
    Ok((Arc::new(EmbeddedBroker::in_memory()), true))
}
