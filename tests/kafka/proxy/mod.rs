//! A proxy in front of a broker.

/// A proxy in front of a broker; so far only its place.
#[derive(Debug)]
pub struct Proxy;

impl Proxy {
    pub(crate) fn listen() -> Result<Self, String> {
        Ok(Self)
    }

    pub(crate) fn port(&self) -> u16 {
        0
    }

    pub(crate) fn forward_to(&self, _port: u16) {}
}
