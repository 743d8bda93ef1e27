//! Outgoing links to one receiver: kept open between messages, one message in flight on each.
//! In: a message and its number. Out: its acknowledgement, or whether anything may have arrived.
//! Source: hl7v2.md §6.6 « our client », architecture §4.4.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use jonction_hl7v2::Header;
use jonction_net::{ClientTls, DialError, Stream, TlsFault, dial};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf},
    sync::Semaphore,
};

use crate::{
    config::{Limits, Target},
    session::{Client, ClientFault, ClientLimits, Reply},
    wire::encode,
};

const READ_BYTES: usize = 8 * 1024;

/// Why a message was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Every link is busy with another message for too long.
    #[error("every link is busy")]
    Busy,
    /// The target asks for TLS and no material was given.
    #[error("tls is asked for and there is no tls material")]
    NoTls,
    /// No connection: nothing left.
    #[error("no connection: {0}")]
    Dial(#[from] DialError),
    /// The connection broke while the message left.
    #[error("the connection broke: {0}")]
    Broken(DialError),
    /// What came back is not the answer.
    #[error("{0}")]
    Answer(#[from] ClientFault),
}

impl SendError {
    /// Whether the message, or some of it, may have arrived.
    pub fn left(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::Answer(_))
    }

    /// Stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy => "mllp.links-busy",
            Self::NoTls => "mllp.no-tls-material",
            Self::Dial(error) | Self::Broken(error) => error.code(),
            Self::Answer(fault) => fault.code(),
        }
    }

    /// What to tell the operator, in French.
    pub fn sentence(&self) -> String {
        match self {
            Self::Busy => {
                "toutes les connexions vers le correspondant attendent encore une réponse".to_owned()
            }
            Self::NoTls => {
                "mllps:// demande TLS, mais aucun certificat n'est configuré (identity, trust)".to_owned()
            }
            Self::Dial(error) => error.sentence(),
            Self::Broken(error) => format!("connexion rompue pendant l'envoi : {}", error.sentence()),
            Self::Answer(fault) => fault.sentence().to_owned(),
        }
    }
}

/// The links to one receiver.
#[derive(Debug)]
pub(crate) struct Outgoing {
    target: Target,
    tls: Option<ClientTls>,
    limits: ClientLimits,
    connect_timeout: Duration,
    places: Semaphore,
    /// Open links with nothing in flight.
    idle: Mutex<Vec<OpenLink>>,
}

#[derive(Debug)]
struct OpenLink {
    stream: Stream,
    client: Client,
}

impl Outgoing {
    pub(crate) fn new(target: Target, tls: Option<ClientTls>, limits: &Limits) -> Self {
        Self {
            target,
            tls,
            limits: limits.client,
            connect_timeout: limits.connect_timeout,
            places: Semaphore::new(limits.outgoing_max),
            idle: Mutex::default(),
        }
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Sends one message and waits for its answer. `control_id` is its MSH-10, written with the standard delimiters.
    /// A link that errs is closed; one that answers is kept.
    pub(crate) async fn send(&self, message: &[u8], control_id: &str) -> Result<Reply, SendError> {
        let place = tokio::time::timeout(self.limits.ack_timeout, self.places.acquire());
        // The semaphore is never closed.
        let Ok(Ok(_place)) = place.await else { return Err(SendError::Busy) };
        let mut link = match self.take_idle().await {
            Some(link) => link,
            None => self.open().await?,
        };
        let question = Question { control_id, application: asks_application(message) };
        let reply = link.exchange(encode(message), question, self.limits.ack_timeout).await?;
        if !reply.whole {
            return Ok(reply);
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(link);
        Ok(reply)
    }

    /// Sends one message and hangs up at once, as a sender that crashes does.
    pub(crate) async fn send_and_hang_up(&self, message: &[u8]) -> Result<(), SendError> {
        let mut link = self.open().await?;
        let written = tokio::time::timeout(self.limits.ack_timeout, async {
            link.stream.write_all(&encode(message)).await?;
            link.stream.shutdown().await
        });
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(SendError::Broken(DialError::of(&error))),
            Err(_) => Err(SendError::Broken(DialError::Timeout)),
        }
    }

    /// An open link that is still alive and silent. Dead ones are dropped without a word: many receivers close after
    /// each message.
    async fn take_idle(&self) -> Option<OpenLink> {
        loop {
            let mut link = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if link.is_quiet().await {
                return Some(link);
            }
        }
    }

    async fn open(&self) -> Result<OpenLink, SendError> {
        let tls = match (self.target.tls, &self.tls) {
            (false, _) => None,
            (true, Some(tls)) => Some(tls),
            (true, None) => return Err(SendError::NoTls),
        };
        let stream = dial(&self.target.endpoint, tls, self.connect_timeout).await?;
        Ok(OpenLink { stream, client: Client::new(self.limits) })
    }
}

impl OpenLink {
    /// Looks without waiting: nothing to read, not closed, nothing unasked in the buffer.
    async fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        let read = poll_fn(|cx| Poll::Ready(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))).await;
        read.is_pending() && matches!(self.client.poll(now()), Ok(None))
    }

    async fn exchange(
        &mut self,
        frame: Bytes,
        question: Question<'_>,
        limit: Duration,
    ) -> Result<Reply, SendError> {
        // Writing is bounded like waiting: a receiver that reads nothing must not hold the lane.
        let written = tokio::time::timeout(limit, async {
            self.stream.write_all(&frame).await?;
            self.stream.flush().await
        });
        match written.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(SendError::Broken(DialError::of(&error))),
            Err(_) => return Err(SendError::Broken(DialError::Timeout)),
        }
        self.client.sent(question.control_id, now());
        if question.application {
            self.client.expects_application();
        }
        loop {
            if let Some(reply) = self.client.poll(now())? {
                return Ok(reply);
            }
            let deadline = self.client.deadline().unwrap_or_else(now);
            let buffer = self.client.buffer();
            buffer.reserve(READ_BYTES);
            match tokio::time::timeout_at(deadline.into(), self.stream.read_buf(buffer)).await {
                Ok(Ok(0)) => self.client.peer_closed(),
                Ok(Ok(_)) | Err(_) => {}
                // A refusal of our certificate shows only here in TLS 1.3, and then the peer has read nothing.
                Ok(Err(error)) => match DialError::of(&error) {
                    DialError::Tls(fault @ TlsFault::OursRefused(_)) => {
                        return Err(SendError::Dial(fault.into()));
                    }
                    error => return Err(SendError::Broken(error)),
                },
            }
        }
    }
}

/// What an answer belongs to.
struct Question<'q> {
    control_id: &'q str,
    /// An application acknowledgement follows the accept one.
    application: bool,
}

/// Whether a message asks for both acknowledgements, as it is written: its settings may have changed since.
fn asks_application(message: &[u8]) -> bool {
    Header::read(message).is_some_and(|header| {
        !matches!(header.accept_ack.as_str(), "" | "NE")
            && !matches!(header.application_ack.as_str(), "" | "NE")
    })
}

/// Monotonic time, virtual under a paused runtime.
fn now() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}
