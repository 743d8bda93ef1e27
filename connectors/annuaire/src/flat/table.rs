//! A flat extraction, line by line: `|`, a header, no quoting.
//! In: bytes. Out: rows whose fields have a name; bad rows counted by their line. Source: annuaires.md §1.2, §9.2, §9.3.
//! Nothing of a row is ever in a message: only its line number.

use std::{
    borrow::Cow,
    io::{BufRead, BufReader, Read},
};

use jonction_ports::{PullError, pull::Remark};

use super::columns::{Layout, Positions};

/// Longest line.
const LINE_BYTES_MAX: usize = 64 << 10;
/// Rows that may be bad before the file is not believed: one in a thousand, and ten whatever the size.
const BAD_ROWS_PER_THOUSAND: u64 = 1;
const BAD_ROWS_FREE: u64 = 10;
/// Line numbers told.
const BAD_ROWS_TOLD: usize = 5;

/// How bytes become text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, and nothing else: a file in another encoding is refused.
    #[default]
    Utf8,
    /// ISO-8859-1 (as windows-1252), when the operator has said so.
    Latin1,
}

/// One row.
pub(crate) struct Row<'t> {
    fields: &'t [&'t str],
    positions: &'t Positions,
}

impl Row<'_> {
    /// The value of a column of the layout; empty when the file does not have it.
    pub(crate) fn get(&self, column: usize) -> &str {
        self.positions.at[column].and_then(|at| self.fields.get(at)).map_or("", |field| field.trim())
    }
}

/// What reading a table showed.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) rows: u64,
    pub(crate) remarks: Vec<Remark>,
}

/// Reads a table to its end. `take` gets each good row; a row it refuses counts as bad.
pub(crate) fn read(
    layout: &Layout,
    encoding: Encoding,
    input: impl Read,
    mut take: impl FnMut(&Row<'_>) -> Result<Taken, PullError>,
) -> Result<Told, PullError> {
    let mut lines = Lines {
        input: BufReader::with_capacity(256 << 10, input),
        line: Vec::with_capacity(4096),
        number: 0,
    };
    let mut told = Told::default();
    let header = lines.next(layout)?.ok_or_else(|| layout.unreadable("le fichier est vide".into()))?;
    let header = decode(header.bytes, encoding).ok_or_else(|| not_utf8(layout, 1))?;
    let header = header.trim_start_matches('\u{feff}').to_owned();
    let positions = layout.positions(&header, &mut told.remarks)?;
    let mut bad = Bad::default();
    let mut short_last = None;
    while let Some(line) = lines.next(layout)? {
        if line.bytes.is_empty() {
            continue;
        }
        told.rows += 1;
        let number = line.number;
        let text = decode(line.bytes, encoding).ok_or_else(|| not_utf8(layout, number))?;
        let fields: Vec<&str> = split(&text, &positions).unwrap_or_default();
        let whole = !fields.is_empty() && !line.bytes.contains(&0);
        let taken = if whole { take(&Row { fields: &fields, positions: &positions })? } else { Taken::Bad };
        if taken == Taken::Bad {
            bad.note(number);
        }
        short_last = (!line.ended && !whole).then_some(number);
    }
    if let Some(line) = short_last {
        return Err(PullError::new(
            "annuaire.truncated",
            format!("{} : le fichier est coupé au milieu de la ligne {line}", layout.prefix),
            "l'annuaire en service reste ; le fichier sera repris au prochain passage",
        ));
    }
    if told.rows == 0 {
        return Err(layout.unreadable("il n'y a que l'en-tête".into()));
    }
    bad.judge(layout, &mut told)?;
    Ok(told)
}

/// Whether a row was good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Good,
    Bad,
}

struct Lines<R> {
    input: BufReader<R>,
    line: Vec<u8>,
    number: u64,
}

struct Line<'l> {
    bytes: &'l [u8],
    number: u64,
    /// Whether it had its line end.
    ended: bool,
}

impl<R: Read> Lines<R> {
    fn next(&mut self, layout: &Layout) -> Result<Option<Line<'_>>, PullError> {
        self.line.clear();
        self.number += 1;
        let ended = loop {
            let buffer = self.input.fill_buf().map_err(|error| unreadable(layout, &error))?;
            if buffer.is_empty() {
                break false;
            }
            let found = memchr::memchr(b'\n', buffer);
            let taken = found.map_or(buffer.len(), |at| at);
            if self.line.len() + taken > LINE_BYTES_MAX {
                return Err(layout.unreadable(format!("la ligne {} est démesurée", self.number)));
            }
            self.line.extend_from_slice(&buffer[..taken]);
            self.input.consume(taken + usize::from(found.is_some()));
            if found.is_some() {
                break true;
            }
        };
        if !ended && self.line.is_empty() {
            return Ok(None);
        }
        let bytes = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        Ok(Some(Line { bytes, number: self.number, ended }))
    }
}

fn decode(bytes: &[u8], encoding: Encoding) -> Option<Cow<'_, str>> {
    match encoding {
        Encoding::Utf8 => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Encoding::Latin1 => Some(encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0),
    }
}

/// Fields of a row; `None` when there are not as many as in the header, an empty last one apart. Where the header ends with
/// a separator, a row that ends with one and is as wide as the header lacks a field.
fn split<'t>(text: &'t str, positions: &Positions) -> Option<Vec<&'t str>> {
    let mut fields = Vec::with_capacity(positions.width + 1);
    let mut start = 0;
    for at in memchr::memchr_iter(b'|', text.as_bytes()) {
        fields.push(&text[start..at]);
        start = at + 1;
    }
    let last = &text[start..];
    match (fields.len() + 1).checked_sub(positions.width)? {
        0 if !(positions.trailing && last.is_empty()) => fields.push(last),
        1 if last.is_empty() => {}
        _ => return None,
    }
    Some(fields)
}

#[derive(Default)]
struct Bad {
    count: u64,
    first: Vec<u64>,
}

impl Bad {
    fn note(&mut self, line: u64) {
        self.count += 1;
        if self.first.len() < BAD_ROWS_TOLD {
            self.first.push(line);
        }
    }

    fn judge(self, layout: &Layout, told: &mut Told) -> Result<(), PullError> {
        if self.count == 0 {
            return Ok(());
        }
        let lines = self.first.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let sentence = format!(
            "{} : {} lignes illisibles sur {} (lignes {lines}{})",
            layout.prefix,
            self.count,
            told.rows,
            if self.count > self.first.len() as u64 { "…" } else { "" }
        );
        if self.count > BAD_ROWS_FREE && self.count * 1000 > told.rows * BAD_ROWS_PER_THOUSAND {
            return Err(PullError::new(
                "annuaire.too-many-bad-rows",
                sentence,
                "l'annuaire en service reste ; vérifier la présentation du fichier à ces lignes",
            ));
        }
        told.remarks.push(Remark::new("annuaire.bad-rows", sentence));
        Ok(())
    }
}

fn not_utf8(layout: &Layout, line: u64) -> PullError {
    PullError::new(
        "annuaire.not-utf8",
        format!("{} : la ligne {line} n'est pas en UTF-8, l'encodage du fichier a changé", layout.prefix),
        "l'annuaire en service reste ; si le fichier est bien en ISO-8859-1, le dire : encoding: latin1",
    )
}

fn unreadable(layout: &Layout, error: &std::io::Error) -> PullError {
    PullError::new(
        "annuaire.unreadable",
        format!("{} : la lecture s'arrête au milieu ({error})", layout.prefix),
        "l'annuaire en service reste ; le fichier sera repris au prochain passage",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: Layout = Layout { prefix: "Essai", columns: &["A", "B", "C"], required: &[0] };

    fn rows(text: &[u8], encoding: Encoding) -> Result<(Vec<[String; 3]>, Told), PullError> {
        let mut rows = Vec::new();
        let told = read(&SMALL, encoding, text, |row| {
            rows.push([0, 1, 2].map(|column| row.get(column).to_owned()));
            Ok(if row.get(0) == "bad" { Taken::Bad } else { Taken::Good })
        })?;
        Ok((rows, told))
    }

    fn utf8(text: &str) -> Result<(Vec<[String; 3]>, Told), PullError> {
        rows(text.as_bytes(), Encoding::Utf8)
    }

    #[test]
    fn byte_order_mark_line_ends_and_trailing_separator_do_not_count() {
        let plain = utf8("A|B|C\n1|é|3\n").unwrap().0;
        for variant in [
            "\u{feff}A|B|C\r\n1|é|3\r\n",
            "A|B|C|\n1|é|3|\n",
            "A|B|C\n1|é|3",
            "A|B|C|\n\n1|é|3\n",
            "A|B|C\n1|é|3|\n",
        ] {
            assert_eq!(utf8(variant).unwrap().0, plain, "{variant:?}");
        }
    }

    #[test]
    fn columns_are_read_by_name_whatever_their_order() {
        assert_eq!(utf8("C|A|B\n3|1|2\n").unwrap().0, utf8("A|B|C\n1|2|3\n").unwrap().0);
    }

    #[test]
    fn quotes_and_hard_blanks_are_kept() {
        assert_eq!(
            utf8("A|B|C\n\"1|O'\u{a0}X|3\n").unwrap().0[0],
            ["\"1", "O'\u{a0}X", "3"].map(str::to_owned)
        );
    }

    #[test]
    fn a_bad_row_is_told_by_its_line_and_never_by_its_content() {
        let (rows, told) = utf8("A|B|C\n1|2|3\nDUPONT|2\n1|2|3|4\n1|\0|3\n").unwrap();
        assert_eq!((rows.len(), told.rows), (1, 4));
        assert!(told.remarks[0].sentence.contains("lignes 3, 4, 5"), "{}", told.remarks[0].sentence);
        assert!(!told.remarks[0].sentence.contains("DUPONT"));
        let (rows, told) = utf8("A|B|C|\n1|2||\n1|2|\n").unwrap();
        assert_eq!((rows.len(), told.remarks.len()), (1, 1), "an empty last field is not a missing one");
    }

    #[test]
    fn one_bad_row_in_a_thousand_is_borne_and_more_are_not() {
        let file = |bad: usize, all: usize| {
            let good = "1|2|3\n".repeat(all - bad);
            format!("A|B|C\n{}{good}", "bad|2|3\n".repeat(bad))
        };
        assert!(utf8(&file(20, 20_000)).is_ok());
        assert_eq!(utf8(&file(21, 20_000)).unwrap_err().code, "annuaire.too-many-bad-rows");
        assert!(utf8(&file(10, 20)).is_ok(), "small files");
        assert_eq!(utf8(&file(11, 20)).unwrap_err().code, "annuaire.too-many-bad-rows");
    }

    #[test]
    fn another_encoding_is_refused_by_its_line_unless_told() {
        let latin1 = b"A|B|C\n1|2|3\n1|\xc9LO\xcfSE|3\n";
        let error = rows(latin1, Encoding::Utf8).unwrap_err();
        assert_eq!(error.code, "annuaire.not-utf8");
        assert!(error.sentence.contains("ligne 3") && error.remedy.contains("latin1"));
        assert_eq!(rows(latin1, Encoding::Latin1).unwrap().0[1][1], "ÉLOÏSE");
    }

    #[test]
    fn a_file_cut_in_a_line_is_refused() {
        assert_eq!(utf8("A|B|C\n1|2|3\n1|2").unwrap_err().code, "annuaire.truncated");
        assert_eq!(utf8("").unwrap_err().code, "annuaire.layout");
        assert_eq!(utf8("A|B|C\n").unwrap_err().code, "annuaire.layout");
    }

    #[test]
    fn an_endless_line_is_refused_before_memory_is() {
        let endless = std::io::Read::chain(&b"A|B|C\n"[..], std::io::repeat(b'x'));
        let error = read(&SMALL, Encoding::Utf8, endless, |_| Ok(Taken::Good)).unwrap_err();
        assert!(error.sentence.contains("démesurée"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let file = [b"A|B|C\n".as_slice(), &bytes].concat();
            let _ = rows(&file, Encoding::Utf8);
            let _ = rows(&file, Encoding::Latin1);
            let _ = rows(&bytes, Encoding::Utf8);
        }
    }
}
