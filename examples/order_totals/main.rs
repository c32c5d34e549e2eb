//! A service with no server behind it, or with Kafka: orders come in by HTTP, a topology keeps the
//! totals per customer, and the totals are read straight from its store.
//!
//! ```text
//! cargo run --release --example order_totals -- --port 8080 --dir /tmp/orders
//! cargo run --release --example order_totals --features kafka,rocksdb -- --port 8080 \
//!     --bootstrap localhost:9092 --state-dir /tmp/totals
//! curl -X POST localhost:8080/orders -H 'content-type: application/json' \
//!      -d '{"customer": "ann", "cents": 250}'
//! curl localhost:8080/totals/ann
//! curl localhost:8080/totals
//! ```
//!
//! It listens on 127.0.0.1 only, on a free port when none is given, and says on standard error
//! where. With `--dir` the orders and totals are kept there, with `--bootstrap` in a Kafka cluster,
//! else in memory. An order that was accepted is in the totals a moment later. Ctrl-C or SIGTERM
//! ends it in order.
//!
//! Several instances on a cluster share the customers, and each answers for its own only: questions
//! to other instances come in a later version.

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use lexopt::prelude::*;
use millstream::Guarantee;
use millstream_example_order_totals::{Options, Service};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

const USAGE: &str = "\
Usage: order_totals [--port PORT] [--threads N] [--guarantee exactly-once|at-least-once]
                    [--dir DIR | --bootstrap HOST:PORT] [--application-id ID] [--state-dir DIR]";

fn main() -> ExitCode {
    let (options, port) = match parse() {
        Ok(args) => args,
        Err(error) => {
            eprintln!("order_totals: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match serve(&options, port) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("order_totals: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse() -> Result<(Options, u16), lexopt::Error> {
    let (mut options, mut port) = (Options::default(), 0);
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("port") => port = parser.value()?.parse()?,
            Long("threads") => options.threads = parser.value()?.parse()?,
            Long("guarantee") => options.guarantee = parser.value()?.parse_with(guarantee)?,
            Long("dir") => options.dir = Some(parser.value()?.into()),
            Long("bootstrap") => options.bootstrap = Some(parser.value()?.string()?),
            Long("application-id") => options.application_id = parser.value()?.string()?,
            Long("state-dir") => options.state_dir = Some(parser.value()?.into()),
            other => return Err(other.unexpected()),
        }
    }
    match (&options.dir, &options.bootstrap, &options.state_dir) {
        (Some(_), Some(_), _) => Err("--dir and --bootstrap exclude each other".into()),
        (None, None, Some(_)) => Err("--state-dir needs --dir or --bootstrap".into()),
        _ => Ok((options, port)),
    }
}

fn guarantee(text: &str) -> Result<Guarantee, &'static str> {
    match text {
        "exactly-once" => Ok(Guarantee::ExactlyOnce),
        "at-least-once" => Ok(Guarantee::AtLeastOnce),
        _ => Err("it is exactly-once or at-least-once"),
    }
}

fn serve(options: &Options, port: u16) -> Result<(), Box<dyn Error>> {
    let service = Service::open(options)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let app = service.app.clone();
        let running = tokio::spawn({
            let app = app.clone();
            async move { app.run().await }
        });
        if app.running().await.is_ok() {
            eprintln!("order_totals: listening on http://{}", listener.local_addr()?);
        }
        // The application ends first, by a signal or by an error, and the server with it.
        let (sender, ended) = oneshot::channel();
        axum::serve(listener, service.router())
            .with_graceful_shutdown(async move {
                // The receiver is below and waits.
                let _sent = sender.send(running.await);
            })
            .await?;
        Ok(ended.await???)
    })
}
