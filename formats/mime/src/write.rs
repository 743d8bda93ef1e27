//! A mail to send, in two pieces: the head of one recipient, and the attachments shared by every recipient of a lot.
//! In: checked values, attachments. Out: 7-bit bytes, the same for the same input.
//! Source: mssante.md §3.1 to §3.5. Own writer, not lettre's: pieces must be separable and bytes reproducible.

use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::{BodyId, MailId, Masked, MssAddress, clock::paris};

use crate::{
    body::{normalise_text, write_base64, write_quoted_printable},
    header::{parameter_tokens, phrase_tokens, text_tokens, write_header},
    value::Token,
};

/// Who a mail comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Intitulé (ECO.2.2.7); may be empty.
    pub name: String,
    /// The mailbox.
    pub address: MssAddress,
}

/// Everything that differs from one recipient to the next.
#[derive(Clone, Debug)]
pub struct OutgoingMail {
    /// `From`: the mailbox that is authenticated with the operator.
    pub from: Sender,
    /// `To`: the only recipient.
    pub to: MssAddress,
    /// `Reply-To`; absent when empty.
    pub reply_to: Vec<MssAddress>,
    /// `Date`, written in French legal time.
    pub date: Timestamp,
    /// `Message-ID`.
    pub message_id: MailId,
    /// `In-Reply-To`.
    pub in_reply_to: Option<MailId>,
    /// `References`; absent when empty.
    pub references: Vec<MailId>,
    /// `Subject`, before any encoding.
    pub subject: Masked<String>,
    /// `X-MSS-CODECDA`; absent when empty, repeats written once (ECO.2.4.1).
    pub cda_codes: Vec<Token>,
    /// `X-MSS-INS`: `O`, `N`, or absent (ECO.2.4.2).
    pub ins_qualified: Option<bool>,
    /// `X-MSS-NIL` (ECO.2.4.3).
    pub nil: Option<Token>,
    /// `X-MSS-MES: FIN`: no answer is wanted (ECO.2.2.8).
    pub no_reply: bool,
    /// `Disposition-Notification-To` (ECO.2.3.2).
    pub read_receipt_to: Option<MssAddress>,
    /// `Return-Receipt-To`, for servers without DSN (ECO.2.3.1).
    pub delivery_receipt_to: Option<MssAddress>,
    /// `Auto-Submitted: auto-replied` (RFC 3834): for notices that must not be answered.
    pub auto_replied: bool,
    /// Text of the mail.
    pub text: Masked<String>,
}

/// Media types we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// `application/zip`.
    Zip,
    /// `application/pdf`.
    Pdf,
}

impl MediaType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Zip => "application/zip",
            Self::Pdf => "application/pdf",
        }
    }
}

/// One attachment.
#[derive(Clone)]
pub struct Attachment {
    /// Media type.
    pub media_type: MediaType,
    /// File name; accents and blanks allowed, `/` and `\` replaced.
    pub name: Masked<String>,
    /// Its bytes.
    pub content: Bytes,
}

/// Attachments as they end a mail, closing boundary included. Nothing in it depends on the recipient.
#[derive(Clone, Debug)]
pub struct AttachmentBlock {
    boundary: String,
    bytes: Bytes,
    id: BodyId,
}

impl AttachmentBlock {
    /// Encodes attachments once for every recipient of a lot. `lot` tells lots apart: equal lots give equal bytes.
    pub fn encode(attachments: &[Attachment], lot: BodyId) -> Self {
        // `=_` occurs neither in base64 nor in quoted-printable (RFC 2045 §6.7), so no part can hold the boundary.
        let boundary = format!("=_jonction_{}", &lot.to_string()[..32]);
        let content = attachments.iter().map(|attachment| attachment.content.len() / 2 * 3 + 512);
        let mut bytes = Vec::with_capacity(content.sum());
        for attachment in attachments {
            bytes.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            write_attachment(&mut bytes, attachment);
        }
        if !attachments.is_empty() {
            bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        }
        Self { boundary, id: BodyId::of(&bytes), bytes: bytes.into() }
    }

    /// A mail without attachment.
    pub fn none() -> Self {
        Self::encode(&[], BodyId::of(b""))
    }

    /// Hash of the bytes.
    pub fn id(&self) -> BodyId {
        self.id
    }

    /// The bytes that follow the head on the wire; empty when there is no attachment.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

fn write_attachment(out: &mut Vec<u8>, attachment: &Attachment) {
    let name = attachment.name.expose().replace(['/', '\\'], "_");
    let with_name = |first: &str, parameter: &str| {
        let mut tokens = vec![format!("{first};")];
        tokens.extend(parameter_tokens(parameter, &name));
        tokens
    };
    write_header(out, "Content-Type", &with_name(attachment.media_type.as_str(), "name"));
    write_header(out, "Content-Transfer-Encoding", &["base64".to_owned()]);
    write_header(out, "Content-Disposition", &with_name("attachment", "filename"));
    out.extend_from_slice(b"\r\n");
    write_base64(out, &attachment.content);
}

impl OutgoingMail {
    /// The head: headers and text part, to be followed on the wire by the bytes of the block.
    pub fn head(&self, block: &AttachmentBlock) -> Bytes {
        let mut out = Vec::with_capacity(2048);
        self.write_headers(&mut out);
        write_header(&mut out, "MIME-Version", &["1.0".to_owned()]);
        if !block.is_empty() {
            let boundary = format!("boundary=\"{}\"", block.boundary);
            write_header(&mut out, "Content-Type", &["multipart/mixed;".to_owned(), boundary]);
            out.extend_from_slice(format!("\r\n--{}\r\n", block.boundary).as_bytes());
        }
        //= ECO.2.2.3
        write_header(&mut out, "Content-Type", &["text/plain;".to_owned(), "charset=utf-8".to_owned()]);
        write_header(&mut out, "Content-Transfer-Encoding", &["quoted-printable".to_owned()]);
        out.extend_from_slice(b"\r\n");
        write_quoted_printable(&mut out, &normalise_text(self.text.expose()));
        out.extend_from_slice(b"\r\n");
        out.into()
    }

    pub(crate) fn write_headers(&self, out: &mut Vec<u8>) {
        let one = |text: String| vec![text];
        let bare = |address: &MssAddress| one(format!("<{}>", address.expose()));
        let date = self.date.to_zoned_datetime(paris()).strftime("%a, %d %b %Y %H:%M:%S %z").to_string();
        let mut from = phrase_tokens(&self.from.name);
        from.push(format!("<{}>", self.from.address.expose()));

        write_header(out, "Date", &date.split(' ').map(str::to_owned).collect::<Vec<_>>());
        write_header(out, "From", &from);
        if !self.reply_to.is_empty() {
            let last = self.reply_to.len() - 1;
            let comma = |at: usize| if at == last { "" } else { "," };
            let list = self.reply_to.iter().enumerate();
            let list: Vec<_> = list.map(|(at, to)| format!("<{}>{}", to.expose(), comma(at))).collect();
            write_header(out, "Reply-To", &list);
        }
        write_header(out, "To", &bare(&self.to));
        write_header(out, "Message-ID", &one(self.message_id.to_string()));
        if let Some(original) = &self.in_reply_to {
            write_header(out, "In-Reply-To", &one(original.to_string()));
        }
        if !self.references.is_empty() {
            let list: Vec<_> = self.references.iter().map(ToString::to_string).collect();
            write_header(out, "References", &list);
        }
        write_header(out, "Subject", &text_tokens(self.subject.expose()));
        self.write_mss_headers(out);
        if let Some(to) = &self.read_receipt_to {
            write_header(out, "Disposition-Notification-To", &bare(to));
        }
        if let Some(to) = &self.delivery_receipt_to {
            write_header(out, "Return-Receipt-To", &bare(to));
        }
        if self.auto_replied {
            write_header(out, "Auto-Submitted", &one("auto-replied".to_owned()));
        }
    }

    fn write_mss_headers(&self, out: &mut Vec<u8>) {
        let mut codes: Vec<&str> = Vec::new();
        for code in self.cda_codes.iter().map(Token::as_str) {
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        if !codes.is_empty() {
            //= ECO.2.4.1
            write_header(out, "X-MSS-CODECDA", &[codes.join(",")]);
        }
        if let Some(qualified) = self.ins_qualified {
            //= ECO.2.4.2
            write_header(out, "X-MSS-INS", &[if qualified { "O" } else { "N" }.to_owned()]);
        }
        if let Some(nil) = &self.nil {
            //= ECO.2.4.3
            write_header(out, "X-MSS-NIL", &[nil.as_str().to_owned()]);
        }
        if self.no_reply {
            //= ECO.2.2.8
            write_header(out, "X-MSS-MES", &["FIN".to_owned()]);
        }
    }
}
