//! MIME mails of MSSanté.
//! In → out: checked values ⇄ bytes of a mail, in two pieces (head of one recipient, attachments shared by all).
//! Sources: mssante.md §3.1 to §3.5, RFC 5322, 2045, 2047, 2231. Deliberately absent: SMTP, XDM, any IO.
//!
//! ```text
//! value.rs   checked pieces of a header: a value that exists cannot break a line
//! header.rs  folding, encoded-words (RFC 2047), parameters (RFC 2231)
//! body.rs    text in NFC and CRLF, quoted-printable, base64
//! write.rs   a mail to send
//! notice.rs  delivery and reading notices in a mail received
//! report.rs  a reading notice to send
//! read/      a mail received, within limits
//! ```

mod body;
mod header;
pub mod notice;
pub mod read;
pub mod report;
pub mod value;
pub mod write;

pub use body::normalise_text;
pub use jonction_model::MailId;
pub use read::{
    Defect, Facts, Header, Headers, Limits, Mail, Mailbox, Part, PartKind, ReadError, TransferEncoding,
};
pub use value::{Token, ValueError};
pub use write::{Attachment, AttachmentBlock, MediaType, OutgoingMail, Sender};
