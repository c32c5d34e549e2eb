//! A service with no server behind it: orders come in by HTTP, a topology keeps the totals per
//! customer, and the totals are read straight from its store.
//!
//! ```text
//! cargo run --release --example order_totals -- --port 8080 --dir /tmp/orders
//! curl -X POST localhost:8080/orders -H 'content-type: application/json' \
//!      -d '{"customer": "ann", "cents": 250}'
//! curl localhost:8080/totals/ann
//! curl localhost:8080/totals
//! ```
//!
//! It listens on 127.0.0.1 only, on a free port when none is given, and says on standard error
//! where. With `--dir` the orders and totals are kept there, else in memory. An order that was
//! accepted is in the totals a moment later. Ctrl-C or SIGTERM ends it in order.

use std::error::Error;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;
use millstream_example_order_totals::Service;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

fn main() -> ExitCode {
    let (dir, port) = match parse() {
        Ok(args) => args,
        Err(error) => {
            eprintln!("order_totals: {error}\nUsage: order_totals [--dir DIR] [--port PORT]");
            return ExitCode::from(2);
        }
    };
    match serve(dir, port) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("order_totals: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse() -> Result<(Option<PathBuf>, u16), lexopt::Error> {
    let (mut dir, mut port) = (None, 0);
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("dir") => dir = Some(parser.value()?.into()),
            Long("port") => port = parser.value()?.parse()?,
            other => return Err(other.unexpected()),
        }
    }
    Ok((dir, port))
}

fn serve(dir: Option<PathBuf>, port: u16) -> Result<(), Box<dyn Error>> {
    let service = Service::open(dir.as_deref())?;
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
