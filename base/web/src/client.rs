//! One exchange at a time with a service, over a connection that is kept for the next one.
//! In: a request without effect (a question, a form). Out: a bounded answer, or why there is none.
//! Redirections are followed only where asked, and secrets stay with the host they are for. A service that asks to slow
//! down is obeyed (`pace.rs`).

use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, Response, body::Incoming, client::conn::http1::SendRequest, header};
use hyper_util::rt::TokioIo;
use jiff::{Timestamp, fmt::rfc2822};
use jonction_net::{ClientTls, DialError, TlsFault, dial};
use jonction_ports::PullError;
use tokio::{task::AbortHandle, time::timeout};

use crate::{
    pace::{Pace, Patience, Wait},
    url::Url,
};

/// Most redirections in a row.
const REDIRECTS_MAX: usize = 5;
/// Headers of an answer, in bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Bounds in time.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// To connect, TLS included.
    pub connect: Duration,
    /// From the request to the head of the answer: a search of the national API may take 30 s.
    pub answer: Duration,
    /// Between two pieces of a body.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            idle: Duration::from_secs(30),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebError {
    /// No connection.
    #[error("cannot connect to {host}")]
    Dial {
        /// Host and port.
        host: String,
        /// Why.
        #[source]
        error: DialError,
    },
    /// Connected, then nothing in time.
    #[error("no answer in time")]
    Timeout,
    /// The connection broke.
    #[error("connection lost")]
    Lost,
    /// The body ended before its announced end.
    #[error("answer cut")]
    Cut,
    /// The answer is longer than we read.
    #[error("answer over {limit} bytes")]
    TooLong {
        /// The bound.
        limit: u64,
    },
    /// Redirected too often, to no address, or away from `https`.
    #[error("redirection not followed")]
    Redirect,
    /// An `https` address without TLS material.
    #[error("no TLS material for an https address")]
    NoTls,
    /// Our own request cannot be written.
    #[error("request cannot be written")]
    Request,
    /// The file it goes to.
    #[error("file cannot be written")]
    File(#[source] io::Error),
    /// The service refused: not a success.
    #[error("status {0}")]
    Status(u16),
}

impl WebError {
    /// Stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Dial { error, .. } => error.code(),
            Self::Timeout => "web.timeout",
            Self::Lost => "web.lost",
            Self::Cut => "web.cut",
            Self::TooLong { .. } => "web.too-long",
            Self::Redirect => "web.redirect",
            Self::NoTls => "web.no-tls",
            Self::Request => "web.request",
            Self::File(_) => "web.file",
            Self::Status(_) => "web.status",
        }
    }

    /// For the operator, in French.
    pub fn sentence(&self) -> String {
        match self {
            Self::Dial { host, error } => format!("{host} : {}", error.sentence()),
            Self::Timeout => "pas de réponse dans le délai".to_owned(),
            Self::Lost => "la connexion a été coupée".to_owned(),
            Self::Cut => "la réponse s'arrête avant sa fin annoncée".to_owned(),
            Self::TooLong { limit } => format!("la réponse dépasse {} Mo", limit >> 20),
            Self::Redirect => {
                "la redirection n'est pas suivie : trop longue, illisible, ou hors de https".to_owned()
            }
            Self::NoTls => "adresse en https sans autorité déclarée (trust)".to_owned(),
            Self::Request => "la requête ne peut pas être écrite".to_owned(),
            Self::File(error) => format!("le fichier téléchargé ne s'écrit pas ({})", error.kind()),
            Self::Status(401 | 403) => "le service refuse l'accès : clé ou jeton".to_owned(),
            Self::Status(404) => "le service dit que cela n'existe pas (404)".to_owned(),
            Self::Status(429) => "le service demande de ralentir (429)".to_owned(),
            Self::Status(status) => format!("le service répond {status}"),
        }
    }

    /// What it means for a pull: nothing is replaced, and what to do.
    pub fn to_pull(&self) -> PullError {
        let remedy = match self {
            Self::Status(404) => "vérifier l'adresse (url) : le service ne publie plus ici",
            Self::Status(401 | 403) => "vérifier la clé, et qu'elle est bien celle de ce service",
            Self::NoTls | Self::Dial { .. } => "vérifier l'adresse, le pare-feu et les autorités (trust)",
            Self::File(_) => "faire de la place ou corriger les droits du dossier de données",
            _ => "rien à faire : le prochain passage reprendra où celui-ci s'est arrêté",
        };
        PullError::new(self.code(), self.sentence(), format!("l'annuaire en service reste ; {remedy}"))
    }

    /// Whether the same request may succeed a little later. A service that asked to slow down was already waited for.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Timeout | Self::Lost | Self::Cut | Self::Status(500 | 502 | 504))
    }
}

/// A request.
#[derive(Clone)]
pub struct Request {
    /// `GET`, or `POST` with a form.
    pub method: Method,
    /// Where.
    pub url: Url,
    /// Headers that may go anywhere.
    pub headers: Vec<(&'static str, String)>,
    /// Headers for the host of `url` and no other: keys, tokens.
    pub secrets: Vec<(String, String)>,
    /// Body of a `POST`.
    pub body: Bytes,
}

/// Secrets and bodies (a token is asked for by a form) are never printed.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, url, headers, .. } = self;
        f.debug_struct("Request")
            .field("method", method)
            .field("url", url)
            .field("headers", headers)
            .finish_non_exhaustive()
    }
}

impl Request {
    /// A question.
    pub fn get(url: Url) -> Self {
        Self { method: Method::GET, url, headers: Vec::new(), secrets: Vec::new(), body: Bytes::new() }
    }

    /// A form.
    pub fn form(url: Url, fields: &[(&str, &str)]) -> Self {
        let field = |(name, value): &(&str, &str)| format!("{name}={}", crate::url::encode(value));
        let body = fields.iter().map(field).collect::<Vec<_>>().join("&");
        let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
        Self { method: Method::POST, url, headers, secrets: Vec::new(), body: body.into() }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a secret for this host.
    #[must_use]
    pub fn secret(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.secrets.push((name.into(), value.into()));
        self
    }
}

/// The head of an answer, its body still to come.
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Where it came from, redirections followed.
    pub url: Url,
    body: Incoming,
    connection: Option<Connection>,
    idle: Arc<Mutex<HashMap<String, Connection>>>,
    timeouts: Timeouts,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What the service says of when to ask again.
    pub fn retry_after(&self) -> Option<Duration> {
        crate::pace::retry_after(self)
    }

    /// When the service says it is there.
    pub fn date(&self) -> Option<Timestamp> {
        Some(rfc2822::parse(self.header("date")?).ok()?.timestamp())
    }

    /// The next piece of the body; `None` at its end.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, WebError> {
        loop {
            let frame =
                timeout(self.timeouts.idle, self.body.frame()).await.map_err(|_| WebError::Timeout)?;
            match frame {
                None => {
                    // Read to its end: the connection may serve again.
                    if let Some(connection) = self.connection.take() {
                        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                        idle.insert(self.url.origin(), connection);
                    }
                    return Ok(None);
                }
                Some(Err(_)) => return Err(WebError::Cut),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// The whole body.
    pub async fn bytes(mut self, limit: u64) -> Result<Bytes, WebError> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.piece().await? {
            if (whole.len() + piece.len()) as u64 > limit {
                return Err(WebError::TooLong { limit });
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }
}

/// A caller of services. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    tls: Option<ClientTls>,
    timeouts: Timeouts,
    idle: Arc<Mutex<HashMap<String, Connection>>>,
    pace: Arc<Pace>,
}

impl Client {
    /// With TLS material for `https` addresses; without, only `http` ones can be called.
    pub fn new(tls: Option<ClientTls>, timeouts: Timeouts) -> Self {
        let pace = Arc::new(Pace::new(Patience::default(), Pace::timer()));
        Self { tls, timeouts, idle: Arc::default(), pace }
    }

    /// With other bounds on patience.
    #[must_use]
    pub fn patient(mut self, patience: Patience) -> Self {
        self.pace = Arc::new(Pace::new(patience, self.pace.wait.clone()));
        self
    }

    /// Waiting in another way than by the timer of the runtime.
    #[must_use]
    pub fn waiting(mut self, wait: Wait) -> Self {
        self.pace = Arc::new(Pace::new(self.pace.patience, wait));
        self
    }

    /// Sends, and reads the head of the answer, whatever its status: again, a bounded number of times, while the service
    /// asks to slow down. Redirections are not followed.
    pub async fn send(&self, request: &Request) -> Result<Answer, WebError> {
        let host = request.url.origin();
        let mut attempt = 1;
        loop {
            self.pace.turn(&host).await;
            let answer = self.once(request).await?;
            if !self.pace.again(&host, &answer, attempt) {
                return Ok(answer);
            }
            attempt += 1;
        }
    }

    /// The next request to this address waits a little: an attempt failed, counted from 1.
    pub fn failed(&self, url: &Url, attempt: u32) {
        self.pace.failed(&url.origin(), attempt);
    }

    /// Waits as this client does, for who asks again by itself.
    pub async fn pause(&self, delay: Duration) {
        (self.pace.wait)(delay).await;
    }

    async fn once(&self, request: &Request) -> Result<Answer, WebError> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).remove(&request.url.origin());
        if let Some(mut connection) = kept.filter(|connection| connection.sender.is_ready()) {
            // A connection that died while idle: the question goes on a new one.
            if let Ok(response) = self.exchange(request, &mut connection).await {
                return Ok(self.answer(request, response, connection));
            }
        }
        let mut connection = self.connect(&request.url).await?;
        let response = self.exchange(request, &mut connection).await?;
        Ok(self.answer(request, response, connection))
    }

    /// Likewise, following redirections. Secrets go no further than their host.
    pub async fn follow(&self, request: &Request) -> Result<Answer, WebError> {
        let mut request = request.clone();
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.send(&request).await?;
            if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            let target = answer.header("location").and_then(|text| request.url.join(text).ok());
            let target =
                target.filter(|target| target.secure || !request.url.secure).ok_or(WebError::Redirect)?;
            if !request.url.same_origin(&target) {
                request.secrets.clear();
            }
            request.url = target;
        }
        Err(WebError::Redirect)
    }

    fn answer(&self, request: &Request, response: Response<Incoming>, connection: Connection) -> Answer {
        let (head, body) = response.into_parts();
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            url: request.url.clone(),
            body,
            connection: Some(connection),
            idle: self.idle.clone(),
            timeouts: self.timeouts,
        }
    }

    async fn exchange(
        &self,
        request: &Request,
        connection: &mut Connection,
    ) -> Result<Response<Incoming>, WebError> {
        let mut head = hyper::Request::builder()
            .method(request.method.clone())
            .uri(&request.url.path)
            .header(header::HOST, request.url.host_header());
        for (name, value) in &request.headers {
            head = head.header(*name, value);
        }
        for (name, value) in &request.secrets {
            head = head.header(name, value);
        }
        let whole = head.body(Full::new(request.body.clone())).map_err(|_| WebError::Request)?;
        let sent = timeout(self.timeouts.answer, connection.sender.send_request(whole)).await;
        sent.map_err(|_| WebError::Timeout)?
            .map_err(|error| tls_fault(request, &error).unwrap_or(WebError::Lost))
    }

    async fn connect(&self, url: &Url) -> Result<Connection, WebError> {
        let tls = match (url.secure, &self.tls) {
            (true, None) => return Err(WebError::NoTls),
            (true, tls) => tls.as_ref(),
            (false, _) => None,
        };
        let stream = dial(&url.endpoint, tls, self.timeouts.connect)
            .await
            .map_err(|error| WebError::Dial { host: url.endpoint.to_string(), error })?;
        let (sender, driving) = hyper::client::conn::http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX.max(16 << 10))
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| WebError::Lost)?;
        let driver = tokio::spawn(async move {
            // What breaks a connection is told to its exchange.
            let _ = driving.await;
        });
        Ok(Connection { sender, driver: driver.abort_handle() })
    }
}

/// In TLS 1.3 a server refuses our certificate only after the handshake seemed done.
fn tls_fault(request: &Request, error: &hyper::Error) -> Option<WebError> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(fault) = error.downcast_ref::<io::Error>().and_then(TlsFault::of) {
            return Some(WebError::Dial { host: request.url.endpoint.to_string(), error: fault.into() });
        }
        cause = error.source();
    }
    None
}
