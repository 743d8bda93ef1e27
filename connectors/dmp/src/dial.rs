//! How a connection to the DMP is made: handed in, so that the sink also runs over a pipe in one process.
//! Source: architecture §4.11 (network is handed in), dmp-xds.md §3 (mutual TLS).

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use jonction_net::{ClientTls, DialError, Endpoint, TlsFault};
use jonction_ports::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

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
            Ok(Box::new(AlertFirst::new(stream)) as Box<dyn Stream>)
        })
    }
}

/// A stream whose failed write tells the TLS alert that caused it, when there is one.
/// In TLS 1.3 a server judges our certificate after we began to send: it answers with an alert and closes, and our
/// write fails before anybody read the alert. Without this an operator would see a cut where a certificate expired.
struct AlertFirst<S> {
    inner: S,
    /// Why writing failed, while what came before the cut is being read.
    failed: Option<io::Error>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AlertFirst<S> {
    fn new(inner: S) -> Self {
        Self { inner, failed: None }
    }

    fn write<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let failed = match self.failed.take() {
            Some(failed) => failed,
            None => match ready!(write(Pin::new(&mut self.inner), context)) {
                Ok(written) => return Poll::Ready(Ok(written)),
                Err(failed) => failed,
            },
        };
        let mut scratch = [0; 1024];
        match Pin::new(&mut self.inner).poll_read(context, &mut ReadBuf::new(&mut scratch)) {
            Poll::Ready(Err(read)) if TlsFault::of(&read).is_some() => Poll::Ready(Err(read)),
            Poll::Ready(_) => Poll::Ready(Err(failed)),
            // The connection is broken, so the other direction becomes readable soon: an alert, or its end.
            Poll::Pending => {
                self.failed = Some(failed);
                Poll::Pending
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for AlertFirst<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for AlertFirst<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(context, |inner, context| inner.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(context, |inner, context| inner.poll_write_vectored(context, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(context, |inner, context| inner.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
