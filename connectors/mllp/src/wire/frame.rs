//! MLLP framing, one direction.
//! In: bytes in any cut. Out: whole messages and what was odd about them, in order. IO: none, clock: none.
//! Source: hl7v2.md §6.6. Deliberately absent: what the bytes inside a frame mean.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use memchr::{memchr, memchr2};

/// Start of block.
const SB: u8 = 0x0B;
/// End of block; counts only when CR, LF or a new start follows, or nothing at all.
const EB: u8 = 0x1C;
const CR: u8 = b'\r';
const LF: u8 = b'\n';

/// What one frame may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLimits {
    /// Bytes inside one frame. A longer one is read to its end and thrown away, see [`Event::TooLong`].
    pub frame_bytes_max: usize,
    /// Bytes between two frames. Beyond, the stream is not MLLP.
    pub garbage_bytes_max: usize,
    /// Bytes kept of a frame that is too long: enough to answer it by its number.
    pub head_bytes: usize,
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self { frame_bytes_max: 64 << 20, garbage_bytes_max: 64 << 10, head_bytes: 8 << 10 }
    }
}

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A whole message; its bytes are the buffer they were read into.
    Message {
        /// What stood between start and end of block.
        payload: Bytes,
        /// The end of block was not followed by CR.
        lax_end: bool,
    },
    /// A one-byte block of MLLP release 2, alone in its frame.
    Commit(Commit),
    /// A frame over the limit, now passed: the stream goes on behind it.
    TooLong {
        /// Its first bytes.
        head: Bytes,
        /// Its length.
        bytes: u64,
    },
    /// A new start of block came before the end of the last one: what it had brought is thrown away.
    Abandoned {
        /// How much.
        bytes: u64,
    },
    /// Bytes that belong to no frame were skipped.
    Garbage {
        /// How many, line ends included.
        bytes: u64,
    },
}

/// Acknowledgement of MLLP release 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// 0x06.
    Ack,
    /// 0x15.
    Nak,
}

impl Commit {
    fn of(payload: &[u8]) -> Option<Self> {
        match payload {
            [0x06] => Some(Self::Ack),
            [0x15] => Some(Self::Nak),
            _ => None,
        }
    }

    /// The byte on the wire.
    pub fn byte(self) -> u8 {
        match self {
            Self::Ack => 0x06,
            Self::Nak => 0x15,
        }
    }
}

/// The stream cannot be followed any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("over {limit} bytes without start of block: not mllp")]
pub struct FrameError {
    /// The limit, in bytes.
    pub limit: usize,
}

/// Finds frames in a stream. Never looks twice at a byte it has already passed.
#[derive(Debug)]
pub struct Decoder {
    limits: FrameLimits,
    /// Bytes not yet handed out. Inside a frame, its first byte is the one behind the start of block.
    buffer: BytesMut,
    /// How many of them are known to hold neither start nor end of block.
    scanned: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Between frames: how many bytes were skipped, and whether anything but line ends was among them.
    Between {
        skipped: usize,
        odd: bool,
    },
    Inside,
    /// Inside a frame that is too long: what is kept of it, how much was thrown away.
    Over {
        head: Bytes,
        dropped: u64,
    },
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new(limits: FrameLimits) -> Self {
        Self { limits, buffer: BytesMut::new(), scanned: 0, state: State::Between { skipped: 0, odd: false } }
    }

    /// Adds bytes just read from the wire.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.put_slice(bytes);
    }

    /// Where to read the wire into directly: append only.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Bytes held.
    pub fn held(&self) -> usize {
        self.buffer.len()
    }

    /// Whether a frame has begun and not ended.
    pub fn is_inside(&self) -> bool {
        !matches!(self.state, State::Between { .. })
    }

    /// Bytes skipped since the last frame, line ends left out when there was nothing else.
    pub fn skipped(&self) -> usize {
        match self.state {
            State::Between { skipped, odd: true } => skipped,
            _ => 0,
        }
    }

    /// Whether an end of block came last, and what follows will say whether it is one.
    /// When nothing follows for a moment, call [`Self::settle`].
    pub fn is_unsettled(&self) -> bool {
        self.is_inside() && self.buffer.get(self.scanned..) == Some(&[EB][..])
    }

    /// Next event, or `None` until more bytes come.
    /// Call until `None`: one read may hold several messages. After an error the stream is lost.
    pub fn next_event(&mut self) -> Result<Option<Event>, FrameError> {
        loop {
            if let State::Between { skipped, odd } = self.state {
                if let Some(event) = self.between(skipped, odd)? {
                    return Ok(Some(event));
                }
                if !self.is_inside() {
                    return Ok(None);
                }
            }
            let Some(at) = memchr2(SB, EB, &self.buffer[self.scanned..]).map(|at| self.scanned + at) else {
                self.scanned = self.buffer.len();
                self.drop_excess();
                return Ok(None);
            };
            self.scanned = at;
            self.drop_excess();
            let at = self.scanned;
            if self.buffer[at] == SB {
                return Ok(Some(self.abandon(at)));
            }
            match self.buffer.get(at + 1) {
                None => return Ok(None),
                Some(&CR) => return Ok(Some(self.end(at, 2, false))),
                Some(&LF) => return Ok(Some(self.end(at, 2, true))),
                Some(&SB) => return Ok(Some(self.end(at, 1, true))),
                // 0x1C inside the text.
                Some(_) => self.scanned = at + 1,
            }
        }
    }

    /// Nothing more came behind an end of block: takes it as one. `None` when there is nothing to settle.
    pub fn settle(&mut self) -> Option<Event> {
        self.is_unsettled().then(|| self.end(self.scanned, 1, true))
    }

    /// Bytes of a frame that has begun and not ended, 0 between frames: what a lost connection takes with it.
    pub fn unfinished(&self) -> u64 {
        match &self.state {
            State::Between { .. } => 0,
            State::Inside => self.buffer.len() as u64,
            State::Over { dropped, .. } => dropped + self.buffer.len() as u64,
        }
    }

    /// Skips to the next start of block; tells what was skipped if it was more than line ends.
    fn between(&mut self, skipped: usize, odd: bool) -> Result<Option<Event>, FrameError> {
        let start = memchr(SB, &self.buffer);
        let passed = start.unwrap_or(self.buffer.len());
        let skipped = skipped.saturating_add(passed);
        let odd = odd || self.buffer[..passed].iter().any(|byte| !matches!(*byte, CR | LF));
        if skipped > self.limits.garbage_bytes_max {
            return Err(FrameError { limit: self.limits.garbage_bytes_max });
        }
        self.buffer.advance(passed);
        self.scanned = 0;
        if start.is_none() {
            self.state = State::Between { skipped, odd };
            return Ok(None);
        }
        self.buffer.advance(1);
        self.state = State::Inside;
        Ok(odd.then_some(Event::Garbage { bytes: skipped as u64 }))
    }

    /// Turns to throwing away once the frame is known to be too long.
    fn drop_excess(&mut self) {
        if matches!(self.state, State::Inside) && self.scanned > self.limits.frame_bytes_max {
            // The head depends on the limits alone, never on how the bytes were cut.
            let kept = self.limits.head_bytes.min(self.limits.frame_bytes_max);
            let head = Bytes::copy_from_slice(&self.buffer[..kept]);
            self.state = State::Over { head, dropped: 0 };
        }
        if let State::Over { dropped, .. } = &mut self.state {
            *dropped += self.scanned as u64;
            self.buffer.advance(self.scanned);
            self.scanned = 0;
        }
    }

    fn abandon(&mut self, at: usize) -> Event {
        let bytes = match self.state {
            State::Over { dropped, .. } => dropped,
            _ => at as u64,
        };
        self.buffer.advance(at + 1);
        self.scanned = 0;
        self.state = State::Inside;
        Event::Abandoned { bytes }
    }

    /// Hands out the frame whose end of block is at `at`, and passes its `marks` closing bytes.
    fn end(&mut self, at: usize, marks: usize, lax_end: bool) -> Event {
        let payload = self.buffer.split_to(at).freeze();
        self.buffer.advance(marks);
        self.scanned = 0;
        match std::mem::replace(&mut self.state, State::Between { skipped: 0, odd: false }) {
            State::Over { head, dropped } => Event::TooLong { head, bytes: dropped + at as u64 },
            _ => match Commit::of(&payload) {
                Some(commit) => Event::Commit(commit),
                None => Event::Message { payload, lax_end },
            },
        }
    }
}

/// One message in its frame.
pub fn encode(payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(payload.len() + 3);
    frame.put_u8(SB);
    frame.put_slice(payload);
    frame.put_slice(&[EB, CR]);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: FrameLimits = FrameLimits { frame_bytes_max: 8, garbage_bytes_max: 4, head_bytes: 3 };

    fn decode_with(limits: FrameLimits, reads: &[&[u8]]) -> Result<Vec<Event>, FrameError> {
        let mut decoder = Decoder::new(limits);
        let mut events = Vec::new();
        for read in reads {
            decoder.push(read);
            while let Some(event) = decoder.next_event()? {
                events.push(event);
            }
        }
        Ok(events)
    }

    fn decode(reads: &[&[u8]]) -> Vec<Event> {
        decode_with(FrameLimits::default(), reads).unwrap()
    }

    fn message(text: &'static str) -> Event {
        Event::Message { payload: Bytes::from_static(text.as_bytes()), lax_end: false }
    }

    fn lax(text: &'static str) -> Event {
        Event::Message { payload: Bytes::from_static(text.as_bytes()), lax_end: true }
    }

    /// Another engine kept only the first message of such a read (CAMEL-24668).
    #[test]
    fn two_messages_in_one_read_are_both_delivered() {
        assert_eq!(decode(&[b"\x0bA\x1c\r\x0bB\x1c\r"]), [message("A"), message("B")]);
    }

    #[test]
    fn one_message_in_single_bytes_is_delivered_once() {
        let reads: Vec<&[u8]> = b"\x0bMSH|\x1c\r".chunks(1).collect();
        assert_eq!(decode(&reads), [message("MSH|")]);
    }

    #[test]
    fn line_ends_between_frames_are_swallowed() {
        assert_eq!(
            decode(&[b"\x0bA\x1c\r\n\r\n\x0bB\x1c\n\x0bC\x1c\r"]),
            [message("A"), lax("B"), message("C")]
        );
    }

    #[test]
    fn garbage_before_a_frame_is_counted_and_skipped() {
        assert_eq!(decode(&[b"GET", b" /\r\n", b"\x0bA\x1c\r"]), [Event::Garbage { bytes: 7 }, message("A")]);
    }

    #[test]
    fn garbage_is_borne_up_to_its_limit_and_no_further() {
        assert!(decode_with(SMALL, &[b"12", b"34"]).is_ok());
        assert_eq!(decode_with(SMALL, &[b"12", b"345"]), Err(FrameError { limit: 4 }));
        assert_eq!(decode_with(SMALL, &[b"12345\x0bA\x1c\r"]), Err(FrameError { limit: 4 }));
        assert!(decode_with(SMALL, &[b"1234\x0bA\x1c\r1234\x0bA\x1c\r"]).is_ok(), "counted per gap");
    }

    #[test]
    fn an_end_of_block_before_a_new_start_ends_the_frame() {
        assert_eq!(decode(&[b"\x0bA\x1c\x0bB\x1c\r"]), [lax("A"), message("B")]);
    }

    #[test]
    fn an_end_of_block_followed_by_text_is_text() {
        assert_eq!(decode(&[b"\x0bA\x1c", b"B\x1c\r"]), [message("A\x1cB")]);
    }

    #[test]
    fn an_end_of_block_followed_by_silence_is_settled_by_time() {
        let mut decoder = Decoder::new(FrameLimits::default());
        decoder.push(b"\x0bA\x1c");
        assert_eq!((decoder.next_event(), decoder.is_unsettled()), (Ok(None), true));
        assert_eq!(decoder.settle(), Some(lax("A")));
        assert_eq!((decoder.settle(), decoder.unfinished(), decoder.held()), (None, 0, 0));
    }

    #[test]
    fn a_new_start_abandons_what_had_no_end() {
        assert_eq!(decode(&[b"\x0bABC\x0bB\x1c\r"]), [Event::Abandoned { bytes: 3 }, message("B")]);
    }

    #[test]
    fn commit_blocks_of_release_2_are_told_from_messages() {
        assert_eq!(
            decode(&[b"\x0b\x06\x1c\r\x0b\x15\x1c\r\x0b\x06\x06\x1c\r"]),
            [Event::Commit(Commit::Ack), Event::Commit(Commit::Nak), message("\x06\x06")]
        );
    }

    #[test]
    fn a_frame_at_the_limit_passes_and_one_more_byte_is_drained_with_its_head_kept() {
        assert_eq!(decode_with(SMALL, &[b"\x0b12345678\x1c\r"]), Ok(vec![message("12345678")]));
        assert_eq!(
            decode_with(SMALL, &[b"\x0b123456789\x1c\r\x0bA\x1c\r"]),
            Ok(vec![Event::TooLong { head: Bytes::from_static(b"123"), bytes: 9 }, message("A")])
        );
    }

    #[test]
    fn a_frame_that_is_drained_holds_no_memory() {
        let mut decoder = Decoder::new(SMALL);
        decoder.push(b"\x0b");
        for _ in 0..1000 {
            decoder.push(&[b'x'; 100]);
            assert_eq!(decoder.next_event(), Ok(None));
            assert_eq!(decoder.held(), 0);
        }
        assert_eq!(decoder.unfinished(), 100_000);
    }

    #[test]
    fn a_frame_is_the_buffer_it_was_read_into() {
        let mut decoder = Decoder::new(FrameLimits::default());
        decoder.push(b"\x0bABC\x1c\r");
        let place = decoder.buffer()[1..].as_ptr();
        let Ok(Some(Event::Message { payload, .. })) = decoder.next_event() else { panic!("a message") };
        assert_eq!(payload.as_ptr(), place);
    }

    #[test]
    fn a_message_cut_anywhere_is_never_delivered() {
        let whole = encode(b"MSH|^~\\&|");
        for cut in 0..whole.len() - 1 {
            assert_eq!(decode(&[&whole[..cut]]), [], "cut at {cut}");
        }
    }

    fn streams() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![Just(SB), Just(EB), Just(CR), Just(LF), Just(0x06), Just(b'A'), any::<u8>()];
        proptest::collection::vec(byte, 0..200)
    }

    proptest! {
        #[test]
        fn any_cut_of_the_bytes_gives_the_same_events(
            stream in streams(),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
            frame_bytes_max in 0_usize..40,
            garbage_bytes_max in 0_usize..40,
        ) {
            let limits = FrameLimits { frame_bytes_max, garbage_bytes_max, head_bytes: 5 };
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.push(0);
            cuts.push(stream.len());
            cuts.sort_unstable();
            let reads: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
            prop_assert_eq!(decode_with(limits, &reads), decode_with(limits, &[&stream]));
        }

        #[test]
        fn what_was_encoded_is_read_back(payloads in proptest::collection::vec("[^\u{b}\u{1c}]{2,40}", 0..6)) {
            let wire: Vec<u8> = payloads.iter().flat_map(|payload| encode(payload.as_bytes())).collect();
            let read: Vec<Event> = payloads
                .iter()
                .map(|payload| Event::Message { payload: payload.clone().into(), lax_end: false })
                .collect();
            prop_assert_eq!(decode(&[&wire]), read);
        }
    }
}
