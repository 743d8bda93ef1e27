//! Dot-stuffing of the body of a mail.
//! In: the body in any cut, lines ended by CRLF. Out: what goes on the wire, terminator included. IO: none.
//! Source: RFC 5321 §4.5.2.

/// Remembers where a line begins, over the cuts.
#[derive(Debug)]
pub struct Stuffer {
    last: [u8; 2],
}

impl Default for Stuffer {
    fn default() -> Self {
        Self { last: *b"\r\n" }
    }
}

impl Stuffer {
    /// Adds a piece of the body.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let Some(&first) = piece.first() else { return };
        out.reserve(piece.len() + piece.len() / 64);
        if self.last[1] == b'\n' && first == b'.' {
            out.push(b'.');
        }
        let mut copied = 0;
        for newline in memchr::memmem::find_iter(piece, b"\n.") {
            out.extend_from_slice(&piece[copied..=newline]);
            out.push(b'.');
            copied = newline + 1;
        }
        out.extend_from_slice(&piece[copied..]);
        self.last = match *piece {
            [.., a, b] => [a, b],
            _ => [self.last[1], first],
        };
    }

    /// The end of the body: its last line is closed when it was not, then the final dot.
    pub fn finish(&self, out: &mut Vec<u8>) {
        if self.last != *b"\r\n" {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stuffed(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut stuffer, mut out) = (Stuffer::default(), Vec::new());
        pieces.iter().for_each(|piece| stuffer.push(piece, &mut out));
        stuffer.finish(&mut out);
        out
    }

    #[test]
    fn a_dot_that_begins_a_line_is_doubled_wherever_the_cut_is() {
        assert_eq!(stuffed(&[b".a\r\n", b".", b"\r\n..b\r\nc.d\r\n"]), b"..a\r\n..\r\n...b\r\nc.d\r\n.\r\n");
        assert_eq!(stuffed(&[]), b".\r\n");
        assert_eq!(stuffed(&[b"a"]), b"a\r\n.\r\n");
    }

    proptest! {
        /// The receiver of the simulator is another implementation.
        #[test]
        fn the_receiver_gets_the_body_back(lines in proptest::collection::vec("[.a\r]{0,4}", 1..20), cut in 0..40_usize) {
            let body = format!("X: y\r\n{}\r\n", lines.join("\r\n"));
            let (first, second) = body.as_bytes().split_at(cut.min(body.len()));
            let wire = stuffed(&[first, second]);

            let mut received = Vec::new();
            let mut iter = wire.iter();
            let done = smtp_proto::request::receiver::DataReceiver::new().ingest(&mut iter, &mut received);

            prop_assert!(done);
            prop_assert_eq!(iter.len(), 0);
            prop_assert_eq!(received, body.into_bytes());
        }
    }
}
