//! Calling a partner, and going over to TLS on an open connection.
//! In: an endpoint, TLS material, one limit for the whole. Out: a stream, or a fault with a name.

use std::{future::Future, io, net::IpAddr, time::Duration};

use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::{
    endpoint::Endpoint,
    fault::{DialError, TlsFault},
    listen::ServerTls,
    reload::Reloadable,
    stream::Stream,
};

/// How to call in TLS.
#[derive(Clone, Debug)]
pub struct ClientTls {
    /// Configuration, read at every call.
    pub config: Reloadable<ClientConfig>,
    /// Name the certificate must bear; `None`: the host that is called.
    pub server_name: Option<String>,
}

impl ClientTls {
    /// Expects the name of the host that is called.
    pub fn new(config: impl Into<Reloadable<ClientConfig>>) -> Self {
        Self { config: config.into(), server_name: None }
    }

    fn name(&self, host: &str) -> Result<ServerName<'static>, DialError> {
        let name = self.server_name.as_deref().unwrap_or(host);
        ServerName::try_from(name.to_owned()).map_err(|_| TlsFault::WrongName.into())
    }
}

/// Connects: every address of the host in turn, then TLS when asked. `connect_timeout` bounds the whole.
/// In TLS 1.3 a server that refuses our certificate says so only at the first read: see [`DialError::of`].
pub async fn dial(
    endpoint: &Endpoint,
    tls: Option<&ClientTls>,
    connect_timeout: Duration,
) -> Result<Stream, DialError> {
    within(connect_timeout, async {
        let stream = Stream::plain(connect(endpoint).await?).map_err(|error| DialError::of(&error))?;
        match tls {
            Some(tls) => handshake_as_client(stream, tls, &endpoint.host).await,
            None => Ok(stream),
        }
    })
    .await
}

/// Goes over to TLS on an open connection, as the calling side (STARTTLS). The caller must have read exactly the peer's
/// go-ahead and nothing after it. `host` is the name the certificate must bear, unless `tls` says another.
pub async fn upgrade_client(
    stream: Stream,
    tls: &ClientTls,
    host: &str,
    timeout: Duration,
) -> Result<Stream, DialError> {
    within(timeout, handshake_as_client(stream, tls, host)).await
}

/// Goes over to TLS on an open connection, as the called side (STARTTLS).
pub async fn upgrade_server(stream: Stream, tls: &ServerTls, timeout: Duration) -> Result<Stream, DialError> {
    within(timeout, async {
        let (tcp, place) = stream.into_plain().map_err(|_| already_tls())?;
        let acceptor = TlsAcceptor::from(tls.current());
        let tls = acceptor.accept(tcp).await.map_err(|error| DialError::of(&error))?;
        Ok(Stream::server(tls).holding(place))
    })
    .await
}

async fn handshake_as_client(stream: Stream, tls: &ClientTls, host: &str) -> Result<Stream, DialError> {
    let name = tls.name(host)?;
    let (tcp, place) = stream.into_plain().map_err(|_| already_tls())?;
    let connector = TlsConnector::from(tls.config.current());
    let tls = connector.connect(name, tcp).await.map_err(|error| DialError::of(&error))?;
    Ok(Stream::client(tls).holding(place))
}

async fn connect(endpoint: &Endpoint) -> Result<TcpStream, DialError> {
    let found = lookup_host((endpoint.host.as_str(), endpoint.port)).await;
    let mut last = match &found {
        // An address needs no directory: its failure is ours, not that of a name.
        Err(error) if endpoint.host.parse::<IpAddr>().is_ok() => DialError::of(error),
        _ => DialError::NameNotFound,
    };
    for address in found.into_iter().flatten() {
        match TcpStream::connect(address).await {
            Ok(tcp) => return Ok(tcp),
            Err(error) => last = DialError::of(&error),
        }
    }
    Err(last)
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, DialError>>,
) -> Result<T, DialError> {
    tokio::time::timeout(limit, work).await.unwrap_or(Err(DialError::Timeout))
}

fn already_tls() -> DialError {
    DialError::of(&io::Error::from(io::ErrorKind::AlreadyExists))
}
