//! A connection to a broker, one request at a time.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::bytes::{Decoder, Encoder};
use super::login::log_in;
use super::requests::{API_VERSIONS, SENT};
use super::settings::Settings;
use crate::{Clock, SystemClock};

/// A broker's host and port.
pub(super) type Address = (String, u16);

/// What bytes go through.
enum Stream {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<openssl::ssl::SslStream<TcpStream>>),
}

impl Stream {
    fn both(&mut self) -> &mut (dyn ReadWrite + Send) {
        match self {
            Self::Plain(stream) => stream,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => &mut **stream,
        }
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.get_ref(),
        }
    }
}

trait ReadWrite: Read + Write {}

impl<T: Read + Write> ReadWrite for T {}

pub(super) struct Connection {
    stream: Stream,
    client_id: String,
    correlation: i32,
    longest_answer: usize,
    /// The answer read last; grows to the longest one.
    answer: Vec<u8>,
    used: SystemClock,
}

/// A connection that was not used for so long may have been closed by the broker (after ten minutes
/// by default), which is only seen when a request gets no answer.
const IDLE: Duration = Duration::from_secs(60);

impl Connection {
    /// Connects, asks whether the broker knows the versions of requests that are sent to it, and logs
    /// in, each step within a time.
    pub(super) fn open(
        address: &Address,
        settings: &Settings,
        within: Duration,
    ) -> io::Result<Self> {
        let (host, port) = address;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for resolved in (host.as_str(), *port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&resolved, within) {
                Ok(stream) => return Self::on(stream, host, settings, within),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    #[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "for certificates"))]
    fn on(
        stream: TcpStream,
        host: &str,
        settings: &Settings,
        within: Duration,
    ) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(settings.socket_timeout))?;
        stream.set_read_timeout(Some(within))?;
        #[cfg(feature = "tls")]
        let stream = match &settings.protection.tls {
            Some(tls) => Stream::Tls(Box::new(tls.on(stream, host)?)),
            None => Stream::Plain(stream),
        };
        #[cfg(not(feature = "tls"))]
        let stream = Stream::Plain(stream);
        let mut connection = Self {
            stream,
            client_id: settings.client_id.clone(),
            correlation: 0,
            longest_answer: settings.longest_answer,
            answer: Vec::new(),
            used: SystemClock::new(),
        };
        connection.check_versions(within)?;
        if let Some(login) = &settings.protection.login {
            log_in(&mut connection, login, within)?;
        }
        Ok(connection)
    }

    fn check_versions(&mut self, within: Duration) -> io::Result<()> {
        let mut answer = self.call(API_VERSIONS, within, |_| {})?;
        let error = answer.i16()?;
        let mut known = 0;
        answer.each(|api| {
            let (key, least, most) = (api.i16()?, api.i16()?, api.i16()?);
            let is_sent = |api: &&(i16, i16)| api.0 == key && (least..=most).contains(&api.1);
            known += SENT.iter().filter(is_sent).count();
            Ok(())
        })?;
        if error == 0 && known == SENT.len() {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::Unsupported, "Kafka 2.5 or later is needed"))
    }

    /// Whether it was not used for so long that another one is better.
    pub(super) fn is_idle(&self) -> bool {
        self.used.monotonic() > IDLE
    }

    /// Sends a request and waits for its answer, whose body is returned.
    pub(super) fn call(
        &mut self,
        (api_key, version): (i16, i16),
        within: Duration,
        body: impl FnOnce(&mut Encoder),
    ) -> io::Result<Decoder<'_>> {
        self.correlation = self.correlation.wrapping_add(1);
        self.used = SystemClock::new();
        let mut request = Encoder::request(api_key, version, self.correlation, &self.client_id);
        body(&mut request);
        self.stream.socket().set_read_timeout(Some(within))?;
        let stream = self.stream.both();
        let lost = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                io::Error::new(error.kind(), "it has closed the connection")
            }
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {within:?}"))
            }
            _ => error,
        };
        stream.write_all(&request.finish()).map_err(lost)?;
        let mut len = [0; 4];
        stream.read_exact(&mut len).map_err(lost)?;
        let len = u32::from_be_bytes(len) as usize;
        if len > self.longest_answer {
            let reason = format!("an answer of {len} bytes is above receive.message.max.bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        if self.answer.len() < len {
            self.answer.resize(len, 0);
        }
        let answer = &mut self.answer[..len];
        stream.read_exact(answer).map_err(lost)?;
        let mut answer = Decoder::new(answer);
        if answer.i32()? != self.correlation {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an answer to another request"));
        }
        Ok(answer)
    }
}
