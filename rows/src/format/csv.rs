//! CSV as trees: each record is a node, each column a path.
//! In: the columns a mapping declares; a file with a first line of names. Out: texts of records. Source: RFC 4180.

use std::borrow::Cow;

use csv::StringRecord;
use jonction_model::{Finding, nearest};

use super::{Format, Found, PathFault};
use crate::{RECORDS_MAX, kind::Kind};

/// The columns a mapping reads, and how they are separated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Csv {
    pub(crate) columns: Vec<String>,
    pub(crate) separator: u8,
}

/// A column, by its rank in the declaration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column(usize);

/// One record, with the rank in the file of each declared column.
#[derive(Clone, Copy)]
pub(crate) struct Record<'t> {
    ranks: &'t [usize],
    record: &'t StringRecord,
}

/// A file: its records, and where the declared columns are in it.
pub(crate) struct Sheet {
    ranks: Vec<usize>,
    records: Vec<StringRecord>,
}

impl Csv {
    /// Reads a file. Errors: not UTF-8, a column missing, a broken line, too many records.
    pub(crate) fn read(&self, bytes: &[u8]) -> Result<Sheet, Finding> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let mut reader =
            csv::ReaderBuilder::new().delimiter(self.separator).trim(csv::Trim::All).from_reader(bytes);
        let header = reader.headers().map_err(|_| broken(1))?.clone();
        let rank = |column: &String| {
            header.iter().position(|name| name == column).ok_or_else(|| {
                Finding::error(
                    "mapping.csv-column",
                    format!("la colonne « {column} » manque dans le fichier"),
                )
                .expected(self.columns.join(", "), header.iter().collect::<Vec<_>>().join(", "))
                .remedy("exporter le fichier avec cette colonne, ou corriger la traduction")
            })
        };
        let ranks = self.columns.iter().map(rank).collect::<Result<_, _>>()?;
        let mut records = Vec::new();
        for (at, record) in reader.records().enumerate() {
            if at == RECORDS_MAX {
                return Err(Finding::error("mapping.csv-too-long", format!("plus de {RECORDS_MAX} lignes"))
                    .remedy("couper le fichier"));
            }
            records.push(record.map_err(|error| broken(error.position().map_or(0, csv::Position::line)))?);
        }
        Ok(Sheet { ranks, records })
    }
}

impl Sheet {
    pub(crate) fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.records.iter().map(|record| Record { ranks: &self.ranks, record })
    }
}

fn broken(line: u64) -> Finding {
    Finding::error("mapping.csv-broken", format!("la ligne {line} du fichier ne se lit pas"))
        .remedy("enregistrer en UTF-8, avec autant de colonnes à chaque ligne qu'à la première")
}

impl<'t> Record<'t> {
    fn text(self, column: Column) -> Option<&'t str> {
        self.record.get(*self.ranks.get(column.0)?).filter(|text| !text.is_empty())
    }
}

impl Format for Csv {
    type Path = Column;
    type Node<'t> = Record<'t>;

    fn path(&self, text: &str, _: Option<&Column>) -> Result<Found<Column>, PathFault> {
        let Some(at) = self.columns.iter().position(|column| column == text) else {
            let remedy = match nearest(text, self.columns.iter().map(String::as_str)) {
                Some(near) => format!("vouliez-vous « {near} » ?"),
                None => format!("colonnes déclarées : {}", self.columns.join(", ")),
            };
            return Err(PathFault::unknown(format!("aucune colonne ne s'appelle « {text} »"), remedy));
        };
        Ok(Found { path: Column(at), kind: Kind::Text, several: false, closed: None, usual: Vec::new() })
    }

    fn first<'t>(path: &Column, node: Self::Node<'t>) -> Option<Cow<'t, str>> {
        node.text(*path).map(Cow::Borrowed)
    }

    fn any(path: &Column, node: Record<'_>, wanted: &[Box<str>]) -> bool {
        node.text(*path).is_some_and(|text| wanted.is_empty() || wanted.iter().any(|one| **one == *text))
    }

    fn all<'t>(path: &Column, node: Self::Node<'t>, _: usize) -> Vec<Cow<'t, str>> {
        Self::first(path, node).into_iter().collect()
    }

    fn each<'t>(_: &Column, node: Self::Node<'t>, _: usize) -> Vec<Self::Node<'t>> {
        vec![node]
    }

    fn place(path: &Column, node: Record<'_>) -> String {
        let line = node.record.position().map_or(0, csv::Position::line);
        format!("ligne {line}, colonne {}", node.ranks.get(path.0).map_or(0, |rank| rank + 1))
    }
}
