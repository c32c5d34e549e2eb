//! Requests of Kafka's protocol, built by hand.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub(crate) const METADATA: i16 = 3;
pub(crate) const API_VERSIONS: i16 = 18;
pub(crate) const CREATE_TOPICS: i16 = 19;

/// A connection to a broker.
pub(crate) struct Connection {
    stream: TcpStream,
    client_id: String,
    correlation: i32,
}

impl Connection {
    pub(crate) fn open(address: &str, client_id: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { stream, client_id: client_id.to_owned(), correlation: 0 }
    }

    /// Sends a request; gives its correlation id.
    pub(crate) fn send(&mut self, key: i16, version: i16, body: &[u8]) -> i32 {
        self.correlation += 1;
        let mut frame = Vec::new();
        frame.extend(key.to_be_bytes());
        frame.extend(version.to_be_bytes());
        frame.extend(self.correlation.to_be_bytes());
        frame.extend(string(&self.client_id));
        frame.extend(body);
        self.stream.write_all(&(frame.len() as i32).to_be_bytes()).unwrap();
        self.stream.write_all(&frame).unwrap();
        self.correlation
    }

    /// The next answer: its correlation id and its body; nothing when the other side has closed.
    pub(crate) fn receive(&mut self) -> Option<(i32, Vec<u8>)> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).ok()?;
        let mut frame = vec![0; i32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut frame).ok()?;
        let body = frame.split_off(4);
        Some((i32::from_be_bytes(frame.try_into().unwrap()), body))
    }

    /// Sends a request and takes its answer.
    pub(crate) fn ask(&mut self, key: i16, version: i16, body: &[u8]) -> Vec<u8> {
        let sent = self.send(key, version, body);
        let (answered, body) = self.receive().expect("an answer");
        assert_eq!(answered, sent);
        body
    }

    /// The error code of an ApiVersions request.
    pub(crate) fn api_versions(&mut self) -> i16 {
        let body = self.ask(API_VERSIONS, 0, &[]);
        i16::from_be_bytes([body[0], body[1]])
    }

    /// Creates a topic of one partition; gives the error code.
    pub(crate) fn create_topic(&mut self, name: &str) -> i16 {
        let body = self.ask(CREATE_TOPICS, 2, &create_topic(name));
        i16::from_be_bytes([body[body.len() - 4], body[body.len() - 3]])
    }

    /// The port and the topics in the broker's metadata.
    pub(crate) fn metadata(&mut self) -> (i32, Vec<String>) {
        let body = self.ask(METADATA, 1, &(-1i32).to_be_bytes());
        let mut body = Fields(&body);
        assert_eq!(body.i32(), 1, "one broker");
        let (_id, _host, port, _rack) = (body.i32(), body.string(), body.i32(), body.string());
        let _controller = body.i32();
        let topics = (0..body.i32()).map(|_| {
            let _error = body.i16();
            let name = body.string();
            let _internal = body.take(1);
            for _partition in 0..body.i32() {
                let _error_id_leader = (body.i16(), body.i32(), body.i32());
                for _array in ["replicas", "in sync"] {
                    let length = body.i32();
                    body.take(4 * length as usize);
                }
            }
            name
        });
        let topics = topics.collect();
        (port, topics)
    }
}

/// The body of a CreateTopics request (version 2).
pub(crate) fn create_topic(name: &str) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(1i32.to_be_bytes());
    body.extend(string(name));
    body.extend(1i32.to_be_bytes());
    body.extend(1i16.to_be_bytes());
    // No assignments, no settings; a limit of 10 s, and not only to check.
    body.extend([0i32.to_be_bytes(), 0i32.to_be_bytes(), 10_000i32.to_be_bytes()].concat());
    body.push(0);
    body
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as i16).to_be_bytes(), text.as_bytes()].concat()
}

/// Reads an answer field by field.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(bytes);
        self.0 = rest;
        taken
    }

    fn i16(&mut self) -> i16 {
        i16::from_be_bytes(self.take(2).try_into().unwrap())
    }

    fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.take(4).try_into().unwrap())
    }

    fn string(&mut self) -> String {
        let length = self.i16().max(0) as usize;
        String::from_utf8(self.take(length).to_vec()).unwrap()
    }
}
