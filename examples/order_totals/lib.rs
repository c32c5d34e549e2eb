//! Totals per customer, kept by a topology and asked for by HTTP: all but the command line, which
//! is in `main.rs`.

use std::path::Path;
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
    Config, Error, Record, StreamsApp, StreamsBuilder, Topic, TopicProducer, Topology,
    TopologyError, Wire,
};
use serde::{Deserialize, Serialize};
use tokio::task;

const APPLICATION: &str = "order-totals";
const ORDERS: &str = "orders";
const TOTALS: &str = "totals";
/// Orders that are counted are forgotten when a partition has so many bytes.
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

/// The program: orders, keyed by customer, into totals.
pub fn topology() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    builder.stream::<String, Order>(ORDERS).group_by_key().aggregate(
        TOTALS,
        Total::default,
        |_customer, order, total: Total| total.with(&order),
    );
    builder.build()
}

/// The application on its broker, and a way in. Clones are handles on the same service.
#[derive(Clone, Debug)]
pub struct Service {
    /// The application, to be run.
    pub app: Arc<StreamsApp>,
    broker: EmbeddedBroker,
    orders: Arc<Mutex<TopicProducer>>,
}

impl Service {
    /// In memory, or in `dir`.
    pub fn open(dir: Option<&Path>) -> Result<Self, Error> {
        let broker = match dir {
            Some(dir) => {
                EmbeddedBroker::builder().directory(dir).application(APPLICATION).open()?
            }
            None => EmbeddedBroker::in_memory(),
        };
        match broker.create_topic(NewTopic::new(ORDERS, 2).bounded(ORDERS_BYTES)) {
            Ok(()) | Err(BrokerError::TopicExists(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let orders = TopicProducer::new(&broker, ProducerOptions::idempotent("orders"))?;
        let shared = Arc::new(broker.clone());
        let app = StreamsApp::on(shared, topology()?, Config::new(APPLICATION))?;
        Ok(Self { app: Arc::new(app), broker, orders: Arc::new(Mutex::new(orders)) })
    }

    /// Writes an order down. It counts when this returns, in `dir` also after a power failure; it
    /// does not when this fails.
    fn take(&self, order: Order) -> Result<(), Error> {
        let topic: Topic<String, Order> = ORDERS.into();
        let record = Record::new(order.customer.clone(), order, SystemClock::new().wall_ms());
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.broker.wait_for_room(ORDERS, WAIT_FOR_ROOM) {
            return Err(Error::Unavailable("too many orders are not counted yet".to_owned()));
        }
        let written = orders.send(&topic, record).and_then(|()| orders.flush());
        if written.is_err() {
            // Nothing of a refused order may go along with the next one.
            orders.abort()?;
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
        let mut driver = TopologyTestDriver::new(&topology().unwrap()).unwrap();
        let mut orders = driver.input::<String, Order>(ORDERS);
        for (customer, cents) in [("ann", 250), ("bob", 100), ("ann", -50)] {
            let order = Order { customer: customer.to_owned(), cents };
            orders.send(customer, order).unwrap();
        }
        let total = driver.get::<String, Total>(TOTALS, &"ann".to_owned()).unwrap();
        assert_eq!(total, Some(Total { orders: 2, cents: 200 }));
    }
}
