//! Commands of this client, as text.
//! In: typed requests. Out: one line each, never a literal: nothing a setting holds needs one. Sources: RFC 3501 §6, RFC 6851
//! (MOVE), RFC 4315 (UID EXPUNGE), RFC 9208 (quota); §5.1.3 (folder names in modified UTF-7).

use std::fmt::Write as _;

use base64::{
    Engine as _,
    alphabet::IMAP_MUTF7,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// A folder name that can be written on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Folder(String);

impl Folder {
    /// The folder new mails arrive in.
    pub fn inbox() -> Self {
        Self("INBOX".to_owned())
    }

    /// Reads a name as a person writes it. Errors: empty, over 200 characters, control characters, `%` or `*`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let good = !text.is_empty()
            && text.chars().count() <= 200
            && !text.chars().any(|c| c.is_control() || matches!(c, '%' | '*'));
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err("un nom de dossier, sans « % » ni « * »".to_owned())
        }
    }

    /// The name as a person writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As the wire writes it, quoted.
    fn wire(&self) -> String {
        quoted(&utf7(&self.0))
    }
}

const MODIFIED: GeneralPurpose = GeneralPurpose::new(
    &IMAP_MUTF7,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Modified UTF-7 (RFC 3501 §5.1.3): printable ASCII stands for itself, the rest is UTF-16 in base64 between `&` and `-`.
pub(crate) fn utf7(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !matches!(c, ' '..='~')).unwrap_or(rest.len());
        let (plain, other) = rest.split_at(end);
        out += &plain.replace('&', "&-");
        let end = other.find(|c| matches!(c, ' '..='~')).unwrap_or(other.len());
        let (encoded, more) = other.split_at(end);
        if !encoded.is_empty() {
            let units: Vec<u8> = encoded.encode_utf16().flat_map(u16::to_be_bytes).collect();
            // Writing to a String never fails.
            let _ = write!(out, "&{}-", MODIFIED.encode(units));
        }
        rest = more;
    }
    out
}

/// A quoted string. What has no place in one (CR, LF, NUL) was refused where it was read.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// One piece of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Which mail.
    pub uid: u32,
    /// Its headers alone, or the whole of it.
    pub headers: bool,
    /// First byte wanted.
    pub from: u64,
    /// Bytes wanted; fewer come at the end.
    pub length: u32,
}

/// What a session can be asked once it is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Opens a folder.
    Select(Folder),
    /// Makes a folder.
    Create(Folder),
    /// Which mails are neither deleted nor marked with our keyword.
    Untreated,
    /// Which mails are marked as deleted, by anybody.
    Deleted,
    /// How large these are.
    Sizes(Vec<u32>),
    /// A piece of one.
    Slice(Slice),
    /// To another folder, in one step (MOVE).
    Move(u32, Folder),
    /// To another folder as well.
    Copy(u32, Folder),
    /// Marks as deleted.
    Delete(u32),
    /// Marks with our keyword.
    Mark(u32),
    /// Takes one that is marked as deleted away (UIDPLUS).
    ExpungeOne(u32),
    /// Takes every one that is marked as deleted away.
    Expunge,
    /// How full the mailbox is.
    Quota,
    /// Nothing: is anybody there.
    Noop,
    /// Waits for news.
    Idle,
    /// Ends.
    Logout,
}

/// Keyword of mails that were taken and stay where they are. `\Seen` belongs to people (mssante.md §8, 32).
pub const KEYWORD: &str = "$MssRoute";

impl Request {
    /// The command without its tag.
    pub(super) fn line(&self) -> String {
        match self {
            Self::Select(folder) => format!("SELECT {}", folder.wire()),
            Self::Create(folder) => format!("CREATE {}", folder.wire()),
            Self::Untreated => format!("UID SEARCH UNDELETED UNKEYWORD {KEYWORD}"),
            Self::Deleted => "UID SEARCH DELETED".to_owned(),
            Self::Sizes(uids) => format!("UID FETCH {} (UID RFC822.SIZE)", set(uids)),
            Self::Slice(slice) => {
                let section = if slice.headers { "HEADER" } else { "" };
                // PEEK: `\Seen` is for people.
                format!("UID FETCH {} (UID BODY.PEEK[{section}]<{}.{}>)", slice.uid, slice.from, slice.length)
            }
            Self::Move(uid, folder) => format!("UID MOVE {uid} {}", folder.wire()),
            Self::Copy(uid, folder) => format!("UID COPY {uid} {}", folder.wire()),
            Self::Delete(uid) => format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)"),
            Self::Mark(uid) => format!("UID STORE {uid} +FLAGS.SILENT ({KEYWORD})"),
            Self::ExpungeOne(uid) => format!("UID EXPUNGE {uid}"),
            Self::Expunge => "EXPUNGE".to_owned(),
            Self::Quota => "GETQUOTAROOT INBOX".to_owned(),
            Self::Noop => "NOOP".to_owned(),
            Self::Idle => "IDLE".to_owned(),
            Self::Logout => "LOGOUT".to_owned(),
        }
    }

    /// The longest literal its answer may hold.
    pub(super) fn literal_max(&self) -> usize {
        match self {
            Self::Slice(slice) => slice.length as usize,
            _ => 0,
        }
    }
}

/// A sequence set: `1:3,7`. In: ascending numbers.
fn set(uids: &[u32]) -> String {
    let mut text = String::new();
    let mut rest = uids;
    while let Some(first) = rest.first() {
        let expected = u64::from(*first)..;
        let run = rest
            .iter()
            .zip(expected)
            .take_while(|(uid, expected)| u64::from(**uid) == *expected)
            .count()
            .max(1);
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a String never fails.
        let _ = match run {
            1 => write!(text, "{comma}{first}"),
            _ => write!(text, "{comma}{first}:{}", rest[run - 1]),
        };
        rest = &rest[run..];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_names_are_written_in_modified_utf_7() {
        for (name, wire) in [
            ("MSS-Traites", "MSS-Traites"),
            ("Éléments envoyés", "&AMk-l&AOk-ments envoy&AOk-s"),
            ("R&D", "R&-D"),
            // The example of RFC 3501 §5.1.3.
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("😀", "&2D3eAA-"),
        ] {
            assert_eq!(utf7(name), wire);
        }
        assert_eq!(Request::Create(Folder::parse("a \"b\\").unwrap()).line(), r#"CREATE "a \"b\\""#);
        assert!(Folder::parse("a\r\nb LOGOUT").is_err());
    }

    #[test]
    fn a_set_of_mails_is_written_in_runs() {
        assert_eq!(set(&[1, 2, 3, 7, 9, 10]), "1:3,7,9:10");
        assert_eq!(set(&[u32::MAX - 1, u32::MAX]), "4294967294:4294967295");
        assert_eq!(set(&[]), "");
    }

    #[test]
    fn fetching_never_marks_a_mail_as_read() {
        let slice = Slice { uid: 7, headers: false, from: 0, length: 10 };
        assert_eq!(Request::Slice(slice).line(), "UID FETCH 7 (UID BODY.PEEK[]<0.10>)");
        let headers = Slice { headers: true, ..slice };
        assert_eq!(Request::Slice(headers).line(), "UID FETCH 7 (UID BODY.PEEK[HEADER]<0.10>)");
    }
}
