//! The extractions as the service publishes them: archives of generated texts, good or spoilt.
//! In: a nation, a fault. Out: the bytes of an archive and its name. Source: annuaires.md §1.1, §9.2 « Files ».

use std::io::{self, Cursor, Write as _};

use jiff::{Timestamp, tz::TimeZone};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::{faults::Fault, generate::Nation};
use crate::flat::{DIPLOMES, Layout, MSSANTE, PERSONNE_ACTIVITE, SAVOIR_FAIRE};

/// One of the two archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Extraction {
    Rpps,
    Mssante,
}

impl Extraction {
    /// Last segment of its address, and beginning of its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rpps => "PS_LibreAcces",
            Self::Mssante => "Extraction_Correspondance_MSSante",
        }
    }
}

/// `AAAAMMJJhhmm`, Paris time.
pub(crate) fn stamp(at: Timestamp, paris: TimeZone) -> String {
    let at = at.to_zoned_datetime(paris);
    format!("{:04}{:02}{:02}{:02}{:02}", at.year(), at.month(), at.day(), at.hour(), at.minute())
}

/// Bytes of an archive, and its name.
pub(crate) fn archive(
    nation: &Nation,
    extraction: Extraction,
    stamp: &str,
    fault: Option<Fault>,
) -> io::Result<(String, Vec<u8>)> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (layout, text) in texts(nation, extraction)? {
        if fault == Some(Fault::MissingMember) && matches!(layout.prefix, "PS_LibreAcces_Personne_activite") {
            continue;
        }
        let folder = if fault == Some(Fault::Traversal) { "../" } else { "" };
        zip.start_file(format!("{folder}{}_{stamp}.txt", layout.prefix), SimpleFileOptions::default())?;
        zip.write_all(&spoil(text, layout, fault))?;
    }
    let mut bytes = zip.finish()?.into_inner();
    match fault {
        Some(Fault::TruncatedArchive) => bytes.truncate(bytes.len() / 2),
        Some(Fault::Empty) => bytes.clear(),
        Some(Fault::Html) => {
            bytes = b"<!DOCTYPE html><html><body>Maintenance en cours</body></html>".to_vec()
        }
        _ => {}
    }
    Ok((format!("{}_{stamp}.zip", extraction.name()), bytes))
}

fn texts(nation: &Nation, extraction: Extraction) -> io::Result<Vec<(&'static Layout, String)>> {
    let text = |write: &dyn Fn(&mut Vec<u8>) -> io::Result<u64>| {
        let mut out = Vec::new();
        write(&mut out)?;
        String::from_utf8(out).map_err(io::Error::other)
    };
    Ok(match extraction {
        Extraction::Mssante => vec![(&MSSANTE, text(&|out| nation.mssante(out))?)],
        Extraction::Rpps => vec![
            (&PERSONNE_ACTIVITE, text(&|out| nation.personne_activite(out))?),
            (&SAVOIR_FAIRE, text(&|out| nation.savoir_faire(out))?),
            (&DIPLOMES, text(&|out| nation.dipl_autexerc(out))?),
        ],
    })
}

/// A text with its fault.
fn spoil(text: String, layout: &Layout, fault: Option<Fault>) -> Vec<u8> {
    let each = |change: &dyn Fn(usize, Vec<&str>) -> Option<String>| {
        let mut spoilt = String::with_capacity(text.len());
        for (at, line) in text.lines().enumerate() {
            let fields = line.strip_suffix('|').unwrap_or(line).split('|').collect();
            if let Some(line) = change(at, fields) {
                spoilt += &line;
                spoilt.push('\n');
            }
        }
        spoilt.into_bytes()
    };
    let joined = |fields: Vec<&str>| Some(fields.join("|") + "|");
    match fault {
        Some(Fault::Shrunk) => each(&|at, fields| if at % 10 < 4 || at == 0 { joined(fields) } else { None }),
        Some(Fault::ColumnRemoved) => each(&|_, mut fields| {
            fields.remove(layout.required[0]);
            joined(fields)
        }),
        Some(Fault::ColumnAdded) => each(&|at, mut fields| {
            fields.push(if at == 0 { "Colonne nouvelle" } else { "x" });
            joined(fields)
        }),
        Some(Fault::ColumnsReordered) => each(&|_, mut fields| {
            fields.reverse();
            joined(fields)
        }),
        Some(Fault::OldLayout) => each(&|_, mut fields| {
            fields.truncate(48);
            joined(fields)
        }),
        Some(Fault::ShortRows) => each(&|at, mut fields| {
            if at % 50 == 49 {
                fields.pop();
            }
            joined(fields)
        }),
        Some(Fault::Bomb) => {
            let mut bytes = text.into_bytes();
            bytes.resize(bytes.len() + (64 << 20), b'\n');
            bytes
        }
        Some(Fault::Latin1) => encoding_rs::WINDOWS_1252.encode(&text).0.into_owned(),
        Some(Fault::BomCrlf) => format!("\u{feff}{}", text.replace('\n', "\r\n")).into_bytes(),
        _ => text.into_bytes(),
    }
}
