//! A TCP connection that keeps an eye on what the peer sends, without touching it.
//! In → out: bytes. Seen: the first bytes (which protocol is it?), and a handshake begun again in TLS 1.2.
//! Source: dependencies §2.2: rustls never renegotiates, and says nothing of who asked for it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// First bytes kept: enough to recognise a protocol.
const FIRST_BYTES: usize = 64;
/// Header of a TLS record: type, version, length.
const RECORD_HEADER: usize = 5;
/// Type of a record that carries a handshake message. It stands in clear even when its content does not.
const HANDSHAKE: u8 = 22;

/// See the module.
#[derive(Debug)]
pub(super) struct Tap {
    tcp: TcpStream,
    first: Vec<u8>,
    records: Option<Records>,
}

/// Follows the records of an established TLS 1.2 connection.
#[derive(Debug, Default)]
struct Records {
    header: Vec<u8>,
    /// Bytes of the current record still to come.
    left: usize,
    asked_again: bool,
}

impl Records {
    fn saw(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let skipped = self.left.min(bytes.len());
                self.left -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            let (taken, rest) = bytes.split_at(bytes.len().min(RECORD_HEADER - self.header.len()));
            self.header.extend_from_slice(taken);
            bytes = rest;
            if let [kind, _, _, high, low] = self.header[..] {
                self.asked_again |= kind == HANDSHAKE;
                self.left = usize::from(u16::from_be_bytes([high, low]));
                self.header.clear();
            }
        }
    }
}

impl Tap {
    pub(super) fn new(tcp: TcpStream) -> Self {
        Self { tcp, first: Vec::new(), records: None }
    }

    /// First bytes since the beginning, or since [`Tap::forget`].
    pub(super) fn first(&self) -> &[u8] {
        &self.first
    }

    /// Another protocol begins (STARTTLS).
    pub(super) fn forget(&mut self) {
        self.first.clear();
    }

    /// From here on a handshake message of the peer is a request to begin again.
    pub(super) fn watch_records(&mut self) {
        self.records = Some(Records::default());
    }

    /// Whether the peer asked for a new handshake.
    pub(super) fn asked_again(&self) -> bool {
        self.records.as_ref().is_some_and(|records| records.asked_again)
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.tcp).poll_read(context, buffer);
        let read = &buffer.filled()[before..];
        let room = FIRST_BYTES.saturating_sub(self.first.len());
        self.first.extend_from_slice(&read[..read.len().min(room)]);
        if let Some(records) = &mut self.records {
            records.saw(read);
        }
        polled
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saw(pieces: &[&[u8]]) -> bool {
        let mut records = Records::default();
        pieces.iter().for_each(|piece| records.saw(piece));
        records.asked_again
    }

    #[test]
    fn a_handshake_record_is_seen_in_any_cut_and_inside_no_other_record() {
        let data = [23, 3, 3, 0, 2, HANDSHAKE, HANDSHAKE];
        let again = [HANDSHAKE, 3, 3, 0, 1, 0];
        assert!(!saw(&[&data, &data]));
        assert!(saw(&[&data, &again]));
        let whole: Vec<u8> = [&data[..], &again].concat();
        let bytes: Vec<&[u8]> = whole.chunks(1).collect();
        assert!(saw(&bytes));
    }
}
