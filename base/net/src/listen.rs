//! Being called: accepts connections, makes their TLS handshakes side by side, keeps their number bounded.
//! In: an address, TLS material, limits. Out: streams with who is at the other end.
//! Source: architecture §4.8; hl7v2.md §6.6 « invalid TLS client cert: close at handshake, audit event ».

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use jonction_ports::{Peer, Stop};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::{JoinHandle, JoinSet},
};
use tracing::{debug, warn};

use crate::{dial::upgrade_server, reload::Reloadable, stream::Stream};

/// TLS of a listener: read at every accept, replaceable at any time.
pub type ServerTls = Reloadable<ServerConfig>;

/// Connections the system may hold for us before we accept them.
const BACKLOG: u32 = 1024;
/// Pause after a failed accept (no file descriptor left): without it the loop would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What one listener may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the same time, handshakes included. The next one is closed at once, with a warning.
    pub connections_max: usize,
    /// Longest TLS handshake.
    pub handshake_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections_max: 256, handshake_timeout: Duration::from_secs(10) }
    }
}

/// A bound address. Dropping it stops accepting; connections already handed out live on.
#[derive(Debug)]
pub struct Listener {
    local: SocketAddr,
    ready: mpsc::Receiver<(Stream, Peer)>,
    accepting: JoinHandle<()>,
}

impl Listener {
    /// Binds and starts accepting. Port 0 lets the system choose. Call it inside a runtime.
    /// Errors: the address is taken, not ours, or not permitted.
    pub fn bind(address: SocketAddr, tls: Option<ServerTls>, limits: Limits) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restarted gateway must not wait for the last connections of the previous one to fade out.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let local = listener.local_addr()?;
        let (sender, ready) = mpsc::channel(1);
        let accepting = tokio::spawn(accept_all(listener, tls, limits, sender));
        Ok(Self { local, ready, accepting })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Next connection, its handshake done. Cancel-safe. Peers that fail their handshake are logged and never seen here.
    pub async fn accept(&mut self) -> (Stream, Peer) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // The accepting task ends only with this value, or with the runtime.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Accepts until `stop`, each connection in its own task; then waits for these at most `grace`, and cuts what is left.
/// The handler gets a [`Stop`] too: it should finish what it has begun and return.
pub async fn serve<H, F>(mut listener: Listener, mut stop: Stop, grace: Duration, handler: H)
where
    H: Fn(Stream, Peer, Stop) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.stopped() => break,
            (stream, peer) = listener.accept() => {
                tasks.spawn(handler(stream, peer, stop.clone()));
            }
            // Ended tasks are collected as they end; a panic in one must not be silent.
            Some(ended) = tasks.join_next() => report_panic(ended),
        }
    }
    drop(listener);
    let drained = tokio::time::timeout(grace, async {
        while let Some(ended) = tasks.join_next().await {
            report_panic(ended);
        }
    });
    if drained.await.is_err() {
        warn!(connections = tasks.len(), "connections cut at the end of the grace period");
        tasks.shutdown().await;
    }
}

fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        tracing::error!(error_code = "net.connection-panicked", "connection task failed");
    }
}

async fn accept_all(
    listener: TcpListener,
    tls: Option<ServerTls>,
    limits: Limits,
    ready: mpsc::Sender<(Stream, Peer)>,
) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    // Dropped with this task: handshakes under way end with their listener.
    let mut handshakes = JoinSet::new();
    loop {
        let (tcp, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(error_code = "net.cannot-accept", cause = %error.kind(), "connection not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        while handshakes.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            warn!(error_code = "net.too-many-connections", peer = %address, "connection closed");
            continue;
        };
        let (tls, ready) = (tls.clone(), ready.clone());
        handshakes.spawn(async move {
            let opened = open(tcp, address, tls, limits.handshake_timeout, place).await;
            if let Some(connection) = opened {
                // Nobody left to take it: the listener is gone, and so is the connection.
                let _ = ready.send(connection).await;
            }
        });
    }
}

async fn open(
    tcp: TcpStream,
    address: SocketAddr,
    tls: Option<ServerTls>,
    handshake_timeout: Duration,
    place: OwnedSemaphorePermit,
) -> Option<(Stream, Peer)> {
    let stream = Stream::plain(tcp).ok()?.holding(Some(place));
    let stream = match tls {
        None => stream,
        Some(tls) => match upgrade_server(stream, &tls, handshake_timeout).await {
            Ok(stream) => stream,
            Err(error) => {
                warn!(error_code = error.code(), peer = %address, cause = %error, "handshake failed");
                return None;
            }
        },
    };
    let certificate = stream.peer_subject().map(|subject| subject.rfc4514());
    debug!(peer = %address, tls = stream.is_tls(), "connection accepted");
    Some((stream, Peer { address, certificate }))
}
