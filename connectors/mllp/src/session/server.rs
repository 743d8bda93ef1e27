//! The receiving side of a link: messages out in order, a bounded queue, peers that waste our time cut off by name.
//! In: bytes, answers given, the time. Out: messages to judge, and when to hang up. IO: none.
//! Source: hl7v2.md §6.6. Deliberately absent: what an answer says; it is written by whoever has the receipt.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use crate::wire::{Commit, Decoder, Event, FrameLimits};

/// How long a lone end of block waits for its CR.
const EB_GRACE: Duration = Duration::from_millis(200);

/// What one link may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Of frames.
    pub frames: FrameLimits,
    /// Messages taken and not yet answered; beyond, nothing more is read and TCP slows the sender down.
    pub queue_max: usize,
    /// Longest time from the start of a message to its end, our own waits left out.
    pub message_timeout: Duration,
    /// Longest silence between messages; `None`: forever, as senders keep their link open at night.
    pub idle_timeout: Option<Duration>,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            frames: FrameLimits::default(),
            queue_max: 16,
            message_timeout: Duration::from_secs(120),
            idle_timeout: None,
        }
    }
}

/// What the shell has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A message: judge it, make it durable, write the answer, then call [`Server::answered`].
    Take {
        /// Its bytes.
        payload: Bytes,
    },
    /// A message over the limit: say so if its head says to whom, then call [`Server::answered`].
    TooLong {
        /// Its first bytes.
        head: Bytes,
        /// Its length.
        bytes: u64,
    },
    /// Something odd, for the log; nothing to do.
    Note {
        /// Stable name.
        code: &'static str,
        /// How many bytes it is about.
        bytes: u64,
    },
    /// Hang up. Comes once, last, when every answer owed was given.
    Close(CloseReason),
}

/// Why a link is closed by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The peer hung up, between messages.
    Finished,
    /// The peer hung up in the middle of a message: it is not processed, and gets no answer.
    CutOff,
    /// A message was begun and not finished in time.
    Slow,
    /// Nothing came for too long.
    Idle,
    /// What came is not MLLP.
    NotMllp,
    /// The gateway is stopping.
    Stopping,
}

impl CloseReason {
    /// Stable name.
    pub fn code(self) -> &'static str {
        match self {
            Self::Finished => "mllp.finished",
            Self::CutOff => "mllp.cut-off",
            Self::Slow => "mllp.slow-peer",
            Self::Idle => "mllp.idle-peer",
            Self::NotMllp => "mllp.not-mllp",
            Self::Stopping => "mllp.stopping",
        }
    }

    /// Whether we cut off a peer that misbehaved or slept.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Slow | Self::Idle | Self::NotMllp)
    }

    /// Whether an operator may want to know.
    pub fn is_trouble(self) -> bool {
        matches!(self, Self::CutOff | Self::Slow | Self::NotMllp)
    }
}

/// One link, seen from the receiver.
#[derive(Debug)]
pub struct Server {
    limits: ServerLimits,
    decoder: Decoder,
    /// Messages taken and not yet answered.
    owed: usize,
    /// When a byte last came, or an answer last went.
    active_at: Instant,
    /// Since when the peer has been sending the current message.
    begun_at: Option<Instant>,
    /// Why there is nothing more to read.
    ending: Option<CloseReason>,
    closed: bool,
}

impl Server {
    /// A link just opened.
    pub fn new(limits: ServerLimits, now: Instant) -> Self {
        Self {
            limits,
            decoder: Decoder::new(limits.frames),
            owed: 0,
            active_at: now,
            begun_at: None,
            ending: None,
            closed: false,
        }
    }

    /// Where to read the wire into; tell [`Self::received`] afterwards.
    pub fn buffer(&mut self) -> &mut BytesMut {
        self.decoder.buffer()
    }

    /// Bytes held and not yet handed out.
    pub fn held(&self) -> usize {
        self.decoder.held()
    }

    /// Whether to read now. `false`: the queue is full, or the link is ending.
    pub fn wants_bytes(&self) -> bool {
        self.ending.is_none() && self.owed < self.limits.queue_max
    }

    /// Bytes were added to [`Self::buffer`].
    pub fn received(&mut self, now: Instant) {
        self.active_at = now;
    }

    /// The peer will send nothing more (or the link broke). What it is owed can still be answered.
    pub fn peer_closed(&mut self) {
        self.ending.get_or_insert(CloseReason::Finished);
    }

    /// Nothing more may be taken. What is owed can still be answered; what stands in the buffer was promised nothing,
    /// and the sender keeps it.
    pub fn stop(&mut self) {
        self.ending = Some(CloseReason::Stopping);
    }

    /// One message was answered.
    pub fn answered(&mut self, now: Instant) {
        self.owed = self.owed.saturating_sub(1);
        self.active_at = now;
        // We were not reading: the time that passed is ours, not the sender's.
        if self.begun_at.is_some() {
            self.begun_at = Some(now);
        }
    }

    /// What to do now. Call until `None`, after every call above and at [`Self::deadline`].
    pub fn poll(&mut self, now: Instant) -> Option<Action> {
        if self.closed {
            return None;
        }
        if self.owed < self.limits.queue_max
            && let Some(action) = self.next_event(now)
        {
            return Some(action);
        }
        self.watch_time(now);
        // What still stands in the buffer waits for its turn, not for the peer.
        let reason = self.ending.filter(|_| self.owed == 0)?;
        self.closed = true;
        Some(Action::Close(match reason {
            CloseReason::Finished if self.decoder.is_inside() => CloseReason::CutOff,
            reason => reason,
        }))
    }

    /// When to call [`Self::poll`] next, if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        if self.closed || !self.wants_bytes() {
            return None;
        }
        if self.decoder.is_unsettled() {
            return Some(self.active_at + EB_GRACE);
        }
        match self.begun_at {
            Some(begun_at) => Some(begun_at + self.limits.message_timeout),
            None if self.owed > 0 => None,
            None => self.limits.idle_timeout.map(|limit| self.active_at + limit),
        }
    }

    fn next_event(&mut self, now: Instant) -> Option<Action> {
        // After a stream that could not be followed, nothing in the buffer means anything.
        if matches!(self.ending, Some(CloseReason::NotMllp | CloseReason::Stopping)) {
            return None;
        }
        let event = match self.decoder.next_event() {
            Ok(Some(event)) => Some(event),
            Ok(None) if self.ending.is_some() || now >= self.active_at + EB_GRACE => self.decoder.settle(),
            Ok(None) => None,
            Err(_) => {
                self.ending = Some(CloseReason::NotMllp);
                None
            }
        };
        let Some(event) = event else {
            self.begun_at = self.decoder.is_inside().then(|| self.begun_at.unwrap_or(now));
            return None;
        };
        self.begun_at = None;
        Some(self.action(event))
    }

    fn action(&mut self, event: Event) -> Action {
        match event {
            Event::Message { payload, .. } => {
                self.owed += 1;
                Action::Take { payload }
            }
            Event::TooLong { head, bytes } => {
                self.owed += 1;
                Action::TooLong { head, bytes }
            }
            Event::Abandoned { bytes } => Action::Note { code: "mllp.no-end-of-block", bytes },
            Event::Garbage { bytes } => Action::Note { code: "mllp.garbage-skipped", bytes },
            // We speak release 1; a sender of release 2 that commits our acknowledgement is only told apart.
            Event::Commit(commit) => Action::Note {
                code: match commit {
                    Commit::Ack => "mllp.release-2-commit",
                    Commit::Nak => "mllp.release-2-reject",
                },
                bytes: 1,
            },
        }
    }

    fn watch_time(&mut self, now: Instant) {
        if self.ending.is_some() || !self.wants_bytes() {
            return;
        }
        self.ending = match self.begun_at {
            Some(begun_at) if now >= begun_at + self.limits.message_timeout => Some(CloseReason::Slow),
            None if self.owed == 0 => {
                let silent = |limit: Duration| now >= self.active_at + limit;
                self.limits.idle_timeout.is_some_and(silent).then_some(CloseReason::Idle)
            }
            _ => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World {
        server: Server,
        now: Instant,
    }

    impl World {
        fn new(limits: ServerLimits) -> Self {
            let now = Instant::now();
            Self { server: Server::new(limits, now), now }
        }

        fn bytes(&mut self, bytes: &[u8]) -> Vec<Action> {
            self.server.buffer().extend_from_slice(bytes);
            self.server.received(self.now);
            self.drain()
        }

        fn answered(&mut self) -> Vec<Action> {
            self.server.answered(self.now);
            self.drain()
        }

        fn closed(&mut self) -> Vec<Action> {
            self.server.peer_closed();
            self.drain()
        }

        fn after(&mut self, seconds: f32) -> Vec<Action> {
            self.now += Duration::from_secs_f32(seconds);
            self.drain()
        }

        fn drain(&mut self) -> Vec<Action> {
            std::iter::from_fn(|| self.server.poll(self.now)).collect()
        }
    }

    fn limits() -> ServerLimits {
        ServerLimits {
            queue_max: 2,
            message_timeout: Duration::from_secs(10),
            idle_timeout: Some(Duration::from_secs(60)),
            ..ServerLimits::default()
        }
    }

    fn take(text: &'static str) -> Action {
        Action::Take { payload: Bytes::from_static(text.as_bytes()) }
    }

    #[test]
    fn a_full_queue_stops_reading_and_an_answer_frees_a_place() {
        let mut world = World::new(limits());
        assert_eq!(world.bytes(b"\x0bA\x1c\r\x0bB\x1c\r\x0bC\x1c\r"), [take("A"), take("B")]);
        assert!(!world.server.wants_bytes());
        assert_eq!(world.answered(), [take("C")]);
        world.answered();
        assert!(world.server.wants_bytes());
    }

    #[test]
    fn what_came_before_the_end_is_still_answered_and_then_the_link_closes() {
        let mut world = World::new(limits());
        world.bytes(b"\x0bA\x1c\r\x0bB\x1c\r\x0bC\x1c\r");
        assert_eq!(world.closed(), []);
        assert_eq!(world.answered(), [take("C")]);
        assert_eq!(world.answered(), []);
        assert_eq!(world.answered(), [Action::Close(CloseReason::Finished)]);
    }

    #[test]
    fn a_message_without_its_end_is_never_handed_out() {
        let mut world = World::new(limits());
        assert_eq!(world.bytes(b"\x0bMSH|"), []);
        assert_eq!(world.closed(), [Action::Close(CloseReason::CutOff)]);
    }

    #[test]
    fn an_end_of_block_without_cr_is_enough_after_a_moment_or_a_close() {
        let mut world = World::new(limits());
        assert_eq!(world.bytes(b"\x0bA\x1c"), []);
        assert_eq!(world.server.deadline(), Some(world.now + EB_GRACE));
        assert_eq!(world.after(0.25), [take("A")]);
        assert_eq!(world.bytes(b"\x0bB\x1c"), []);
        assert_eq!(world.closed(), [take("B")]);
    }

    #[test]
    fn a_peer_that_drips_bytes_is_cut_off_at_the_time_limit() {
        let mut world = World::new(limits());
        world.bytes(b"\x0b");
        for _ in 0..9 {
            assert_eq!(world.after(1.0), []);
            assert_eq!(world.bytes(b"x"), []);
        }
        assert_eq!(world.after(1.0), [Action::Close(CloseReason::Slow)]);
        assert_eq!(world.drain(), [], "once");
    }

    /// Otherwise a slow journal would make us hang up on a sender that waits for us.
    #[test]
    fn the_time_we_take_to_answer_is_not_charged_to_the_sender() {
        let mut world = World::new(limits());
        world.bytes(b"\x0bA\x1c\r\x0bB\x1c\r\x0bC");
        assert_eq!((world.after(3600.0), world.server.deadline()), (vec![], None));
        world.answered();
        assert_eq!(world.after(9.0), []);
        assert_eq!(world.bytes(b"\x1c\r"), [take("C")]);
    }

    #[test]
    fn silence_between_messages_is_borne_up_to_its_limit() {
        let mut world = World::new(limits());
        world.bytes(b"\x0bA\x1c\r");
        assert_eq!(world.after(3600.0), [], "an answer is owed");
        world.answered();
        assert_eq!(world.after(59.0), []);
        assert_eq!(world.after(1.0), [Action::Close(CloseReason::Idle)]);
        let mut patient = World::new(ServerLimits { idle_timeout: None, ..limits() });
        assert_eq!((patient.after(1e6), patient.server.deadline()), (vec![], None));
    }

    #[test]
    fn a_stream_that_is_not_mllp_is_closed_by_name() {
        let mut world = World::new(limits());
        let mut actions = world.bytes(&[b'G'; 64 << 10]);
        assert_eq!(actions, []);
        actions = world.bytes(b"G\x0bA\x1c\r");
        assert_eq!(actions, [Action::Close(CloseReason::NotMllp)]);
    }

    #[test]
    fn after_a_stop_nothing_is_taken_and_what_is_owed_is_answered() {
        let mut world = World::new(limits());
        world.bytes(b"\x0bA\x1c\r\x0bB\x1c\r\x0bC\x1c\r");
        world.server.stop();
        assert_eq!(world.drain(), []);
        assert_eq!(world.answered(), []);
        assert_eq!(world.answered(), [Action::Close(CloseReason::Stopping)]);
    }

    #[test]
    fn odd_things_are_noted_and_the_stream_goes_on() {
        let mut world = World::new(limits());
        assert_eq!(
            world.bytes(b"xx\x0bA\x0b\x06\x1c\r\x0bB\x1c\r"),
            [
                Action::Note { code: "mllp.garbage-skipped", bytes: 2 },
                Action::Note { code: "mllp.no-end-of-block", bytes: 1 },
                Action::Note { code: "mllp.release-2-commit", bytes: 1 },
                take("B"),
            ]
        );
    }
}
