//! `order_totals`, talked to over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::Duration;

use crate::program::{example, run, signal, start, stderr};

/// A running service.
pub(crate) struct Service {
    child: Child,
    address: String,
}

impl Service {
    fn start(dir: &Path) -> Self {
        Self::start_with(&["--dir", dir.to_str().unwrap()])
    }

    pub(crate) fn start_with(args: &[&str]) -> Self {
        let mut child = start(example("order_totals").args(["--port", "0"]).args(args));
        let mut said = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut said).unwrap();
        let (_, address) = said.trim_end().split_once("http://").expect("it says where it is");
        let address = address.to_owned();
        assert!(address.starts_with("127.0.0.1:"), "{address}");
        Self { child, address }
    }

    /// Status and body of an answer.
    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    pub(crate) fn order(&self, customer: &str, cents: i64) {
        let order = format!(r#"{{"customer": "{customer}", "cents": {cents}}}"#);
        assert_eq!(self.ask("POST", "/orders", &order).0, 202);
    }

    #[cfg(feature = "kafka")]
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// An order is counted a moment after it was taken.
    pub(crate) fn becomes(&self, path: &str, expected: &str) {
        let mut found = (0, String::new());
        for _ in 0..400 {
            found = self.ask("GET", path, "");
            if found == (200, expected.to_owned()) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("{path} is {found:?} instead of {expected}");
    }

    pub(crate) fn stop(mut self) {
        signal(&self.child, "TERM");
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn orders_become_totals_that_last() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("orders");
    let service = Service::start(&dir);
    assert_eq!(service.ask("GET", "/totals/ann", "").0, 404);
    assert_eq!(service.ask("GET", "/totals", ""), (200, "{}".to_owned()));
    service.order("ann", 250);
    service.order("bob b", 5);
    service.order("ann", -50);
    service.becomes("/totals/ann", r#"{"orders":2,"cents":200}"#);
    service.becomes("/totals/bob%20b", r#"{"orders":1,"cents":5}"#);
    let all = r#"{"ann":{"orders":2,"cents":200},"bob b":{"orders":1,"cents":5}}"#;
    service.becomes("/totals", all);
    assert_eq!(service.ask("POST", "/orders", "no order").0, 400);
    assert_eq!(service.ask("GET", "/totals/carol", "").0, 404);

    let second = run(example("order_totals").arg("--dir").arg(&dir), b"");
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("another process"), "{}", stderr(&second));
    service.stop();

    let service = Service::start(&dir);
    service.becomes("/totals", all);
    service.order("ann", 1);
    service.becomes("/totals/ann", r#"{"orders":3,"cents":201}"#);
    service.stop();
}
