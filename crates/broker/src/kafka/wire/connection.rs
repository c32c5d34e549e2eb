//! A connection to a broker, one request at a time.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::bytes::{Decoder, Encoder};
use super::requests::{API_VERSIONS, FETCH, METADATA};
use super::settings::Settings;

/// A broker's host and port.
pub(super) type Address = (String, u16);

pub(super) struct Connection {
    stream: TcpStream,
    client_id: String,
    correlation: i32,
    longest_answer: usize,
    /// The answer read last; grows to the longest one.
    answer: Vec<u8>,
}

impl Connection {
    /// Connects, and asks whether the broker knows the versions of requests that are sent to it.
    pub(super) fn open(address: &Address, settings: &Settings) -> io::Result<Self> {
        let (host, port) = address;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for resolved in (host.as_str(), *port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&resolved, settings.setup_timeout) {
                Ok(stream) => return Self::on(stream, settings),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn on(stream: TcpStream, settings: &Settings) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(settings.socket_timeout))?;
        let mut connection = Self {
            stream,
            client_id: settings.client_id.clone(),
            correlation: 0,
            longest_answer: settings.longest_answer,
            answer: Vec::new(),
        };
        connection.check_versions(settings.socket_timeout)?;
        Ok(connection)
    }

    fn check_versions(&mut self, within: Duration) -> io::Result<()> {
        let mut answer = self.call(API_VERSIONS, within, |_| {})?;
        let error = answer.i16()?;
        let mut known = 0;
        answer.each(|api| {
            let (key, least, most) = (api.i16()?, api.i16()?, api.i16()?);
            let is_known = |(api_key, version)| key == api_key && (least..=most).contains(&version);
            known += usize::from(is_known(METADATA) || is_known(FETCH));
            Ok(())
        })?;
        if error == 0 && known == 2 {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the broker does not know Fetch of Kafka 2.3",
        ))
    }

    /// Sends a request and waits for its answer, whose body is returned.
    pub(super) fn call(
        &mut self,
        (api_key, version): (i16, i16),
        within: Duration,
        body: impl FnOnce(&mut Encoder),
    ) -> io::Result<Decoder<'_>> {
        self.correlation = self.correlation.wrapping_add(1);
        let mut request = Encoder::request(api_key, version, self.correlation, &self.client_id);
        body(&mut request);
        self.stream.write_all(&request.finish())?;
        self.stream.set_read_timeout(Some(within))?;
        let mut len = [0; 4];
        self.stream.read_exact(&mut len)?;
        let len = u32::from_be_bytes(len) as usize;
        if len > self.longest_answer {
            let reason = format!("an answer of {len} bytes is above receive.message.max.bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        if self.answer.len() < len {
            self.answer.resize(len, 0);
        }
        let answer = &mut self.answer[..len];
        self.stream.read_exact(answer)?;
        let mut answer = Decoder::new(answer);
        if answer.i32()? != self.correlation {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an answer to another request"));
        }
        Ok(answer)
    }
}
