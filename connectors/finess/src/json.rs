//! FINESS+ `structures`: one JSON object of hundreds of megabytes, read entity by entity.
//! In: a file, gzip or plain. Out: legal entities and sites. Keys are compared without case or underscore, codes may be
//! texts or objects: the published files did both. Source: annuaires.md §4.3, §4.4.

use std::{
    collections::HashSet,
    fmt,
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{Context, SHA256};
use flate2::read::MultiGzDecoder;
use jiff::{Timestamp, civil::Date};
use jonction_model::directory::{Coded, PostalAddress, Record, Source, Structure};
use jonction_ports::{
    PullError,
    directory::Records,
    pull::{Facts, Intake, Remark, Snapshot},
};
use serde::{
    Deserializer as _,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::{activities::codes, node::Node, place::position};

/// Unpacked bytes at most: the real file unpacks to about half of that.
const UNPACKED_BYTES_MAX: u64 = 4 << 30;
/// The major version of the layout this reader knows.
const SCHEMA: &str = "v1";

/// A file on disk, perhaps with that of the activities.
pub struct JsonSnapshot {
    path: PathBuf,
    activities: Option<PathBuf>,
    facts: Facts,
}

impl JsonSnapshot {
    /// A file named `finess-structures-journalier-AAAAMMJJ.json.gz`, or `.json`.
    pub fn open(path: PathBuf, name: String) -> Result<Self, PullError> {
        let date = stamp(&name).ok_or_else(|| {
            PullError::new(
                "finess.no-date",
                format!("le nom « {name} » ne porte pas de date (AAAAMMJJ)"),
                "garder le nom publié : c'est lui qui date le fichier",
            )
        })?;
        let bytes = fs::metadata(&path).map_err(|error| unreadable(&error))?.len();
        Ok(Self { path, activities: None, facts: Facts { name, date, bytes } })
    }

    /// Reads the activities of these structures too.
    pub fn with_activities(mut self, path: PathBuf) -> Result<Self, PullError> {
        self.facts.bytes += fs::metadata(&path).map_err(|error| unreadable(&error))?.len();
        self.activities = Some(path);
        Ok(self)
    }
}

/// Day of a name, at the hour FINESS+ is generated.
pub(crate) fn stamp(name: &str) -> Option<Timestamp> {
    let digits = name
        .split(['-', '_', '.'])
        .find(|part| part.len() == 8 && part.bytes().all(|b| b.is_ascii_digit()))?;
    let part = |from: usize, to: usize| digits[from..to].parse::<i8>().ok();
    let day = Date::new(digits[..4].parse().ok()?, part(4, 6)?, part(6, 8)?).ok()?;
    jonction_model::clock::paris().to_timestamp(day.at(3, 0, 0, 0)).ok()
}

impl Snapshot for JsonSnapshot {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(
        &mut self,
        records: &mut dyn Records,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Intake, PullError> {
        let mut hash = Context::new(&SHA256);
        let mut bytes = 0;
        let mut told = Told::default();
        let mut reading = Reading { records, told: &mut told, hash: &mut hash, bytes: &mut bytes, progress };
        reading.file(&self.path, structures)?;
        if let Some(path) = &self.activities {
            reading.file(path, activities)?;
        }
        let mut intake = Intake { bytes, ..Intake::default() };
        intake.sha256 = jonction_model::hex(hash.finish().as_ref());
        intake.rows.insert("pmej".into(), told.entities);
        intake.rows.insert("ege".into(), told.sites);
        if told.unnumbered > 0 {
            let sentence = format!("{} entités sans numéro FINESS, laissées de côté", told.unnumbered);
            intake.remarks.push(Remark::new("finess.unnumbered", sentence));
        }
        if told.unplaced > 0 {
            let sentence = format!("{} établissements sans coordonnées utilisables", told.unplaced);
            intake.remarks.push(Remark::new("finess.unplaced", sentence));
        }
        if told.unknown > 0 {
            let sentence = format!(
                "{} établissements du fichier des activités ne sont pas dans celui des structures, laissés de côté",
                told.unknown
            );
            intake.remarks.push(Remark::new("finess.unknown-site", sentence));
        }
        if self.activities.is_some() {
            intake.rows.insert("activites".into(), told.activities);
        }
        Ok(intake)
    }
}

/// What one entity of a file says.
type Entity = fn(&Node<'_>, &mut Told) -> Vec<Structure>;

/// The files of a snapshot, one after the other.
struct Reading<'r> {
    records: &'r mut dyn Records,
    told: &'r mut Told,
    hash: &'r mut Context,
    bytes: &'r mut u64,
    progress: &'r mut dyn FnMut(u64),
}

impl Reading<'_> {
    fn file(&mut self, path: &Path, entity: Entity) -> Result<(), PullError> {
        let file = File::open(path).map_err(|error| unreadable(&error))?;
        let counted = Counted {
            input: opened(path, file)?,
            hash: self.hash,
            bytes: self.bytes,
            progress: self.progress,
        };
        (self.told.version, self.told.sites_of_file) = (None, 0);
        let mut failed = None;
        let root = Root { records: self.records, told: self.told, failed: &mut failed, entity };
        let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(256 << 10, counted));
        let read = json.deserialize_map(root).and_then(|()| json.end());
        if let Some(error) = failed {
            return Err(error);
        }
        read.map_err(|error| not_json(&error))?;
        if self.told.sites_of_file == 0 {
            return Err(refused("il ne contient aucun établissement"));
        }
        if self.told.version.is_none() {
            return Err(refused("il ne dit pas sa version (schemaVersion)"));
        }
        Ok(())
    }
}

fn opened(path: &Path, mut file: File) -> Result<Box<dyn Read>, PullError> {
    let mut start = [0; 2];
    let gzip = file.read_exact(&mut start).is_ok() && start == [0x1f, 0x8b];
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    Ok(if gzip {
        Box::new(MultiGzDecoder::new(BufReader::new(file)).take(UNPACKED_BYTES_MAX))
    } else {
        Box::new(file.take(UNPACKED_BYTES_MAX))
    })
}

struct Counted<'c, R> {
    input: R,
    hash: &'c mut Context,
    bytes: &'c mut u64,
    progress: &'c mut dyn FnMut(u64),
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.hash.update(&buffer[..count]);
        *self.bytes += count as u64;
        (self.progress)(*self.bytes);
        Ok(count)
    }
}

#[derive(Default)]
struct Told {
    /// Of the file being read.
    version: Option<String>,
    sites_of_file: u64,
    entities: u64,
    sites: u64,
    /// FINESS of every site of the structures.
    known: HashSet<Box<str>>,
    activities: u64,
    unknown: u64,
    unnumbered: u64,
    unplaced: u64,
}

/// The root object: its version first judged, its entities given one by one.
struct Root<'r> {
    records: &'r mut dyn Records,
    told: &'r mut Told,
    failed: &'r mut Option<PullError>,
    entity: Entity,
}

impl<'de> Visitor<'de> for Root<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the FINESS+ object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { records, told, failed, entity } = self;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "schemaVersion" => {
                    let version: String = map.next_value()?;
                    if version.split('.').next() != Some(SCHEMA) {
                        *failed = Some(refused(&format!(
                            "il est de la version {}, cette version de Jonction lit {SCHEMA}",
                            version.chars().take(20).collect::<String>()
                        )));
                        return Err(serde::de::Error::custom("schema"));
                    }
                    told.version = Some(version);
                }
                "pmej" => {
                    map.next_value_seed(Entities {
                        records: &mut *records,
                        told: &mut *told,
                        failed: &mut *failed,
                        entity,
                    })?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

struct Entities<'e> {
    records: &'e mut dyn Records,
    told: &'e mut Told,
    failed: &'e mut Option<PullError>,
    entity: Entity,
}

impl<'de> DeserializeSeed<'de> for Entities<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entities<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of legal entities")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        // One entity with its sites at a time: the largest has a few thousand.
        while let Some(entity) = list.next_element::<Map<String, Value>>()? {
            for structure in (self.entity)(&Node(&entity), self.told) {
                if let Err(error) = self.records.put(Record::Structure(Box::new(structure))) {
                    *self.failed = Some(error.into());
                    return Err(serde::de::Error::custom("store"));
                }
            }
        }
        Ok(())
    }
}

/// A legal entity and its sites.
fn structures(entity: &Node<'_>, told: &mut Told) -> Vec<Structure> {
    let mut found = Vec::new();
    let Some(general) = entity.child("informationsGeneralesPMEJ") else {
        told.unnumbered += 1;
        return found;
    };
    let (finess_legal, siren) = (general.text("numFinessPm"), general.text("siren"));
    told.entities += 1;
    if finess_legal.is_empty() {
        told.unnumbered += 1;
    } else {
        let (address, place) = place(entity);
        found.push(Structure {
            legal: true,
            finess_legal: finess_legal.clone(),
            siren: siren.clone(),
            name: general.text("denominationPm"),
            brand: other(general.text("denominationLonguePmSmsse"), &general.text("denominationPm")),
            phones: phones(entity),
            address,
            position: place,
            opened: general.date("dateCreation"),
            closed: general.date("dateFermeture"),
            inactive: entity.text("etatObjet") == "I",
            ..Structure::default()
        });
    }
    for site in entity.children("ege") {
        told.sites += 1;
        told.sites_of_file += 1;
        let Some(general) = site.child("informationsGeneralesEGE") else {
            told.unnumbered += 1;
            continue;
        };
        let finess = general.text("numFinessEge");
        if finess.is_empty() {
            told.unnumbered += 1;
            continue;
        }
        told.known.insert(finess.as_str().into());
        let (address, place) = place(&site);
        told.unplaced += u64::from(place.is_none());
        found.push(Structure {
            finess,
            finess_legal: finess_legal.clone(),
            siret: general.text("siret"),
            siren: siren.clone(),
            name: general.text("nomEgeCourt"),
            brand: other(general.text("nomEgeLong"), &general.text("nomEgeCourt")),
            // Labels are in the national tables, not in this file.
            category: Coded::new(site.text("categorieentiteGeographiqueExercice"), ""),
            phones: phones(&site),
            address,
            position: place,
            opened: general.date("dateOuverture"),
            closed: general.date("dateFermeture"),
            inactive: site.text("etatObjet") == "I",
            ..Structure::default()
        });
    }
    found
}

/// What the sites of an entity do, each as a part of its structure.
fn activities(entity: &Node<'_>, told: &mut Told) -> Vec<Structure> {
    let mut found = Vec::new();
    for site in entity.children("ege") {
        told.sites_of_file += 1;
        let finess = site.text("numFinessEge");
        if !told.known.contains(finess.as_str()) {
            told.unknown += 1;
            continue;
        }
        let activities = codes(&site);
        told.activities += activities.len() as u64;
        if !activities.is_empty() {
            found.push(Structure { finess, activities, ..Structure::default() });
        }
    }
    found
}

/// A second name, when it says something else.
fn other(long: String, short: &str) -> String {
    if long == short { String::new() } else { long }
}

/// Two numbers may share a field: `0690…/0590…`.
fn phones(node: &Node<'_>) -> Vec<String> {
    let mut phones = Vec::new();
    for contact in node.children("contact") {
        let Some(telecom) = contact.child("telecom") else { continue };
        for phone in telecom.text("telephone").split('/').map(str::trim).filter(|phone| !phone.is_empty()) {
            if !phones.iter().any(|known| known == phone) {
                phones.push(phone.to_owned());
            }
        }
    }
    phones
}

/// The geographic address (`03`), else the seat (`02`), else the first: their order says nothing.
fn place(node: &Node<'_>) -> (PostalAddress, Option<jonction_model::directory::Position>) {
    let addresses = node.children("adresse");
    let of_use = |wanted: &str| addresses.iter().find(|address| address.text("usageAdresse") == wanted);
    let Some(address) = of_use("03").or_else(|| of_use("02")).or_else(|| addresses.first()) else {
        return (PostalAddress::default(), None);
    };
    let town = address.text("ligneAcheminement");
    let postal = PostalAddress {
        recipient: String::new(),
        point: address.text("complementPointGeographique"),
        number: [address.text("numeroVoie"), address.text("complementVoie")].join(" ").trim().to_owned(),
        street_type: address.text("typeVoie"),
        street: address.text("libelleVoie"),
        place: address.text("lieuDit"),
        routing: String::new(),
        postcode: address.text("codePostal"),
        commune: address.text("cogCommune"),
        commune_name: town,
        country: String::new(),
    };
    let point = address.child("coordonneesGeographique").and_then(|at| {
        // A key without `_` is that of a commune, not of a street.
        let commune_only = !at.text("cleInInteropBAN").contains('_');
        let text = |key: &str| at.text(key);
        position(
            &text("coordonneeX"),
            &text("coordonneeY"),
            &text("directionLatitude"),
            &text("directionLongitude"),
            commune_only,
        )
    });
    (postal, point)
}

fn refused(why: &str) -> PullError {
    PullError::new(
        "finess.layout",
        format!("le fichier FINESS+ n'est pas accepté : {why}"),
        "l'annuaire en service reste ; mettre à jour Jonction si la présentation a changé",
    )
}

fn not_json(error: &serde_json::Error) -> PullError {
    let why = if error.is_eof() || error.is_io() {
        "il est coupé ou abîmé"
    } else {
        "ce n'est pas le JSON attendu"
    };
    PullError::new(
        "finess.truncated",
        format!(
            "le fichier FINESS+ n'est pas accepté : {why} (ligne {}, colonne {})",
            error.line(),
            error.column()
        ),
        "l'annuaire en service reste ; le fichier sera repris au prochain passage",
    )
}

fn unreadable(error: &io::Error) -> PullError {
    PullError::new(
        "finess.file",
        format!("le fichier ne se lit pas ({})", error.kind()),
        "vérifier qu'il existe et ses droits",
    )
}

/// The source of what this crate reads.
pub(crate) const SOURCE: Source = Source::Finess;
