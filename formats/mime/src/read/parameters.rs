//! `value; name=value` headers: Content-Type, Content-Disposition.
//! In: a raw value. Out: the first word in lower case, and parameters, continued and encoded ones put together.
//! Sources: RFC 2045 §5.1, RFC 2231 §3 and §4, and what the field writes instead (mssante.md §8 n° 1, 2, 17).

use jonction_model::hex_byte;

use super::{charset, words};

/// Parameters of one header; more are left out.
const PARAMETERS_MAX: usize = 100;

/// A structured value.
#[derive(Clone, Default)]
pub(super) struct Structured {
    /// `text/plain`, `attachment`; lower case; empty when the header is.
    pub(super) value: String,
    parameters: Vec<Parameter>,
}

#[derive(Clone)]
struct Parameter {
    /// Lower case, without its marks of RFC 2231.
    name: Vec<u8>,
    /// Rank of a continued value.
    rank: u32,
    /// Percent-encoded, with a charset in the first piece.
    encoded: bool,
    value: Vec<u8>,
}

impl Structured {
    pub(super) fn parse(raw: &[u8]) -> Self {
        let line = words::unfold(raw);
        let mut pieces = Pieces { line: &line, at: 0 };
        let first = pieces.next_piece();
        let value = charset::guess(&first).chars().filter(|c| !c.is_whitespace()).collect::<String>();
        let mut parameters = Vec::new();
        while pieces.at < line.len() && parameters.len() < PARAMETERS_MAX {
            let piece = pieces.next_piece();
            parameters.extend(Parameter::parse(&piece));
        }
        Self { value: value.to_ascii_lowercase(), parameters }
    }

    /// A parameter as text: RFC 2231 first, else as written, encoded-words decoded.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let (bytes, label) = self.joined(name)?;
        Some(match label {
            Some(label) => charset::decode(&label, &bytes).0.into_owned(),
            None => words::decode(&bytes),
        })
    }

    /// A parameter as its bytes: a boundary is compared, not read.
    pub(super) fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.joined(name).map(|(bytes, _)| bytes)
    }

    /// The pieces of a parameter, put together; and their charset, when they announce one.
    fn joined(&self, name: &str) -> Option<(Vec<u8>, Option<String>)> {
        let mine = || self.parameters.iter().filter(|p| p.name == name.as_bytes());
        let marked = mine().any(|p| p.encoded || p.rank > 0);
        if !marked {
            return mine().next().map(|p| (p.value.clone(), None));
        }
        // A plain copy beside the encoded one is for old readers.
        let mut pieces: Vec<&Parameter> = mine().collect();
        pieces.sort_by_key(|p| (p.rank, !p.encoded));
        pieces.dedup_by_key(|p| p.rank);
        let (mut bytes, mut label) = (Vec::new(), None);
        for (at, piece) in pieces.into_iter().enumerate() {
            if !piece.encoded {
                bytes.extend_from_slice(&piece.value);
                continue;
            }
            let mut value = piece.value.as_slice();
            if at == 0 {
                let mut fields = value.splitn(3, |byte| *byte == b'\'');
                if let (Some(charset), Some(_), Some(rest)) = (fields.next(), fields.next(), fields.next()) {
                    label = Some(charset::guess(charset).into_owned());
                    value = rest;
                }
            }
            unpercent(value, &mut bytes);
        }
        Some((bytes, label))
    }
}

fn unpercent(value: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < value.len() {
        match (value[at], value.get(at + 1..at + 3).and_then(hex_byte)) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
}

impl Parameter {
    /// `name=value`, `name*=…`, `name*3=…`, `name*3*=…`; quotes were taken off by [`Pieces`].
    fn parse(piece: &[u8]) -> Option<Self> {
        let equal = memchr::memchr(b'=', piece)?;
        let value = piece[equal + 1..].trim_ascii().to_vec();
        let name = piece[..equal].trim_ascii().to_ascii_lowercase();
        let (name, encoded) = match name.strip_suffix(b"*") {
            Some(name) => (name.to_vec(), true),
            None => (name, false),
        };
        let ranked = name.iter().rposition(|byte| *byte == b'*').and_then(|star| {
            let rank = std::str::from_utf8(&name[star + 1..]).ok()?.parse::<u32>().ok()?;
            Some((name[..star].to_vec(), rank.saturating_add(1)))
        });
        let (name, rank) = ranked.unwrap_or((name, 0));
        (!name.is_empty()).then_some(Self { name, rank, encoded, value })
    }
}

/// Cuts at `;`, outside quotes and comments; takes quotes, backslashes and comments off.
struct Pieces<'l> {
    line: &'l [u8],
    at: usize,
}

impl Pieces<'_> {
    fn next_piece(&mut self) -> Vec<u8> {
        let mut piece = Vec::new();
        let (mut quoted, mut comment) = (false, 0_u32);
        while let Some(&byte) = self.line.get(self.at) {
            self.at += 1;
            match byte {
                // `filename="C:\dossier\a.zip"`: a backslash only hides what needs it.
                b'\\' if quoted && matches!(self.line.get(self.at), Some(b'"' | b'\\')) => {
                    piece.push(self.line[self.at]);
                    self.at += 1;
                }
                b'"' if comment == 0 => quoted = !quoted,
                b'(' if !quoted && self.comment_may_open(&piece) => comment += 1,
                b')' if comment > 0 => comment -= 1,
                _ if comment > 0 => {}
                b';' if !quoted => break,
                byte => piece.push(byte),
            }
        }
        // A quote that is never closed hides the rest: what it holds is one value.
        piece
    }

    /// A parenthesis inside an unquoted value (`name=copie(2).pdf`) is no comment.
    fn comment_may_open(&self, piece: &[u8]) -> bool {
        piece.iter().all(|byte| *byte != b'=') || piece.last().is_some_and(u8::is_ascii_whitespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(raw: &[u8]) -> String {
        Structured::parse(raw).text("name").unwrap_or_default()
    }

    #[test]
    fn a_name_is_read_in_every_way_it_is_written() {
        let cases: [(&[u8], &str); 12] = [
            (b"application/zip; name=IHE_XDM.zip", "IHE_XDM.zip"),
            (b"application/zip; name=\"IHE XDM.zip\"", "IHE XDM.zip"),
            (b"application/zip;\r\n\tNAME = IHE XDM.zip ;x=y", "IHE XDM.zip"),
            (b"a/b; name*=UTF-8''m%C3%A9dical%20d%27ici.pdf", "médical d'ici.pdf"),
            (b"a/b; name*0*=iso-8859-1'fr'm%E9dic; name*1=\"al a\"; name*2*=%E9", "médical aé"),
            (b"a/b; name*1=deux; name*0=un", "undeux"),
            (b"a/b; name=vieux.pdf; name*=utf-8''n%C3%A9.pdf", "né.pdf"),
            (b"a/b; name=\"=?utf-8?Q?m=C3=A9dical?=.pdf\"", "médical.pdf"),
            (b"a/b; name=\"m\xE9dical.pdf\"", "médical.pdf"),
            (b"a/b; name=\"a\\\"b;c.pdf\"", "a\"b;c.pdf"),
            (b"a/b (un commentaire; name=faux); name=copie(2).pdf", "copie(2).pdf"),
            (b"a/b; name=\"C:\\temp\\a.zip\"", "C:\\temp\\a.zip"),
        ];
        for (raw, expected) in cases {
            assert_eq!(name(raw), expected, "{}", raw.escape_ascii());
        }
    }

    #[test]
    fn the_first_word_is_in_lower_case_without_blanks() {
        assert_eq!(Structured::parse(b" Text / PLAIN ; charset=utf-8").value, "text/plain");
        assert_eq!(Structured::parse(b"").value, "");
    }

    #[test]
    fn ten_thousand_parameters_are_cut_and_ranks_overflow_nothing() {
        let many = b"; name*4294967295=x".repeat(10_000);
        assert!(Structured::parse(&many).parameters.len() <= PARAMETERS_MAX);
    }
}
