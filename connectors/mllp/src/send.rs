//! Sending files, for `jonction send` and for tests.
//! In: text files of HL7 messages, in any line end. Out: messages as the wire wants them; their acknowledgements.
//! Source: hl7v2.md §6.1, §6.4, §6.6. Deliberately absent: reading the files, printing.

use bytes::{Bytes, BytesMut};
use jonction_hl7v2::{Header, batch};
use jonction_net::ClientTls;

use crate::{
    config::{Limits, Target},
    outgoing::{Outgoing, SendError},
    session::Reply,
};

/// Messages read from one file.
const MESSAGES_MAX: usize = 100_000;

/// The messages of a file: line ends become CR, batch envelopes are left out.
/// Base64 that an editor or a mail program has wrapped is joined again: no line end is allowed inside OBX-5.
/// Empty when there is no MSH in it.
pub fn messages_of(file: &[u8]) -> Vec<Bytes> {
    let mut text = BytesMut::with_capacity(file.len() + 1);
    let mut in_document = false;
    for line in file.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(file).split(|byte| matches!(byte, b'\r' | b'\n'))
    {
        let line = line.trim_ascii();
        let goes_on = in_document && !is_segment(line);
        if line.is_empty() {
            continue;
        }
        if !goes_on {
            if !text.is_empty() {
                text.extend_from_slice(b"\r");
            }
            in_document = line.starts_with(b"OBX");
        }
        text.extend_from_slice(line);
    }
    text.extend_from_slice(b"\r");
    batch::split(&text.freeze(), MESSAGES_MAX).messages
}

/// An id of three characters, then a separator or nothing: no line of base64 looks so, save one of three characters.
fn is_segment(line: &[u8]) -> bool {
    let id = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let in_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    line.len() >= 3
        && line[..3].iter().all(id)
        && !line[0].is_ascii_digit()
        && !line.get(3).is_some_and(in_base64)
}

/// What became of one message.
#[derive(Clone, Debug)]
pub struct Sent {
    /// `MDM^T02`, as far as it could be read.
    pub kind: String,
    /// MSH-10, as far as it could be read.
    pub control_id: String,
    /// Bytes sent, frame excluded.
    pub bytes: usize,
    /// The acknowledgement, or why there is none.
    pub reply: Result<Reply, SendError>,
}

/// Sends messages one after the other over one link, each after the answer to the one before.
#[derive(Debug)]
pub struct Sender(Outgoing);

impl Sender {
    /// A sender to one receiver. Of the limits, those on waits count. `tls` is needed for `mllps://`.
    pub fn new(target: Target, tls: Option<ClientTls>, limits: &Limits) -> Self {
        Self(Outgoing::new(target, tls, &Limits { outgoing_max: 1, ..*limits }))
    }

    /// Sends one message. A message without number can only be answered by chance: it is sent, and the answer must
    /// then name none either.
    pub async fn send(&self, message: &Bytes) -> Sent {
        let header = Header::read(message);
        let (kind, control_id) = match header {
            Some(header) => (format!("{}^{}", header.message_code, header.trigger_event), header.control_id),
            None => Default::default(),
        };
        let reply = self.0.send(message, &control_id).await;
        Sent { kind, control_id, bytes: message.len(), reply }
    }

    /// Sends one message on a link of its own and hangs up without waiting for the answer: what a crashed sender does.
    pub async fn send_and_hang_up(&self, message: &Bytes) -> Result<(), SendError> {
        self.0.send_and_hang_up(message).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(file: &str) -> Vec<String> {
        messages_of(file.as_bytes()).iter().map(|m| std::str::from_utf8(m).unwrap().to_owned()).collect()
    }

    #[test]
    fn every_line_end_becomes_cr() {
        let expected = ["MSH|^~\\&|A\rPID|1\r"];
        for file in [
            "MSH|^~\\&|A\nPID|1\n",
            "MSH|^~\\&|A\r\nPID|1\r\n",
            "MSH|^~\\&|A\rPID|1",
            "\nMSH|^~\\&|A\n\nPID|1",
        ] {
            assert_eq!(messages(file), expected, "{file:?}");
        }
    }

    #[test]
    fn wrapped_base64_is_joined_and_the_segment_behind_it_is_not() {
        let file = "MSH|^~\\&|A\nOBX|1|ED|||^TEXT^XML^Base64^QUJD\n  REVG\r\nR0g=||||||F\nPRT|1\nZZZ\nnote\n";
        assert_eq!(
            messages(file),
            ["MSH|^~\\&|A\rOBX|1|ED|||^TEXT^XML^Base64^QUJDREVGR0g=||||||F\rPRT|1\rZZZ\rnote\r"]
        );
    }

    #[test]
    fn several_messages_and_batches_are_cut_apart() {
        assert_eq!(
            messages("MSH|^~\\&|A\nPID|1\n\nMSH|^~\\&|B\n"),
            ["MSH|^~\\&|A\rPID|1\r", "MSH|^~\\&|B\r"]
        );
        assert_eq!(messages("FHS|^~\\&\nBHS|^~\\&\nMSH|^~\\&|A\nBTS|1\nFTS|1\n"), ["MSH|^~\\&|A\r"]);
        assert!(messages("bonjour").is_empty() && messages("").is_empty());
    }
}
