//! How a connection to the DMP is made: handed in, so that the sink also runs over a pipe in one process.
//! Source: architecture §4.11 (network is handed in), dmp-xds.md §3 (mutual TLS).

use std::time::Duration;

use jonction_net::{ClientTls, DialError, Endpoint};
use jonction_ports::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection: socket or pipe.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Makes connections to one endpoint. Called each time no kept connection serves.
pub trait Dial: Send + Sync {
    /// Opens a connection, TLS done, within its own bound.
    fn dial(&self) -> BoxFuture<'_, Result<Box<dyn Stream>, DialError>>;
}

/// Mutual TLS over TCP.
#[derive(Clone, Debug)]
pub struct TlsDial {
    endpoint: Endpoint,
    tls: ClientTls,
    connect_timeout: Duration,
}

impl TlsDial {
    /// Calls `endpoint` with this identity and these anchors.
    pub fn new(endpoint: Endpoint, tls: ClientTls, connect_timeout: Duration) -> Self {
        Self { endpoint, tls, connect_timeout }
    }
}

impl Dial for TlsDial {
    fn dial(&self) -> BoxFuture<'_, Result<Box<dyn Stream>, DialError>> {
        Box::pin(async {
            let stream = jonction_net::dial(&self.endpoint, Some(&self.tls), self.connect_timeout).await?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}
