//! The sending side of a link: one message in flight, and an answer that belongs to it or to nobody.
//! In: what is sent, bytes, the time. Out: the acknowledgement, or why the link can no longer be trusted. IO: none.
//! Source: architecture §4.4 (stricter than hl7v2.md §6.6), hl7v2.md §6.5.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use jonction_hl7v2::{AckCode, AckView, Limits, Message, parse_ack};

use crate::wire::{Decoder, Event, FrameLimits};

/// What a link may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// Longest wait for an acknowledgement.
    pub ack_timeout: Duration,
    /// Largest acknowledgement.
    pub ack_bytes_max: usize,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self { ack_timeout: Duration::from_secs(30), ack_bytes_max: 1 << 20 }
    }
}

/// The answer to our message, proven by its MSA-2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What it says.
    pub ack: AckView,
    /// Its bytes.
    pub raw: Bytes,
    /// How long it took.
    pub elapsed: Duration,
    /// Everything that was waited for came. `false`: the message was accepted (CA), its application acknowledgement never
    /// came; the link must be closed, where a late one could pass for the next answer.
    pub whole: bool,
}

/// Why the link is given up: whatever was in flight has an unknown outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientFault {
    /// No acknowledgement in time.
    #[error("no acknowledgement in time")]
    AckTimeout,
    /// No acknowledgement in time, but bytes without any frame: many receivers forget it.
    #[error("the answer came without mllp framing")]
    Unframed,
    /// An acknowledgement of another message: a late answer, or a confused peer.
    #[error("acknowledgement of another message")]
    ForeignAck,
    /// A message that acknowledges nothing.
    #[error("the answer is not an acknowledgement")]
    NotAnAck,
    /// Something came though nothing was asked.
    #[error("bytes came while nothing was asked")]
    Unsolicited,
    /// The peer hung up before it answered.
    #[error("the peer closed the connection before it answered")]
    ClosedEarly,
    /// A negative commit of MLLP release 2.
    #[error("the peer rejected the block (mllp release 2)")]
    CommitRefused,
}

impl ClientFault {
    /// Stable name.
    pub fn code(self) -> &'static str {
        match self {
            Self::AckTimeout => "mllp.ack-timeout",
            Self::Unframed => "mllp.ack-unframed",
            Self::ForeignAck => "mllp.foreign-ack",
            Self::NotAnAck => "mllp.not-an-ack",
            Self::Unsolicited => "mllp.unsolicited",
            Self::ClosedEarly => "mllp.closed-before-ack",
            Self::CommitRefused => "mllp.commit-refused",
        }
    }

    /// What to tell the operator, in French.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::AckTimeout => "le correspondant n'a pas acquitté dans le délai",
            Self::Unframed => "des octets sont revenus sans l'encadrement MLLP (0x0B … 0x1C 0x0D) attendu",
            Self::ForeignAck => "l'acquittement reçu porte le numéro d'un autre message (MSA-2)",
            Self::NotAnAck => "la réponse reçue n'est pas un acquittement (segment MSA absent ou illisible)",
            Self::Unsolicited => "le correspondant envoie des octets alors que rien ne lui est demandé",
            Self::ClosedEarly => "le correspondant a fermé la connexion avant d'acquitter",
            Self::CommitRefused => "le correspondant a rejeté le bloc (MLLP version 2)",
        }
    }
}

/// One link, seen from the sender.
#[derive(Debug)]
pub struct Client {
    limits: ClientLimits,
    decoder: Decoder,
    flight: Option<Flight>,
    peer_closed: bool,
}

#[derive(Debug)]
struct Flight {
    /// MSH-10, written with the standard delimiters.
    control_id: String,
    sent_at: Instant,
    /// It asks for an application acknowledgement after the accept one.
    application: bool,
    /// The accept acknowledgement, once it came.
    accepted: Option<Reply>,
}

impl Client {
    /// A link just opened.
    pub fn new(limits: ClientLimits) -> Self {
        // An answer without frame is kept whole, to be recognised when time is up; garbage has the room of an answer.
        let frames = FrameLimits {
            frame_bytes_max: limits.ack_bytes_max,
            garbage_bytes_max: limits.ack_bytes_max,
            ..FrameLimits::default()
        };
        Self { limits, decoder: Decoder::new(frames), flight: None, peer_closed: false }
    }

    /// A message leaves. `control_id` is its MSH-10, written with the standard delimiters.
    pub fn sent(&mut self, control_id: impl Into<String>, now: Instant) {
        let control_id = control_id.into();
        self.flight = Some(Flight { control_id, sent_at: now, application: false, accepted: None });
    }

    /// The message that left asks for an application acknowledgement after the accept one (MSH-16).
    pub fn expects_application(&mut self) {
        if let Some(flight) = &mut self.flight {
            flight.application = true;
        }
    }

    /// Where to read the wire into.
    pub fn buffer(&mut self) -> &mut BytesMut {
        self.decoder.buffer()
    }

    /// The peer hung up.
    pub fn peer_closed(&mut self) {
        self.peer_closed = true;
    }

    /// When to call [`Self::poll`] at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        self.flight.as_ref().map(|flight| flight.sent_at + self.limits.ack_timeout)
    }

    /// The answer, or why there will be none. `Ok(None)`: wait. After an error the link must be closed.
    /// With nothing in flight: an error when anything came, because it could pass for the next answer.
    pub fn poll(&mut self, now: Instant) -> Result<Option<Reply>, ClientFault> {
        self.answer(now).or_else(|fault| {
            // The receiver took the message: whatever happens now, it is not sent again.
            let accepted = self.flight.as_mut().and_then(|flight| flight.accepted.take());
            self.flight = self.flight.take().filter(|_| accepted.is_none());
            accepted.map(Some).ok_or(fault)
        })
    }

    fn answer(&mut self, now: Instant) -> Result<Option<Reply>, ClientFault> {
        loop {
            // The answer is longer than any answer, or no frame at all.
            let event = self.decoder.next_event().map_err(|_| self.unless_idle(ClientFault::Unframed))?;
            let event = event.or_else(|| self.settle(now));
            let Some(event) = event else { return self.nothing_came(now) };
            let Some(flight) = &mut self.flight else { return Err(ClientFault::Unsolicited) };
            match event {
                Event::Message { payload, .. } => {
                    let ack = read_ack(&payload, self.limits.ack_bytes_max)?;
                    if ack.control_id != flight.control_id {
                        return Err(ClientFault::ForeignAck);
                    }
                    let elapsed = now.saturating_duration_since(flight.sent_at);
                    let whole = !(flight.application && ack.code == AckCode::CA);
                    let reply = Reply { ack, raw: payload, elapsed, whole };
                    if !whole && flight.accepted.is_none() {
                        // Its time begins anew: the receiver works on it.
                        (flight.accepted, flight.sent_at) = (Some(reply), now);
                        continue;
                    }
                    self.flight = None;
                    return Ok(Some(reply));
                }
                // Release 2: the block arrived, the acknowledgement is still to come.
                Event::Commit(crate::wire::Commit::Ack) => {}
                Event::Commit(crate::wire::Commit::Nak) => return Err(ClientFault::CommitRefused),
                Event::Garbage { .. } | Event::Abandoned { .. } => return Err(ClientFault::Unframed),
                Event::TooLong { .. } => return Err(ClientFault::NotAnAck),
            }
        }
    }

    /// A lone end of block: whatever the time, the answer is there when the peer hung up or fell silent.
    fn settle(&mut self, now: Instant) -> Option<Event> {
        let late = self.deadline().is_some_and(|deadline| now >= deadline);
        (late || self.peer_closed).then(|| self.decoder.settle()).flatten()
    }

    fn nothing_came(&self, now: Instant) -> Result<Option<Reply>, ClientFault> {
        let late = self.deadline().is_some_and(|deadline| now >= deadline);
        let something = self.decoder.is_inside() || self.decoder.skipped() > 0;
        match (&self.flight, self.peer_closed) {
            (Some(_), true) if something => Err(ClientFault::Unframed),
            (Some(_), true) => Err(ClientFault::ClosedEarly),
            (Some(_), false) if late && something => Err(ClientFault::Unframed),
            (Some(_), false) if late => Err(ClientFault::AckTimeout),
            (None, _) if something => Err(ClientFault::Unsolicited),
            _ => Ok(None),
        }
    }

    fn unless_idle(&self, fault: ClientFault) -> ClientFault {
        if self.flight.is_some() { fault } else { ClientFault::Unsolicited }
    }
}

fn read_ack(payload: &Bytes, bytes_max: usize) -> Result<AckView, ClientFault> {
    let limits = Limits { message_bytes_max: bytes_max, segments_max: 1000, fields_max: 20_000 };
    let message = Message::parse(payload.clone(), &limits).map_err(|_| ClientFault::NotAnAck)?;
    parse_ack(&message).map_err(|_| ClientFault::NotAnAck)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(code: &str, control_id: &str) -> String {
        format!("\u{b}MSH|^~\\&|B|B|A|A|20260101||ACK^T02^ACK|9|P|2.6\rMSA|{code}|{control_id}\r\u{1c}\r")
    }

    struct World {
        client: Client,
        now: Instant,
    }

    impl World {
        fn waiting_for(control_id: &str) -> Self {
            let mut world = Self { client: Client::new(ClientLimits::default()), now: Instant::now() };
            world.client.sent(control_id, world.now);
            world
        }

        fn bytes(&mut self, bytes: &str) -> Result<Option<AckCode>, ClientFault> {
            self.client.buffer().extend_from_slice(bytes.as_bytes());
            self.poll()
        }

        fn after(&mut self, seconds: u64) -> Result<Option<AckCode>, ClientFault> {
            self.now += Duration::from_secs(seconds);
            self.poll()
        }

        fn poll(&mut self) -> Result<Option<AckCode>, ClientFault> {
            self.client.poll(self.now).map(|reply| reply.map(|reply| reply.ack.code))
        }
    }

    #[test]
    fn an_answer_with_our_number_is_ours_however_it_is_cut() {
        let mut world = World::waiting_for("M1");
        let (first, second) = (ack("AA", "M1"), ack("AE", "M2"));
        for at in 1..first.len() - 1 {
            assert_eq!(world.bytes(&first[at - 1..at]), Ok(None));
        }
        assert_eq!(world.bytes(&first[first.len() - 2..]), Ok(Some(AckCode::AA)));
        world.client.sent("M2", world.now);
        assert_eq!(world.bytes(&second), Ok(Some(AckCode::AE)));
    }

    #[test]
    fn a_late_ack_is_never_taken_for_the_next_message() {
        let mut world = World::waiting_for("M1");
        assert_eq!(world.after(29), Ok(None));
        assert_eq!(world.after(1), Err(ClientFault::AckTimeout));
        let mut world = World::waiting_for("M2");
        assert_eq!(world.bytes(&ack("AA", "M1")), Err(ClientFault::ForeignAck));
    }

    #[test]
    fn the_number_must_be_the_same_to_the_letter() {
        for other in ["m1", "M1 2", "M", "M1&"] {
            assert_eq!(
                World::waiting_for("M1").bytes(&ack("AA", other)),
                Err(ClientFault::ForeignAck),
                "{other}"
            );
        }
    }

    #[test]
    fn a_message_that_acknowledges_nothing_is_no_answer() {
        for wrong in [
            "\u{b}MSH|^~\\&|A\r\u{1c}\r",
            "\u{b}x\u{1c}\r",
            "\u{b}\u{1c}\r",
            &ack("ZZ", "M1"),
            &ack("AA", ""),
        ] {
            assert_eq!(World::waiting_for("M1").bytes(wrong), Err(ClientFault::NotAnAck), "{wrong:?}");
        }
    }

    #[test]
    fn an_answer_without_frame_is_told_as_such() {
        let naked = ack("AA", "M1").replace(['\u{b}', '\u{1c}'], "");
        let mut world = World::waiting_for("M1");
        assert_eq!(world.bytes(&naked), Ok(None));
        assert_eq!(world.after(30), Err(ClientFault::Unframed));
        let mut world = World::waiting_for("M1");
        assert_eq!(world.bytes(&naked), Ok(None));
        world.client.peer_closed();
        assert_eq!(world.poll(), Err(ClientFault::Unframed));
    }

    #[test]
    fn anything_that_comes_unasked_ends_the_link() {
        let mut world = World::waiting_for("M1");
        assert_eq!(world.bytes(&ack("AA", "M1")), Ok(Some(AckCode::AA)));
        assert_eq!(world.poll(), Ok(None));
        assert_eq!(world.bytes(&ack("AA", "M1")), Err(ClientFault::Unsolicited));
        let mut world = World::waiting_for("M1");
        assert_eq!(world.bytes(&(ack("AA", "M1") + "\u{b}MS")), Ok(Some(AckCode::AA)));
        assert_eq!(world.poll(), Err(ClientFault::Unsolicited));
    }

    #[test]
    fn a_peer_that_closes_after_its_answer_has_answered() {
        let mut world = World::waiting_for("M1");
        world.client.peer_closed();
        assert_eq!(world.bytes(&ack("AA", "M1")), Ok(Some(AckCode::AA)));
        assert_eq!(world.poll(), Ok(None));
        let mut world = World::waiting_for("M1");
        world.client.peer_closed();
        assert_eq!(world.poll(), Err(ClientFault::ClosedEarly));
    }

    #[test]
    fn a_commit_of_release_2_is_passed_over_and_a_reject_is_not() {
        let mut world = World::waiting_for("M1");
        assert_eq!(world.bytes("\u{b}\u{6}\u{1c}\r"), Ok(None));
        assert_eq!(world.bytes(&ack("AA", "M1")), Ok(Some(AckCode::AA)));
        assert_eq!(World::waiting_for("M1").bytes("\u{b}\u{15}\u{1c}\r"), Err(ClientFault::CommitRefused));
    }

    #[test]
    fn an_endless_answer_is_cut_at_its_limit() {
        let mut world = World::waiting_for("M1");
        assert_eq!(world.bytes(&"x".repeat(1 << 20)), Ok(None));
        assert_eq!(world.bytes("x"), Err(ClientFault::Unframed));
    }

    #[test]
    fn an_application_acknowledgement_is_waited_for_after_the_accept_one_and_its_absence_is_no_loss() {
        let enhanced = || {
            let mut world = World::waiting_for("M1");
            world.client.expects_application();
            world
        };
        let mut world = enhanced();
        assert_eq!(world.bytes(&ack("CA", "M1")), Ok(None));
        assert_eq!(world.bytes(&ack("AE", "M1")), Ok(Some(AckCode::AE)));

        // Cut, foreign or never: it was accepted all the same.
        type Then = fn(&mut World) -> Result<Option<AckCode>, ClientFault>;
        let after: [Then; 3] = [
            |world| {
                world.client.peer_closed();
                world.poll()
            },
            |world| world.bytes(&ack("AA", "M0")),
            |world| world.after(31),
        ];
        for then in after {
            let mut world = enhanced();
            assert_eq!(world.bytes(&ack("CA", "M1")), Ok(None));
            assert_eq!(then(&mut world), Ok(Some(AckCode::CA)));
        }
        assert_eq!(enhanced().bytes(&ack("CE", "M1")), Ok(Some(AckCode::CE)), "a refusal is all there is");
        assert_eq!(enhanced().after(31), Err(ClientFault::AckTimeout), "nobody accepted anything");
    }
}
