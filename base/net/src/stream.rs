//! One connection, in clear or in TLS, client or server side.
//! In → out: bytes. Always without Nagle's delay (40 ms per exchange otherwise, dependencies §3.1) and with keep-alive.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use rustls::pki_types::CertificateDer;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
};

use crate::subject::Subject;

/// Idle time before the system asks whether the peer is still there. Source: hl7v2.md §6.6 « half-open TCP ».
const KEEPALIVE_S: u64 = 60;

/// A connection. Dropping it closes it, and gives its place back to the listener it came from.
#[derive(Debug)]
pub struct Stream {
    wire: Wire,
    place: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
enum Wire {
    Plain(TcpStream),
    Client(Box<tokio_rustls::client::TlsStream<TcpStream>>),
    Server(Box<tokio_rustls::server::TlsStream<TcpStream>>),
}

impl Stream {
    /// A connection in clear.
    pub fn plain(tcp: TcpStream) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(KEEPALIVE_S));
        SockRef::from(&tcp).set_tcp_keepalive(&keepalive)?;
        Ok(Self { wire: Wire::Plain(tcp), place: None })
    }

    pub(crate) fn client(tls: tokio_rustls::client::TlsStream<TcpStream>) -> Self {
        Self { wire: Wire::Client(Box::new(tls)), place: None }
    }

    pub(crate) fn server(tls: tokio_rustls::server::TlsStream<TcpStream>) -> Self {
        Self { wire: Wire::Server(Box::new(tls)), place: None }
    }

    pub(crate) fn holding(mut self, place: Option<OwnedSemaphorePermit>) -> Self {
        self.place = place;
        self
    }

    /// Takes the plain connection out, for an upgrade. `Err`: it is already in TLS.
    pub(crate) fn into_plain(self) -> Result<(TcpStream, Option<OwnedSemaphorePermit>), Self> {
        match self.wire {
            Wire::Plain(tcp) => Ok((tcp, self.place)),
            wire => Err(Self { wire, place: self.place }),
        }
    }

    /// Whether the bytes are protected.
    pub fn is_tls(&self) -> bool {
        !matches!(self.wire, Wire::Plain(_))
    }

    /// Certificate of the peer, when it showed one.
    pub fn peer_certificate(&self) -> Option<&CertificateDer<'static>> {
        let certificates = match &self.wire {
            Wire::Plain(_) => None,
            Wire::Client(tls) => tls.get_ref().1.peer_certificates(),
            Wire::Server(tls) => tls.get_ref().1.peer_certificates(),
        };
        certificates?.first()
    }

    /// Subject of that certificate; `None` without certificate or when its subject cannot be read.
    pub fn peer_subject(&self) -> Option<Subject> {
        self.peer_certificate().and_then(|certificate| Subject::of_certificate(certificate).ok())
    }

    /// Negotiated version and cipher suite (`TLSv1_3 TLS13_AES_256_GCM_SHA384`), for reports.
    pub fn tls_description(&self) -> Option<String> {
        let (version, suite) = match &self.wire {
            Wire::Plain(_) => return None,
            Wire::Client(tls) => {
                (tls.get_ref().1.protocol_version(), tls.get_ref().1.negotiated_cipher_suite())
            }
            Wire::Server(tls) => {
                (tls.get_ref().1.protocol_version(), tls.get_ref().1.negotiated_cipher_suite())
            }
        };
        Some(format!("{:?} {:?}", version?, suite?.suite()))
    }

    /// Address of the peer.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().peer_addr()
    }

    /// Our address.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().local_addr()
    }

    fn tcp(&self) -> &TcpStream {
        match &self.wire {
            Wire::Plain(tcp) => tcp,
            Wire::Client(tls) => tls.get_ref().0,
            Wire::Server(tls) => tls.get_ref().0,
        }
    }
}

/// The same call on whichever wire it is.
macro_rules! on_wire {
    ($self:ident, $method:ident($($argument:expr),*)) => {
        match &mut $self.get_mut().wire {
            Wire::Plain(tcp) => Pin::new(tcp).$method($($argument),*),
            Wire::Client(tls) => Pin::new(tls.as_mut()).$method($($argument),*),
            Wire::Server(tls) => Pin::new(tls.as_mut()).$method($($argument),*),
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on_wire!(self, poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        on_wire!(self, poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_wire!(self, poll_write_vectored(cx, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_wire!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_wire!(self, poll_shutdown(cx))
    }
}
