//! Whether a mail is taken, from its first bytes and its length alone; and how it is recognised when it comes again.
//! In: the head of a mail. Out: a verdict. Pure, bounded, no MIME: understanding a mail comes later, in routing.
//! Source: mssante.md §2.8 « State », §8 rows 18, 19, 39; decision 0038.

use aws_lc_rs::digest;
use jonction_model::{Finding, MssAddress};
use jonction_ports::{Admitted, MessageFacts, Repeat};

/// First bytes of a mail that are looked at. What says nothing within them is no mail.
pub(super) const HEAD_BYTES_MAX: usize = 64 << 10;

/// Kind of a mail, as routes write it.
pub const KIND: &str = "MAIL";

/// Fields that each delivery of one and the same mail writes anew at its top (RFC 5321 §4.4, RFC 8601).
const TRACE: &[&str] = &[
    "return-path",
    "received",
    "received-spf",
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "authentication-results",
];

/// What is known of a mail that came whole.
#[derive(Clone, Debug)]
pub(super) struct Mail<'m> {
    /// Mailbox of ours.
    pub(super) mailbox: &'m MssAddress,
    /// Its first bytes.
    pub(super) head: &'m [u8],
    /// SHA-256 of what does not change when it is delivered again.
    pub(super) digest: [u8; 32],
}

/// Judges a mail that came whole.
pub(super) fn admit(mail: &Mail<'_>) -> Admitted {
    let fields = fields(mail.head);
    if fields.is_empty() {
        let finding = Finding::error("mssante.not-a-mail", "ce n'est pas un courriel : aucun en-tête")
            .remedy(
                "regarder le message avec un logiciel de messagerie ; il est dans le dossier des erreurs",
            );
        return refused(mail.mailbox, MessageFacts::default(), finding);
    }
    let message_id = value(&fields, "message-id").map(|id| id.trim().trim_matches(['<', '>']).to_owned());
    let mut findings = Vec::new();
    if message_id.as_ref().is_none_or(String::is_empty) {
        findings.push(Finding::warning(
            "mssante.no-message-id",
            "le courriel n'a pas de Message-ID : il est reconnu à son contenu, et aucun accusé ne pourra s'y rattacher",
        ));
    }
    let facts = facts_of(mail.mailbox, &fields);
    if facts.sending_facility.is_empty() {
        findings.push(Finding::warning(
            "mssante.no-sender",
            "le courriel ne dit pas d'adresse d'expéditeur lisible",
        ));
    }
    // A mail without a number is its own number.
    let number = message_id.filter(|id| !id.is_empty());
    let number = number.unwrap_or_else(|| jonction_model::hex(&mail.digest));
    let repeat = Repeat { key: format!("{}\0{number}", mail.mailbox.expose()), digest: mail.digest };
    Admitted { facts, findings, accepted: true, repeat: Some(repeat) }
}

/// A mail that is not taken: why, with what its headers say.
pub(super) fn refuse(mailbox: &MssAddress, head: &[u8], finding: Finding) -> Admitted {
    refused(mailbox, facts_of(mailbox, &fields(head)), finding)
}

fn refused(mailbox: &MssAddress, facts: MessageFacts, finding: Finding) -> Admitted {
    let facts = MessageFacts { kind: KIND.to_owned(), profile: mailbox.expose().to_owned(), ..facts };
    Admitted { facts, findings: vec![finding], accepted: false, repeat: None }
}

/// The domain of the sender alone: what stands before the `@` may be an INS.
fn facts_of(mailbox: &MssAddress, fields: &[(String, String)]) -> MessageFacts {
    let from = value(fields, "from").or_else(|| value(fields, "sender")).unwrap_or_default();
    let inside = from.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(address, _)| address);
    let words = from.split([' ', ',', '\t']).find(|word| word.contains('@'));
    let address = inside.or(words).and_then(|address| MssAddress::parse(address.trim()).ok());
    MessageFacts {
        kind: KIND.to_owned(),
        profile: mailbox.expose().to_owned(),
        sending_facility: address.map(|address| address.domain().to_owned()).unwrap_or_default(),
        ..MessageFacts::default()
    }
}

fn value<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

/// Fields of the head, names in lower case, values unfolded. A line that is no field ends the head.
fn fields(head: &[u8]) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in lines(head) {
        let text = line.trim_ascii_end();
        match (text.first(), fields.last_mut()) {
            (None, _) => break,
            (Some(b' ' | b'\t'), Some((_, value))) => {
                value.push(' ');
                value.push_str(&readable(text.trim_ascii_start()));
            }
            _ => {
                let Some(name) = field_name(text) else { break };
                let value = readable(text[name.len() + 1..].trim_ascii());
                fields.push((readable(name.trim_ascii()).to_ascii_lowercase(), value));
            }
        }
    }
    fields
}

/// Text as it is; bytes of another alphabet stand as their codes.
fn readable(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| bytes.escape_ascii().to_string(), str::to_owned)
}

/// The name before the colon, when the line is a field (RFC 5322 §2.2; a blank before the colon is tolerated).
fn field_name(line: &[u8]) -> Option<&[u8]> {
    let name = &line[..memchr::memchr(b':', line)?];
    let printable = name.trim_ascii_end().iter().all(|byte| (33..=126).contains(byte));
    (printable && !name.is_empty()).then_some(name)
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n')
}

/// Bytes of the trace fields at the top of a mail: what its last delivery added.
fn trace_bytes(head: &[u8]) -> usize {
    let mut length = 0;
    let mut in_trace = false;
    for line in lines(head) {
        in_trace = match line.first() {
            Some(b' ' | b'\t') => in_trace,
            _ => field_name(line).is_some_and(|name| {
                TRACE.iter().any(|trace| name.trim_ascii_end().eq_ignore_ascii_case(trace.as_bytes()))
            }),
        };
        if !in_trace {
            break;
        }
        length += line.len();
    }
    length
}

/// Hashes a mail that comes in pieces, its trace left out.
pub(super) struct Digest {
    context: digest::Context,
    begun: bool,
}

impl Default for Digest {
    fn default() -> Self {
        Self { context: digest::Context::new(&digest::SHA256), begun: false }
    }
}

impl Digest {
    /// The next piece. The first one holds the whole head, or the whole mail.
    pub(super) fn push(&mut self, piece: &[u8]) {
        let skipped = if self.begun { 0 } else { trace_bytes(piece) };
        self.begun = true;
        self.context.update(&piece[skipped..]);
    }

    /// The hash.
    pub(super) fn finish(self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(self.context.finish().as_ref());
        hash
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mailbox() -> MssAddress {
        MssAddress::parse("pfi@hopital-a.mssante.example").unwrap()
    }

    fn judged(text: &str) -> Admitted {
        let mut digest = Digest::default();
        digest.push(text.as_bytes());
        admit(&Mail { mailbox: &mailbox(), head: text.as_bytes(), digest: digest.finish() })
    }

    const MAIL: &str = "Message-ID: <a1@ville.mssante.example>\r\nFrom: \"MARTIN, Camille\"\r\n <camille.martin@Ville.mssante.example>\r\n\r\nbonjour\r\n";

    #[test]
    fn a_mail_is_known_by_its_mailbox_its_number_and_what_no_delivery_changes() {
        let first = judged(&format!("Received: by a\r\n\twith b\r\nDelivered-To: x\r\n{MAIL}"));
        let again = judged(&format!("Return-Path: <y>\r\nReceived: by c\r\n{MAIL}"));
        assert!(first.accepted && first.findings.is_empty());
        assert_eq!(first.repeat, again.repeat);
        assert_eq!(first.repeat.unwrap().key, "pfi@hopital-a.mssante.example\0a1@ville.mssante.example");
        assert_ne!(judged(&MAIL.replace("bonjour", "bonsoir")).repeat, again.repeat);
    }

    #[test]
    fn only_the_domain_of_the_sender_is_kept() {
        let facts = judged(MAIL).facts;
        assert_eq!((facts.kind.as_str(), facts.sending_facility.as_str()), ("MAIL", "ville.mssante.example"));
        assert_eq!(facts.profile, "pfi@hopital-a.mssante.example");
        let bare = judged("From: 180025902800157@patient.mssante.fr\r\n\r\n").facts;
        assert_eq!(bare.sending_facility, "patient.mssante.fr");
        assert!(!format!("{bare:?}").contains("180025902800157"));
    }

    #[test]
    fn without_a_number_a_mail_is_known_by_its_content() {
        let text = "Subject: x\r\n\r\nun";
        let admitted = judged(text);
        assert_eq!(
            admitted.findings.iter().map(|f| f.check.as_str()).collect::<Vec<_>>(),
            ["mssante.no-message-id", "mssante.no-sender"]
        );
        assert_eq!(admitted.repeat, judged(text).repeat);
        assert_ne!(admitted.repeat.unwrap().key, judged("Subject: x\r\n\r\ndeux").repeat.unwrap().key);
    }

    #[test]
    fn bytes_without_any_header_are_refused() {
        for text in ["", "\r\nbonjour", "bonjour\r\n", "\u{0}\u{1}: x", "é: x\r\n"] {
            let admitted = judged(text);
            assert!(!admitted.accepted && admitted.repeat.is_none(), "{text:?}");
            assert_eq!(admitted.findings[0].check, "mssante.not-a-mail");
        }
    }

    #[test]
    fn the_same_hash_whatever_the_pieces_after_the_head() {
        let mut whole = Digest::default();
        whole.push(b"Received: a\r\nA: b\r\n\r\nReceived: c");
        let mut cut = Digest::default();
        cut.push(b"Received: a\r\nA: b\r\n\r\nRec");
        cut.push(b"eived: c");
        assert_eq!(whole.finish(), cut.finish());
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes: Vec<u8>) {
            let mut digest = Digest::default();
            digest.push(&bytes);
            admit(&Mail { mailbox: &mailbox(), head: &bytes, digest: digest.finish() });
            refuse(&mailbox(), &bytes, Finding::error("x", "y"));
        }
    }
}
