//! Bodies the simulator answers with: whole, or misbehaving.
//! In: bytes and a fault. Out: a hyper body. Source: dmp-xds.md §11.2.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// Bytes of each frame of an endless body.
const ENDLESS_FRAME: usize = 64 << 10;

/// A body of an answer.
pub(crate) enum ReplyBody {
    /// All at once.
    Whole(Bytes),
    /// One byte after each pause.
    Trickle {
        /// What is left.
        left: Bytes,
        /// Pause before each byte.
        pause: Duration,
        /// The pause under way.
        waiting: Option<Pin<Box<Sleep>>>,
    },
    /// Never ends.
    Endless,
    /// Announces `announced` bytes, sends fewer, then breaks.
    Truncated {
        /// What is sent.
        left: Bytes,
        /// What is announced.
        announced: u64,
    },
}

impl ReplyBody {
    /// One byte after each pause.
    pub(crate) fn trickle(bytes: Bytes, pause: Duration) -> Self {
        Self::Trickle { left: bytes, pause, waiting: None }
    }

    /// Half of what is announced.
    pub(crate) fn truncated(bytes: Bytes) -> Self {
        let announced = bytes.len() as u64;
        Self::Truncated { left: bytes.slice(..bytes.len() / 2), announced }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Trickle { left, .. } if left.is_empty() => Poll::Ready(None),
            Self::Trickle { left, pause, waiting } => {
                let pause = *pause;
                ready!(waiting.get_or_insert_with(|| Box::pin(sleep(pause))).as_mut().poll(context));
                *waiting = None;
                Poll::Ready(Some(Ok(Frame::data(left.split_to(1)))))
            }
            Self::Endless => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b' '; ENDLESS_FRAME]))))),
            Self::Truncated { left, .. } if left.is_empty() => {
                Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::BrokenPipe, "simulated cut"))))
            }
            Self::Truncated { left, .. } => Poll::Ready(Some(Ok(Frame::data(std::mem::take(left))))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Trickle { left, .. } => SizeHint::with_exact(left.len() as u64),
            Self::Truncated { announced, .. } => SizeHint::with_exact(*announced),
            Self::Endless => SizeHint::default(),
        }
    }
}
