//! Totals per customer, kept by a topology and asked for by HTTP: all but the command line, which
//! is in `main.rs`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Json, Path as Name, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use millstream::broker::embedded::EmbeddedBroker;
use millstream::broker::{BrokerError, Clock, NewTopic, ProducerOptions, SystemClock};
use millstream::{
    Config, Error, Guarantee, Record, StreamsApp, StreamsBuilder, Topic, TopicProducer, Topology,
    TopologyError, Wire,
};
use serde::{Deserialize, Serialize};
use tokio::task;

const APPLICATION: &str = "order-totals";
const TOTALS: &str = "totals";
const PARTITIONS: u32 = 2;
/// Inside the process orders that are counted are forgotten when a partition has so many bytes.
const ORDERS_BYTES: u64 = 16 * 1024 * 1024;

/// How long an order waits for earlier ones to be counted.
const WAIT_FOR_ROOM: Duration = Duration::from_secs(5);

/// An order, as it is posted and as it stands in the topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Wire)]
pub struct Order {
    /// Who ordered.
    pub customer: String,
    /// For how much; a refund is negative.
    pub cents: i64,
}

/// All orders of one customer together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Wire)]
pub struct Total {
    /// How many.
    pub orders: u64,
    /// For how much.
    pub cents: i64,
}

impl Total {
    fn with(self, order: &Order) -> Self {
        Self { orders: self.orders + 1, cents: self.cents.saturating_add(order.cents) }
    }
}

/// The program: the topic `orders`, keyed by customer, into totals.
pub fn topology(orders: &str) -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    builder.stream::<String, Order>(orders).group_by_key().aggregate(
        TOTALS,
        Total::default,
        |_customer, order, total: Total| total.with(&order),
    );
    builder.build()
}

/// Where and how the service runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name of the application; another one has orders and totals of its own.
    pub application_id: String,
    /// A directory to keep orders and totals in, when there is no Kafka cluster.
    pub dir: Option<PathBuf>,
    /// A Kafka cluster to run on, as `host:port`.
    pub bootstrap: Option<String>,
    /// A directory to keep the store in.
    pub state_dir: Option<PathBuf>,
    /// How many stream threads.
    pub threads: usize,
    /// How often an order counts.
    pub guarantee: Guarantee,
}

impl Default for Options {
    /// In memory.
    fn default() -> Self {
        Self {
            application_id: APPLICATION.to_owned(),
            dir: None,
            bootstrap: None,
            state_dir: None,
            threads: 1,
            guarantee: Guarantee::default(),
        }
    }
}

/// The application on its broker, and a way in. Clones are handles on the same service.
#[derive(Clone, Debug)]
pub struct Service {
    /// The application, to be run.
    pub app: Arc<StreamsApp>,
    /// The broker inside the process, if it is that one.
    embedded: Option<EmbeddedBroker>,
    topic: Topic<String, Order>,
    orders: Arc<Mutex<TopicProducer>>,
}

impl Service {
    /// Opens the application, and creates the topic of the orders when it is missing.
    pub fn open(options: &Options) -> Result<Self, Error> {
        let id = options.application_id.as_str();
        let orders = match id {
            APPLICATION => "orders".to_owned(),
            // Several applications on one cluster are told apart.
            id => format!("{id}-orders"),
        };
        let mut config = Config::new(id)
            .with_num_stream_threads(options.threads)
            .with_processing_guarantee(options.guarantee);
        if let Some(dir) = &options.state_dir {
            config = config.with_state_dir(dir);
        }
        let topology = topology(&orders)?;
        let (app, embedded) = match (&options.bootstrap, &options.dir) {
            (Some(servers), _) => {
                (StreamsApp::new(topology, config.with_bootstrap_servers(servers))?, None)
            }
            (None, dir) => {
                let embedded = match dir {
                    Some(dir) => EmbeddedBroker::builder().directory(dir).application(id).open()?,
                    None => EmbeddedBroker::in_memory(),
                };
                (StreamsApp::on(Arc::new(embedded.clone()), topology, config)?, Some(embedded))
            }
        };
        let new = NewTopic::new(&orders, PARTITIONS).bounded(ORDERS_BYTES);
        match app.broker().admin()?.create_topics(&[new]) {
            Ok(()) | Err(BrokerError::TopicExists(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let producer = Arc::new(Mutex::new(producer(&app)?));
        Ok(Self { app: Arc::new(app), embedded, topic: orders.into(), orders: producer })
    }

    /// Writes an order down. It counts when this returns, in a directory or a cluster also after a
    /// failure; it does not when this fails, unless the cluster has taken it and could not say so.
    fn take(&self, order: Order) -> Result<(), Error> {
        let record = Record::new(order.customer.clone(), order, SystemClock::new().wall_ms());
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if self.embedded.as_ref().is_some_and(|broker| !has_room(broker, self.topic.name())) {
            return Err(Error::Unavailable("too many orders are not counted yet".to_owned()));
        }
        let written = orders.send(&self.topic, record).and_then(|()| orders.flush());
        if written.is_err() {
            // Nothing of a refused order may go along with the next one.
            *orders = producer(&self.app)?;
        }
        written
    }

    /// What is served.
    pub fn router(self) -> Router {
        Router::new()
            .route("/orders", post(post_order))
            .route("/totals", get(all_totals))
            .route("/totals/{customer}", get(total_of))
            .with_state(self)
    }
}

fn producer(app: &StreamsApp) -> Result<TopicProducer, Error> {
    TopicProducer::new(&**app.broker(), ProducerOptions::idempotent("orders"))
}

fn has_room(broker: &EmbeddedBroker, topic: &str) -> bool {
    broker.wait_for_room(topic, WAIT_FOR_ROOM)
}

async fn post_order(
    State(service): State<Service>,
    Json(order): Json<Order>,
) -> Result<StatusCode, Failure> {
    // It may wait for the disk.
    let taken = task::spawn_blocking(move || service.take(order)).await;
    taken.map_err(|died| Error::Unavailable(died.to_string()))??;
    Ok(StatusCode::ACCEPTED)
}

async fn total_of(
    State(service): State<Service>,
    Name(customer): Name<String>,
) -> Result<Response, Failure> {
    let totals = service.app.store::<String, Total>(TOTALS)?;
    Ok(match totals.get(&customer).await? {
        Some(total) => Json(total).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    })
}

/// All totals, by customer in order.
async fn all_totals(
    State(service): State<Service>,
) -> Result<Json<std::collections::BTreeMap<String, Total>>, Failure> {
    let totals = service.app.store::<String, Total>(TOTALS)?;
    Ok(Json(totals.all().await?.into_iter().collect()))
}

/// What cannot be answered now.
struct Failure(Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (StatusCode::SERVICE_UNAVAILABLE, self.0.to_string()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use millstream::testing::TopologyTestDriver;

    use super::*;

    #[test]
    fn orders_add_up() {
        let mut driver = TopologyTestDriver::new(&topology("orders").unwrap()).unwrap();
        let mut orders = driver.input::<String, Order>("orders");
        for (customer, cents) in [("ann", 250), ("bob", 100), ("ann", -50)] {
            let order = Order { customer: customer.to_owned(), cents };
            orders.send(customer, order).unwrap();
        }
        let total = driver.get::<String, Total>(TOTALS, &"ann".to_owned()).unwrap();
        assert_eq!(total, Some(Total { orders: 2, cents: 200 }));
    }
}
