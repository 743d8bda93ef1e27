//! The last archives of FINESS (`etalab-cs1100502`, `…507`): CSV without header, frozen since May 2026.
//! In: a file, UTF-8 or ISO-8859-1, told apart by its bytes. Out: sites, with their coordinates when the file has them.
//! Source: annuaires.md §4.5.

use std::{collections::HashMap, fs, path::PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use jiff::civil::Date;
use jonction_model::{
    clock::paris,
    directory::{Coded, Position, PostalAddress, Record, Structure},
};
use jonction_ports::{
    PullError,
    directory::Records,
    pull::{Facts, Intake, Remark, Snapshot},
};

use crate::place::{cog_of_archive, position};

/// Largest archive: the real one has 103,023 lines, 40 MB.
const BYTES_MAX: u64 = 512 << 20;

/// A file on disk.
pub struct ArchiveSnapshot {
    text: String,
    facts: Facts,
    sha256: String,
}

impl ArchiveSnapshot {
    /// Reads the file and its first line: `finess;etalab;NUMBER;DATE`.
    pub fn open(path: &PathBuf) -> Result<Self, PullError> {
        let refused = |why: &str| {
            PullError::new(
                "finess.layout",
                format!("l'archive FINESS n'est pas acceptée : {why}"),
                "l'annuaire en service reste ; donner un fichier etalab-cs1100502 ou etalab-cs1100507",
            )
        };
        let length = fs::metadata(path).map_err(|_| refused("elle ne se lit pas"))?.len();
        if length > BYTES_MAX {
            return Err(refused("elle est démesurée"));
        }
        let bytes = fs::read(path).map_err(|_| refused("elle ne se lit pas"))?;
        let sha256 = jonction_model::hex(digest(&SHA256, &bytes).as_ref());
        let text = String::from_utf8(bytes).unwrap_or_else(|error| {
            encoding_rs::WINDOWS_1252.decode_without_bom_handling(error.as_bytes()).0.into_owned()
        });
        let first: Vec<&str> =
            text.lines().next().unwrap_or_default().trim_start_matches('\u{feff}').split(';').collect();
        let day = match first.as_slice() {
            ["finess", "etalab", _, day, ..] => day.trim().parse::<Date>().ok(),
            _ => None,
        };
        let day = day.ok_or_else(|| refused("sa première ligne n'est pas « finess;etalab;numéro;date »"))?;
        let date = paris().to_timestamp(day.at(3, 0, 0, 0)).map_err(|_| refused("sa date n'existe pas"))?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("archive").to_owned();
        Ok(Self { text, facts: Facts { name, date, bytes: length }, sha256 })
    }
}

impl Snapshot for ArchiveSnapshot {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(
        &mut self,
        records: &mut dyn Records,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Intake, PullError> {
        let total = self.facts.bytes;
        let mut intake = Intake { sha256: self.sha256.clone(), bytes: total, ..Intake::default() };
        let points = points(&self.text);
        let (mut sites, mut bad) = (0_u64, 0_u64);
        for line in self.text.lines().skip(1).filter(|line| line.starts_with("structureet")) {
            let fields = split(line);
            match site(&fields) {
                Some(mut site) => {
                    site.position = points.get(site.finess.as_str()).copied();
                    records.put(Record::Structure(Box::new(site)))?;
                    sites += 1;
                }
                None => bad += 1,
            }
            if sites.is_multiple_of(10_000) {
                progress(total * sites / (sites + bad).max(1));
            }
        }
        if sites == 0 || bad > 10 && bad * 1000 > sites {
            return Err(PullError::new(
                "finess.too-many-bad-rows",
                format!("{bad} lignes illisibles pour {sites} lisibles"),
                "l'annuaire en service reste ; vérifier le fichier",
            ));
        }
        if bad > 0 {
            intake
                .remarks
                .push(Remark::new("finess.bad-rows", format!("{bad} lignes illisibles, laissées de côté")));
        }
        intake.rows.insert("structureet".into(), sites);
        Ok(intake)
    }
}

fn points(text: &str) -> HashMap<&str, Position> {
    let point = |line: &'_ str| {
        let mut fields = line.split(';').skip(1);
        let (finess, x, y) = (fields.next()?, fields.next()?, fields.next()?);
        // Some(…) only where a point can be told: overseas grids cannot.
        Some((finess.to_owned(), position(x, y, "", "", false)?))
    };
    let mut points = HashMap::new();
    for line in text.lines().filter(|line| line.starts_with("geolocalisation")) {
        if let Some((finess, place)) = point(line)
            && let Some(at) = line.find(&finess)
        {
            points.insert(&line[at..at + finess.len()], place);
        }
    }
    points
}

/// Fields of a line; a separator between quotes is none.
fn split(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ';' if !quoted => fields.push(String::new()),
            c => {
                if let Some(field) = fields.last_mut() {
                    field.push(c);
                }
            }
        }
    }
    fields
}

/// Source: annuaires.md §4.5, 32 fields.
fn site(fields: &[String]) -> Option<Structure> {
    let get = |number: usize| fields.get(number - 1).map_or("", |field| field.trim()).to_owned();
    if fields.len() != 32 || get(2).is_empty() {
        return None;
    }
    let routing = get(16);
    let postcode: String = routing.chars().take_while(char::is_ascii_digit).collect();
    let (name, long) = (get(4), get(5));
    Some(Structure {
        finess: get(2),
        finess_legal: get(3),
        siret: get(23),
        brand: if long == name { String::new() } else { long },
        name,
        category: Coded::new(get(19), get(20)),
        address: PostalAddress {
            recipient: get(6),
            point: get(7),
            number: [get(8), get(11)].join(" ").trim().to_owned(),
            street_type: get(9),
            street: get(10),
            place: get(12),
            commune: cog_of_archive(&get(14), &get(13)),
            commune_name: routing.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').to_owned(),
            postcode,
            routing,
            country: String::new(),
        },
        phones: [get(17)].into_iter().filter(|phone| !phone.is_empty()).collect(),
        fax: get(18),
        opened: get(29).parse().ok(),
        ..Structure::default()
    })
}
