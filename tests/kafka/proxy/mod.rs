//! A proxy between clients and a broker that knows Kafka's frames, and faults for chosen requests.

mod connection;
mod fault;
mod frame;

use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use connection::Connection;
pub use fault::{Action, Fault, Target};
pub use frame::ApiKey;
use frame::RequestHead;

/// Two threads each; a client that opens more is lost.
const MOST_CONNECTIONS: usize = 256;

/// Stands in front of a broker that advertises the proxy's port. Gives every request and answer on
/// as it is, but for those that meet a [`Fault`].
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    switchboard: Arc<Switchboard>,
}

/// What the threads have in common.
#[derive(Debug, Default)]
struct Switchboard(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The broker's port, once there is one.
    broker: Option<u16>,
    /// Nobody gets through.
    is_cut: bool,
    is_over: bool,
    connections: Vec<Weak<Connection>>,
    armed: Vec<Arc<fault::Shared>>,
    /// All faults whose request may be held.
    held: Vec<Weak<fault::Shared>>,
    requests: BTreeMap<ApiKey, u64>,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1. Connections are closed until
    /// [`forward_to`](Self::forward_to) says where they lead.
    pub fn listen() -> Result<Self, String> {
        let told = |error| format!("the proxy: {error}");
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(told)?;
        let port = listener.local_addr().map_err(told)?.port();
        let switchboard = Arc::<Switchboard>::default();
        let shared = switchboard.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                if shared.state().is_over {
                    return;
                }
                // A client whose connection cannot be made sees it closed.
                let _refused = client.map(|client| shared.connect(client));
            }
        });
        Ok(Self { port, switchboard })
    }

    /// Where clients connect: `127.0.0.1:PORT`.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Forwards new connections to this port of 127.0.0.1.
    pub fn forward_to(&self, port: u16) {
        self.switchboard.state().broker = Some(port);
    }

    /// Puts a fault in place; it works once. A request that meets one is not seen by later ones.
    pub fn fault(&self, target: Target, action: Action) -> Fault {
        let shared = fault::Shared::new(target, action);
        let mut state = self.switchboard.state();
        state.held.retain(|fault| fault.strong_count() > 0);
        state.held.push(Arc::downgrade(&shared));
        state.armed.push(shared.clone());
        Fault(shared)
    }

    /// How many requests of a kind have come so far.
    pub fn requests(&self, api: ApiKey) -> u64 {
        self.switchboard.state().requests.get(&api).copied().unwrap_or(0)
    }

    /// Closes every connection, and every new one too, until [`mend`](Self::mend).
    pub fn cut(&self) {
        self.switchboard.cut(false);
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.switchboard.state().is_cut = false;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.switchboard.cut(true);
        // Wakes the listener, which sees that it is over.
        let _woken = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Switchboard {
    fn connect(self: &Arc<Self>, client: TcpStream) -> std::io::Result<()> {
        let Some(port) = self.state().broker else { return Ok(()) };
        let broker = TcpStream::connect(("127.0.0.1", port))?;
        let connection = Arc::new(Connection::new(client, broker)?);
        {
            let mut state = self.state();
            state.connections.retain(|connection| connection.strong_count() > 0);
            if state.is_cut || state.connections.len() >= MOST_CONNECTIONS {
                return Ok(());
            }
            state.connections.push(Arc::downgrade(&connection));
        }
        let (answers, switchboard) = (connection.clone(), self.clone());
        thread::spawn(move || answers.carry_answers());
        thread::spawn(move || connection.carry_requests(&switchboard));
        Ok(())
    }

    /// Counts a request, and finds the fault that it meets.
    fn meet(&self, head: &RequestHead) -> Option<(Arc<fault::Shared>, Action)> {
        let mut state = self.state();
        *state.requests.entry(head.api).or_default() += 1;
        state.armed.retain(|fault| !fault.is_over());
        state.armed.iter().find_map(|fault| Some((fault.clone(), fault.meets(head)?)))
    }

    fn cut(&self, for_good: bool) {
        let mut state = self.state();
        state.is_cut = true;
        state.is_over |= for_good;
        for connection in state.connections.drain(..).filter_map(|weak| weak.upgrade()) {
            connection.close();
        }
        // What is held would be sent to a closed connection: let its thread end.
        for fault in state.held.drain(..).filter_map(|weak| weak.upgrade()) {
            fault.release();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
