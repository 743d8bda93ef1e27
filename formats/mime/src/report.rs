//! A reading notice (MDN) to send.
//! In: what is said, of which mail. Out: 7-bit or 8-bit bytes, the same for the same input.
//! Source: RFC 8098, mssante.md §3.9. Deliberately absent: whether one is owed, and what it says (`connectors/mssante`).

use bytes::Bytes;
use jonction_model::{BodyId, MailId, MssAddress};
use unicode_normalization::UnicodeNormalization as _;

use crate::{
    body::{normalise_text, write_quoted_printable},
    header::write_header,
    write::OutgoingMail,
};

/// A notice.
#[derive(Clone, Debug)]
pub struct ReadingReport {
    /// Who says it to whom, subject and human text. Its attachments are those of the notice.
    pub mail: OutgoingMail,
    /// `Reporting-UA`: name of the mailbox's domain; name of the product.
    pub reporting: String,
    /// `Original-Recipient`, without its type.
    pub original_recipient: String,
    /// `Final-Recipient`: the mailbox that processed.
    pub final_recipient: MssAddress,
    /// `Original-Message-ID`.
    pub original_message_id: MailId,
    /// `Disposition`, whole.
    pub disposition: String,
    /// `Error`.
    pub error: Option<String>,
    /// The mail it is about.
    pub returned: Returned,
    /// Parts of that mail to repeat after it, each with its headers.
    pub repeated: Vec<Bytes>,
}

/// What is given back of the mail.
#[derive(Clone, Debug)]
pub enum Returned {
    /// All of it.
    Whole(Bytes),
    /// Its headers.
    Headers(Bytes),
}

impl ReadingReport {
    /// Writes it.
    pub fn write(&self) -> Bytes {
        let (media_type, returned) = match &self.returned {
            Returned::Whole(bytes) => ("message/rfc822", bytes),
            Returned::Headers(bytes) => ("text/rfc822-headers", bytes),
        };
        // Drawn from the content: it cannot occur in it, save on purpose and against SHA-256.
        let boundary = format!("=_avis_{}", &BodyId::of(returned).to_string()[..32]);
        let eight_bit = !returned.is_ascii() || self.repeated.iter().any(|part| !part.is_ascii());
        let size = returned.len() + self.repeated.iter().map(Bytes::len).sum::<usize>();
        let mut out = Vec::with_capacity(size + 4096);
        let one = |text: &str| vec![text.to_owned()];

        self.mail.write_headers(&mut out);
        write_header(&mut out, "MIME-Version", &one("1.0"));
        let kind = ["multipart/report;", "report-type=disposition-notification;"].map(str::to_owned);
        let tokens = [kind.as_slice(), &[format!("boundary=\"{boundary}\"")]].concat();
        write_header(&mut out, "Content-Type", &tokens);
        if eight_bit {
            write_header(&mut out, "Content-Transfer-Encoding", &one("8bit"));
        }
        let mut part = |headers: &[(&str, &str)], body: &dyn Fn(&mut Vec<u8>)| {
            out.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
            for (name, value) in headers {
                write_header(&mut out, name, &one(value));
            }
            body(&mut out);
        };
        let text = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "quoted-printable"),
        ];
        part(&text, &|out| {
            out.extend_from_slice(b"\r\n");
            write_quoted_printable(out, &normalise_text(self.mail.text.expose()));
        });
        part(&[("Content-Type", "message/disposition-notification")], &|out| {
            out.extend_from_slice(b"\r\n");
            self.write_fields(out);
        });
        let encoding: &[(&str, &str)] =
            if returned.is_ascii() { &[] } else { &[("Content-Transfer-Encoding", "8bit")] };
        part(&[&[("Content-Type", media_type)], encoding].concat(), &|out| {
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(returned);
        });
        for repeated in &self.repeated {
            part(&[], &|out| out.extend_from_slice(repeated));
        }
        out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        out.into()
    }

    fn write_fields(&self, out: &mut Vec<u8>) {
        let final_recipient = format!("rfc822;{}", self.final_recipient.expose());
        let fields = [
            ("Reporting-UA", Some(self.reporting.clone())),
            ("Original-Recipient", Some(format!("rfc822;{}", self.original_recipient))),
            ("Final-Recipient", Some(final_recipient)),
            ("Original-Message-ID", Some(self.original_message_id.to_string())),
            ("Disposition", Some(self.disposition.clone())),
            ("Error", self.error.clone()),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                write_header(out, name, &[ascii_line(&value)]);
            }
        }
    }
}

/// These fields have no encoding: accents lose their marks, anything else out of ASCII becomes `?`, one line.
fn ascii_line(text: &str) -> String {
    let marks = |c: &char| !matches!(c, '\u{300}'..='\u{36F}');
    let plain = |c: char| match c {
        '’' => '\'',
        ' '..='~' => c,
        c if c.is_whitespace() || c.is_control() => ' ',
        _ => '?',
    };
    text.nfd().filter(marks).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::ascii_line;

    #[test]
    fn a_field_is_one_line_of_ascii() {
        assert_eq!(ascii_line("902^Identité inconnue\r\nBcc: x€"), "902^Identite inconnue  Bcc: x?");
    }
}
