//! One incoming connection: the shell around [`Server`].
//! In: a stream. Out: arrivals to the engine in the order of the stream, answers in the same order.
//! Source: architecture §4.1, hl7v2.md §6.4, §6.6.

use std::{collections::VecDeque, future::poll_fn, io, sync::Arc, task::Poll, time::Instant};

use bytes::{Bytes, BytesMut};
use jonction_model::MessageControlId;
use jonction_net::Stream;
use jonction_ports::{Arrival, BoxFuture, Intake, IntakeError, Peer, Receipt, Stop};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tracing::{debug, info, warn};

use crate::{
    admission::Judged,
    answer::messages,
    budget::Share,
    session::{Action, CloseReason, Server},
    source::{Counters, Shared},
    wire::encode,
};

/// Room made before each read.
const READ_BYTES: usize = 64 * 1024;
/// Above this size a message is judged on a blocking thread: hashing and decoding it takes longer than a turn.
const BIG_BYTES: usize = 256 * 1024;

pub(crate) struct Link {
    shared: Arc<Shared>,
    intake: Arc<dyn Intake>,
    peer: Peer,
    server: Server,
    share: Share,
    /// Frames taken and not yet answered, in order.
    owed: VecDeque<Owed>,
}

/// One frame taken: its messages, submitted and perhaps answered.
struct Owed {
    parts: VecDeque<Part>,
    /// Answers so far, framed.
    answers: BytesMut,
    bytes: usize,
}

/// One message of a frame.
struct Part {
    submitted: Submitted,
    later: Bytes,
}

enum Submitted {
    Waiting(BoxFuture<'static, Result<Receipt, IntakeError>>),
    Done(Result<Receipt, IntakeError>),
}

enum Happened {
    Stopped,
    Read(io::Result<usize>),
    Answer(Bytes),
    Deadline,
}

impl Link {
    pub(crate) fn new(shared: Arc<Shared>, intake: Arc<dyn Intake>, peer: Peer) -> Self {
        let server = Server::new(shared.limits.server, now());
        let share = shared.budget.share();
        Self { shared, intake, peer, server, share, owed: VecDeque::new() }
    }

    /// Runs until the peer or we hang up.
    pub(crate) async fn run(mut self, mut stream: Stream, mut stop: Stop) {
        let reason = self.talk(&mut stream, &mut stop).await;
        match reason {
            Ok(reason) => self.log_end(reason),
            // It sends and never reads: its own answers would fill our memory.
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                Counters::add(&self.shared.counters.cut, 1);
                let (partner, peer) = (&self.shared.partner, &self.peer.address);
                warn!(%partner, %peer, error_code = "mllp.peer-not-reading", "connection closed");
            }
            Err(error) => debug!(partner = %self.shared.partner, cause = %error.kind(), "connection lost"),
        }
        // Sends the TLS farewell; the peer may be gone already.
        let _ = tokio::time::timeout(self.shared.limits.handshake_timeout, stream.shutdown()).await;
    }

    async fn talk(&mut self, stream: &mut Stream, stop: &mut Stop) -> io::Result<CloseReason> {
        let mut stopping = false;
        loop {
            while let Some(action) = self.server.poll(now()) {
                if let Some(reason) = self.act(action).await {
                    return Ok(reason);
                }
            }
            match self.wait(stream, stop, stopping).await {
                Happened::Stopped => {
                    stopping = true;
                    self.server.stop();
                }
                Happened::Read(Ok(0)) => self.server.peer_closed(),
                Happened::Read(Ok(_)) => self.server.received(now()),
                Happened::Read(Err(error)) => {
                    debug!(partner = %self.shared.partner, cause = %error.kind(), "read failed");
                    self.server.peer_closed();
                }
                Happened::Answer(answer) => {
                    let limit = self.shared.limits.server.message_timeout;
                    let written = tokio::time::timeout(limit, async {
                        stream.write_all(&answer).await?;
                        stream.flush().await
                    });
                    written.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
                    self.server.answered(now());
                }
                Happened::Deadline => {}
            }
        }
    }

    /// Waits for the next thing to do. Whatever loses the race loses nothing.
    async fn wait(&mut self, stream: &mut Stream, stop: &mut Stop, stopping: bool) -> Happened {
        let deadline = self.server.deadline();
        let reads = self.server.wants_bytes();
        let holds = self.server.held() + self.owed.iter().map(|owed| owed.bytes).sum::<usize>();
        let (owed, server, share) = (&mut self.owed, &mut self.server, &mut self.share);
        let shared = &*self.shared;
        tokio::select! {
            biased;
            () = stop.stopped(), if !stopping => Happened::Stopped,
            answer = first_answer(shared, owed) => Happened::Answer(answer),
            read = async {
                share.cover(holds).await;
                let buffer = server.buffer();
                buffer.reserve(READ_BYTES);
                stream.read_buf(buffer).await
            }, if reads => Happened::Read(read),
            () = at(deadline) => Happened::Deadline,
        }
    }

    async fn act(&mut self, action: Action) -> Option<CloseReason> {
        match action {
            Action::Take { payload } => self.take(payload).await,
            Action::TooLong { head, bytes } => {
                warn!(partner = %self.shared.partner, error_code = "mllp.too-long", bytes, "message over the limit");
                let judged = self.shared.admission.too_long(&head, bytes);
                self.submit(vec![(head, judged)], 0).await;
            }
            Action::Note { code, bytes } => {
                info!(partner = %self.shared.partner, note = code, bytes, "irregular stream");
            }
            Action::Close(reason) => return Some(reason),
        }
        None
    }

    async fn take(&mut self, payload: Bytes) {
        let bytes = payload.len();
        let messages = self.shared.admission.split(&payload);
        let judged = if bytes > BIG_BYTES {
            let (shared, peer) = (Arc::clone(&self.shared), self.peer.clone());
            let judge = move || judge_all(&shared, messages, &peer);
            match tokio::task::spawn_blocking(judge).await {
                Ok(judged) => judged,
                // Admission never panics; if it did, the sender must hear of it and not wait.
                Err(_) => vec![(payload.clone(), self.shared.admission.failed(&payload))],
            }
        } else {
            judge_all(&self.shared, messages, &self.peer)
        };
        self.submit(judged, bytes).await;
    }

    /// Hands the messages of a frame to the engine. Each submission is begun before the next one is made, so that the
    /// engine sees them in the order of the stream.
    async fn submit(&mut self, judged: Vec<(Bytes, Judged)>, bytes: usize) {
        let mut owed = Owed { parts: VecDeque::new(), answers: BytesMut::new(), bytes };
        for (raw, judged) in judged {
            let counters = &self.shared.counters;
            Counters::add(&counters.messages, 1);
            Counters::add(&counters.bytes, raw.len() as u64);
            Counters::add(&counters.refused, u64::from(!judged.admitted.accepted));
            debug!(
                partner = %self.shared.partner,
                kind = judged.admitted.facts.kind,
                control_id = judged.admitted.facts.control_id.as_ref().map(MessageControlId::as_str),
                accepted = judged.admitted.accepted,
                error_code = judged.admitted.findings.first().map(|finding| finding.check.as_str()),
                bytes = raw.len(),
                "message received"
            );
            let received_at = self.shared.tools.clock.now();
            let answers = self.shared.admission.answers(&*self.shared.tools.entropy, received_at);
            let later = answers.later(&judged);
            let arrival = Arrival {
                partner: self.shared.partner.clone(),
                peer: self.peer.clone(),
                received_at,
                raw: raw.into(),
                reply: answers.verdict(&judged),
                conflict_reply: self.shared.admission.refuses_conflicts().then(|| answers.conflict(&judged)),
                admitted: judged.admitted,
            };
            let intake = Arc::clone(&self.intake);
            let mut waiting: BoxFuture<'static, _> = Box::pin(async move { intake.submit(arrival).await });
            let submitted = match poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx))).await {
                Poll::Ready(receipt) => Submitted::Done(receipt),
                Poll::Pending => Submitted::Waiting(waiting),
            };
            owed.parts.push_back(Part { submitted, later });
        }
        self.owed.push_back(owed);
    }

    fn log_end(&self, reason: CloseReason) {
        let partner = &self.shared.partner;
        let code = match reason {
            CloseReason::Slow if self.share.is_starved() => "mllp.memory-exhausted",
            reason => reason.code(),
        };
        Counters::add(&self.shared.counters.cut, u64::from(reason.is_ours()));
        if reason.is_trouble() {
            warn!(%partner, peer = %self.peer.address, error_code = code, "connection closed");
        } else {
            debug!(%partner, peer = %self.peer.address, reason = code, "connection closed");
        }
    }
}

fn judge_all(shared: &Shared, messages: Vec<Bytes>, peer: &Peer) -> Vec<(Bytes, Judged)> {
    messages
        .into_iter()
        .map(|raw| {
            let judged = shared.admission.judge(&raw, Some(peer));
            (raw, judged)
        })
        .collect()
}

/// The answers of the frame that was taken first, once all its messages are durable. Cancel-safe: receipts are kept as
/// they come.
async fn first_answer(shared: &Shared, owed: &mut VecDeque<Owed>) -> Bytes {
    let Some(first) = owed.front_mut() else { return std::future::pending().await };
    while let Some(part) = first.parts.front_mut() {
        if let Submitted::Waiting(waiting) = &mut part.submitted {
            part.submitted = Submitted::Done(waiting.await);
        }
        if let Some(Part { submitted: Submitted::Done(receipt), later }) = first.parts.pop_front() {
            let answer = match receipt {
                Ok(receipt) => {
                    Counters::add(&shared.counters.repeated, u64::from(receipt.repeated));
                    receipt.reply
                }
                Err(error) => {
                    warn!(partner = %shared.partner, error_code = "mllp.not-stored", cause = %error, "sender told later");
                    Counters::add(&shared.counters.postponed, 1);
                    later
                }
            };
            // Empty: the sender asked for silence.
            if !answer.is_empty() {
                messages(&answer).iter().for_each(|one| first.answers.extend_from_slice(&encode(one)));
            }
        }
    }
    let answers = std::mem::take(&mut first.answers).freeze();
    owed.pop_front();
    answers
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// Monotonic time, virtual under a paused runtime.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
