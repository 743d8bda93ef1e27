//! Body of a request: bytes made here, and stored documents read in pieces while they are sent.
//! In: parts with their lengths. Out: a hyper body of known length. At most three pieces are in memory at once.
//! Source: architecture §10 « Bodies are handles », dependencies §2.1 (Content-Length, never chunked).

use std::{
    collections::VecDeque,
    io::{self, Read},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use jonction_model::ContentRef;
use jonction_ports::Bodies;
use tokio::sync::mpsc;

/// Bytes read from the store at once.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces waiting between the reading thread and the socket.
const PIECES_WAITING: usize = 2;

/// A part of a request body.
#[derive(Clone, Debug)]
pub(crate) enum BodyPart {
    /// Bytes made here.
    Made(Bytes),
    /// A stored content, of this many decoded bytes.
    Stored(ContentRef, u64),
}

impl BodyPart {
    fn length(&self) -> u64 {
        match self {
            Self::Made(bytes) => bytes.len() as u64,
            Self::Stored(_, length) => *length,
        }
    }
}

/// Whether bytes of a request may have left: what tells « try again » from « outcome unknown ».
#[derive(Clone, Debug, Default)]
pub(crate) struct Departure(Arc<AtomicBool>);

impl Departure {
    /// Whether a first byte of the body was handed to the connection.
    pub(crate) fn happened(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    fn happen(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The body, in order.
pub(crate) struct RequestBody {
    parts: VecDeque<BodyPart>,
    bodies: Arc<dyn Bodies>,
    reading: Option<mpsc::Receiver<io::Result<Bytes>>>,
    remaining: u64,
    departure: Departure,
}

impl RequestBody {
    /// A body of these parts; `departure` tells when its first byte is taken.
    pub(crate) fn new(
        parts: impl IntoIterator<Item = BodyPart>,
        bodies: Arc<dyn Bodies>,
        departure: Departure,
    ) -> Self {
        let parts: VecDeque<_> = parts.into_iter().collect();
        let remaining = parts.iter().map(BodyPart::length).sum();
        Self { parts, bodies, reading: None, remaining, departure }
    }

    /// Its whole length in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.remaining
    }

    fn give(&mut self, bytes: Bytes) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.departure.happen();
        self.remaining = self.remaining.saturating_sub(bytes.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            if let Some(reading) = &mut self.reading {
                match ready!(reading.poll_recv(context)) {
                    Some(Ok(bytes)) => return self.give(bytes),
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => self.reading = None,
                }
            }
            match self.parts.pop_front() {
                Some(BodyPart::Made(bytes)) if bytes.is_empty() => {}
                Some(BodyPart::Made(bytes)) => return self.give(bytes),
                Some(BodyPart::Stored(content, length)) => {
                    self.reading = Some(start_reading(self.bodies.clone(), content, length));
                }
                None => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty() && self.reading.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

/// Reads on a blocking thread; the last message is an error when the content is not as long as it was when prepared:
/// the announced length would not hold, and a document cut short must never look whole.
fn start_reading(
    bodies: Arc<dyn Bodies>,
    content: ContentRef,
    length: u64,
) -> mpsc::Receiver<io::Result<Bytes>> {
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    tokio::task::spawn_blocking(move || {
        let mut reader = match bodies.open(&content) {
            Ok(reader) => reader,
            Err(error) => {
                // Nobody listens any more when the request was given up: nothing to do.
                let _ = sender.blocking_send(Err(io::Error::other(error)));
                return;
            }
        };
        let mut left = length;
        loop {
            let piece = read_piece(&mut reader, left);
            let ended = !matches!(&piece, Ok(bytes) if !bytes.is_empty());
            let message = match piece {
                Ok(bytes) if bytes.is_empty() && left == 0 => return,
                Ok(bytes) if bytes.is_empty() => Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "stored document is shorter than prepared",
                )),
                Ok(bytes) => {
                    left -= bytes.len() as u64;
                    Ok(bytes)
                }
                Err(error) => Err(error),
            };
            if sender.blocking_send(message).is_err() || ended {
                return;
            }
        }
    });
    receiver
}

/// Next piece; empty at the end. Errors: more bytes than `left`.
fn read_piece(reader: &mut dyn Read, left: u64) -> io::Result<Bytes> {
    let mut buffer = vec![0; PIECE_BYTES];
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if filled as u64 > left {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "stored document is longer than prepared"));
    }
    buffer.truncate(filled);
    Ok(buffer.into())
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use jonction_ports::MemoryBodies;

    use super::*;

    async fn collected(length_off_by: i64) -> Result<Bytes, io::Error> {
        let bodies = Arc::new(MemoryBodies::default());
        let document = vec![b'x'; 200_000];
        let content = bodies.put(document);
        let length = u64::try_from(200_000 + length_off_by).unwrap();
        let parts = [
            BodyPart::Made(Bytes::from_static(b"head")),
            BodyPart::Stored(content, length),
            BodyPart::Made(Bytes::from_static(b"tail")),
        ];
        let body = RequestBody::new(parts, bodies, Departure::default());
        assert_eq!(body.size_hint().exact(), Some(length + 8));
        body.collect().await.map(http_body_util::Collected::to_bytes)
    }

    #[tokio::test]
    async fn parts_come_in_order_with_the_announced_length() {
        let bytes = collected(0).await.unwrap();
        assert_eq!(bytes.len(), 200_008);
        assert!(bytes.starts_with(b"headxx") && bytes.ends_with(b"xxtail"));
    }

    #[tokio::test]
    async fn a_document_of_another_length_than_prepared_breaks_the_request() {
        assert_eq!(collected(1).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(collected(-1).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn departure_is_told_when_the_first_byte_is_taken_and_not_before() {
        let departure = Departure::default();
        let parts = [BodyPart::Made(Bytes::from_static(b"x"))];
        let mut body = RequestBody::new(parts, Arc::new(MemoryBodies::default()), departure.clone());
        assert!(!departure.happened());
        body.frame().await.unwrap().unwrap();
        assert!(departure.happened());
    }
}
