//! The HTTP side of a simulator: requests in, replies out, good or broken.
//! In: a bound listener, a handler. Out: what the handler says, byte for byte, cut where it says.
//! Deliberately absent: any decision about a request.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::{
    HeaderMap, Method, Request, Response,
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use jonction_net::{Limits, Listener, ServerTls, Stream};
use jonction_ports::{Stop, StopHandle};
use tokio::{
    task::JoinHandle,
    time::{Sleep, sleep},
};

/// Largest request a simulator reads.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// What came.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// Method.
    pub method: Method,
    /// Path with its query.
    pub path: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// Subject of the client's certificate, when it showed one.
    pub certificate: Option<String>,
    /// Whether it came over TLS.
    pub secure: bool,
}

impl Arrived {
    /// A header as text; empty when absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The path without its query.
    pub fn route(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }
}

/// What goes out.
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Body,
}

impl Reply {
    /// A text of a type.
    pub fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body: Body::Whole(body.into()),
        }
    }

    /// Nothing but a status.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Whole(Bytes::new()) }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Its body broken after so many bytes, as announced whole.
    #[must_use]
    pub fn cut_after(mut self, bytes: usize) -> Self {
        if let Body::Whole(whole) = self.body {
            let announced = whole.len() as u64;
            self.body = Body::Cut { left: whole.slice(..bytes.min(whole.len())), announced, flushed: false };
        }
        self
    }
}

/// A body.
pub enum Body {
    /// All at once.
    Whole(Bytes),
    /// Announces so many bytes, sends fewer, breaks.
    Cut {
        /// What is sent.
        left: Bytes,
        /// What is announced.
        announced: u64,
        /// Whether what was sent has left.
        flushed: bool,
    },
    /// Comes after a while.
    Late {
        /// What comes.
        left: Bytes,
        /// When.
        waiting: Pin<Box<Sleep>>,
    },
    /// The connection is cut before any answer.
    None,
}

impl Body {
    /// Comes after that delay.
    pub fn late(bytes: Bytes, delay: Duration) -> Self {
        Self::Late { left: bytes, waiting: Box::pin(sleep(delay)) }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::None => Poll::Ready(None),
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Cut { left, flushed, .. } if left.is_empty() && !*flushed => {
                // The server flushes while it waits: the cut comes after what was sent.
                *flushed = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Cut { left, .. } if left.is_empty() => {
                Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::BrokenPipe, "simulated cut"))))
            }
            Self::Cut { left, .. } => Poll::Ready(Some(Ok(Frame::data(std::mem::take(left))))),
            Self::Late { left, .. } if left.is_empty() => Poll::Ready(None),
            Self::Late { left, waiting } => {
                ready!(waiting.as_mut().poll(context));
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(left)))))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Whole(bytes) | Self::Late { left: bytes, .. } => bytes.len() as u64,
            Self::Cut { announced, .. } => *announced,
            Self::None => 0,
        })
    }
}

/// Answers requests; called on the runtime, must be quick.
pub type Handler = Arc<dyn Fn(Arrived) -> Reply + Send + Sync>;

/// A server that runs. Dropped, it stops.
pub struct Server {
    address: SocketAddr,
    secure: bool,
    stop: StopHandle,
    serving: JoinHandle<()>,
}

impl Server {
    /// Listens and answers with `handler`.
    pub fn start(address: SocketAddr, tls: Option<ServerTls>, handler: Handler) -> io::Result<Self> {
        let secure = tls.is_some();
        let listener = Listener::bind(address, tls, Limits::default())?;
        let address = listener.local_addr();
        let (stop, listening) = StopHandle::new();
        let grace = Duration::from_millis(200);
        let serving =
            tokio::spawn(jonction_net::serve(listener, listening, grace, move |stream, _, stop| {
                connection(stream, handler.clone(), stop)
            }));
        Ok(Self { address, secure, stop, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as a URL without path; the name is that of the test certificates.
    pub fn origin(&self) -> String {
        if self.secure {
            format!("https://localhost:{}", self.address.port())
        } else {
            format!("http://{}", self.address)
        }
    }

    /// Stops, connections closed.
    pub async fn stop(mut self) {
        self.stop.stop();
        // Whether it ended well or was aborted, it has ended.
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn connection(stream: Stream, handler: Handler, mut stop: Stop) {
    let certificate = stream.peer_subject().map(|subject| subject.rfc4514());
    let secure = stream.is_tls();
    let service = service_fn(move |request| {
        let (handler, certificate) = (handler.clone(), certificate.clone());
        async move { respond(request, &handler, certificate, secure).await }
    });
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    tokio::select! {
        // How a client hangs up is its own affair.
        _ = served.as_mut() => return,
        () = stop.stopped() => served.as_mut().graceful_shutdown(),
    }
    let _ = served.await;
}

async fn respond(
    request: Request<Incoming>,
    handler: &Handler,
    certificate: Option<String>,
    secure: bool,
) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, REQUEST_BYTES_MAX).collect().await.map_err(io::Error::other)?.to_bytes();
    let path = head.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    let head_only = head.method == Method::HEAD;
    let reply =
        handler(Arrived { method: head.method, path, headers: head.headers, body, certificate, secure });
    if matches!(reply.body, Body::None) {
        return Err(io::Error::other("simulated cut"));
    }
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    let body = match reply.body {
        Body::Whole(bytes) if head_only => {
            response = response.header("content-length", bytes.len());
            Body::Whole(Bytes::new())
        }
        body => body,
    };
    response.body(body).map_err(io::Error::other)
}
