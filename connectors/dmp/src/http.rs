//! One HTTP exchange with the DMP over a connection that is kept for the next one.
//! In: a head and a streamed body. Out: a bounded answer with its connection, or an error that says whether bytes left.
//! Deliberately absent: SOAP, XDS, what an error makes the engine do. Source: dmp-xds.md §9.1, dependencies §2.1.

use std::{
    collections::VecDeque,
    error::Error as _,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::http1::{Builder, SendRequest},
    header,
};
use hyper_util::rt::TokioIo;
use jonction_net::{DialError, TlsFault};
use tokio::{
    task::AbortHandle,
    time::{Instant, timeout_at},
};

use crate::{
    body::{Departure, RequestBody},
    config::{Limits, Timeouts},
    dial::Dial,
    endpoint::BaseUrl,
};

/// What is sent.
pub(crate) struct Outgoing {
    /// Path of the service.
    pub(crate) path: String,
    /// Content-Type, whole.
    pub(crate) content_type: String,
    /// The body.
    pub(crate) body: RequestBody,
    /// Tells whether its bytes left.
    pub(crate) departure: Departure,
}

/// What came back: status, type, body, and the connection it came on.
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// Content-Type; empty when absent or not text.
    pub(crate) content_type: String,
    /// Delay asked by the partner, in seconds of `Retry-After`.
    pub(crate) retry_after: Option<Duration>,
    /// The body.
    pub(crate) body: Bytes,
    /// Dropped, it closes the connection; kept, the connection serves again.
    pub(crate) lease: Lease,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    /// No connection.
    #[error("cannot connect")]
    Dial(#[from] DialError),
    /// The connection took too long.
    #[error("connection not made in time")]
    ConnectTimeout,
    /// No answer in time.
    #[error("no answer in time")]
    AnswerTimeout,
    /// The connection broke.
    #[error("connection lost")]
    Lost(#[source] hyper::Error),
    /// The answer is larger than we read.
    #[error("answer is longer than {limit} bytes")]
    TooLong {
        /// The bound, in bytes.
        limit: u64,
    },
    /// Our own request cannot be written as HTTP.
    #[error("request cannot be written")]
    Request(#[source] hyper::http::Error),
}

/// Connections to one endpoint.
pub(crate) struct Link {
    dial: Arc<dyn Dial>,
    url: BaseUrl,
    timeouts: Timeouts,
    limits: Limits,
    idle: Arc<Mutex<VecDeque<Connection>>>,
}

/// An open connection. Dropped, it closes.
struct Connection {
    sender: SendRequest<RequestBody>,
    driver: AbortHandle,
    idle_since: Instant,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Aborting drops the socket at once: an exchange given up must not go on behind our back.
        self.driver.abort();
    }
}

/// The connection an answer came on.
pub(crate) struct Lease {
    connection: Option<Connection>,
    idle: Arc<Mutex<VecDeque<Connection>>>,
    kept_max: usize,
}

impl Lease {
    /// Gives the connection back for the next exchange. Called once the answer is known to belong to its question.
    pub(crate) fn keep(mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        connection.idle_since = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push_back(connection);
        if idle.len() > self.kept_max {
            idle.pop_front();
        }
    }
}

impl Link {
    /// Connections to the services of `url`, made by `dial`.
    pub(crate) fn new(dial: Arc<dyn Dial>, url: BaseUrl, timeouts: Timeouts, limits: Limits) -> Self {
        Self { dial, url, timeouts, limits, idle: Arc::default() }
    }

    /// Sends a request and reads its answer, within the bounds of the settings.
    pub(crate) async fn exchange(&self, outgoing: Outgoing) -> Result<Answer, ExchangeError> {
        let Outgoing { path, content_type, body, departure } = outgoing;
        let length = body.length();
        let mut request = Request::post(path)
            .header(header::HOST, self.url.host_header())
            .header(header::CONTENT_TYPE, content_type)
            .header(header::CONTENT_LENGTH, length)
            .header(header::ACCEPT, "application/soap+xml, multipart/related")
            .body(body)
            .map_err(ExchangeError::Request)?;
        // A kept connection that died while idle gives the request back unsent: a new connection takes it.
        while let Some(mut connection) = self.take_idle() {
            let deadline = Instant::now() + self.timeouts.exchange;
            let sent = timeout_at(deadline, connection.sender.try_send_request(request)).await;
            match sent {
                Ok(Ok(response)) => return self.read(response, connection, deadline).await,
                Ok(Err(mut failed)) => match failed.take_message() {
                    Some(unsent) if !departure.happened() => request = unsent,
                    _ => return Err(ExchangeError::Lost(failed.into_error())),
                },
                Err(_) => return Err(ExchangeError::AnswerTimeout),
            }
        }
        let mut connection = self.connect().await?;
        let deadline = Instant::now() + self.timeouts.exchange;
        match timeout_at(deadline, connection.sender.send_request(request)).await {
            Ok(Ok(response)) => self.read(response, connection, deadline).await,
            Ok(Err(error)) => Err(ExchangeError::Lost(error)),
            Err(_) => Err(ExchangeError::AnswerTimeout),
        }
    }

    async fn read(
        &self,
        response: Response<Incoming>,
        connection: Connection,
        deadline: Instant,
    ) -> Result<Answer, ExchangeError> {
        let status = response.status().as_u16();
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let mut incoming = response.into_body();
        let mut body = BytesMut::new();
        let limit = self.limits.response_bytes_max;
        while let Some(frame) =
            timeout_at(deadline, incoming.frame()).await.map_err(|_| ExchangeError::AnswerTimeout)?
        {
            let Ok(data) = frame.map_err(ExchangeError::Lost)?.into_data() else { continue };
            if (body.len() + data.len()) as u64 > limit {
                return Err(ExchangeError::TooLong { limit });
            }
            body.extend_from_slice(&data);
        }
        let lease = Lease {
            connection: Some(connection),
            idle: self.idle.clone(),
            kept_max: self.limits.idle_connections_max,
        };
        Ok(Answer { status, content_type, retry_after, body: body.freeze(), lease })
    }

    /// The last connection given back that is still good; those too old or closed are let go.
    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| {
            connection.sender.is_ready() && connection.idle_since.elapsed() < self.timeouts.idle
        });
        idle.pop_back()
    }

    async fn connect(&self) -> Result<Connection, ExchangeError> {
        let deadline = Instant::now() + self.timeouts.connect;
        let stream = timeout_at(deadline, self.dial.dial())
            .await
            .map_err(|_| ExchangeError::ConnectTimeout)?
            .map_err(ExchangeError::Dial)?;
        let (sender, connection) = Builder::new()
            .max_buf_size(self.limits.head_bytes_max)
            .max_headers(self.limits.headers_max)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(ExchangeError::Lost)?;
        let driver = tokio::spawn(async move {
            // The error reaches the exchange itself, through its response future.
            let _ = connection.await;
        });
        Ok(Connection { sender, driver: driver.abort_handle(), idle_since: Instant::now() })
    }
}

impl ExchangeError {
    /// Detail for logs: the chain of causes, in English. Holds nothing of a message.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        text
    }

    /// The refusal of the TLS layer inside a lost connection: in TLS 1.3 a server refuses our certificate only after
    /// the handshake seemed done, so the first exchange learns of it.
    pub(crate) fn tls_fault(&self) -> Option<TlsFault> {
        let mut cause = self.source();
        while let Some(error) = cause {
            if let Some(fault) = error.downcast_ref::<io::Error>().and_then(TlsFault::of) {
                return Some(fault);
            }
            cause = error.source();
        }
        None
    }
}
