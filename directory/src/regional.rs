//! The regional directory of MSSanté correspondents (socle 5): an edition, written from the snapshots in use.
//! In: a store, departments, the edition before. Out: CSV, FHIR R4 bundle, printable HTML, what changed, manifest.
//! The same snapshots give the same bytes. Source: annuaires.md §11 (no official layout is published: it is our proposal).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Write as _,
    path::Path,
};

use jiff::civil::Date;
use jonction_model::directory::{Holder, Mailbox, MailboxKind, Sourced, Structure};
use jonction_ports::Directory as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Store, error::Error};

/// Departments of a region (INSEE code), as of 2016.
pub const REGIONS: &[(&str, &str, &[&str])] = &[
    ("84", "Auvergne-Rhône-Alpes", &["01", "03", "07", "15", "26", "38", "42", "43", "63", "69", "73", "74"]),
    ("27", "Bourgogne-Franche-Comté", &["21", "25", "39", "58", "70", "71", "89", "90"]),
    ("53", "Bretagne", &["22", "29", "35", "56"]),
    ("24", "Centre-Val de Loire", &["18", "28", "36", "37", "41", "45"]),
    ("94", "Corse", &["2A", "2B"]),
    ("44", "Grand Est", &["08", "10", "51", "52", "54", "55", "57", "67", "68", "88"]),
    ("32", "Hauts-de-France", &["02", "59", "60", "62", "80"]),
    ("11", "Île-de-France", &["75", "77", "78", "91", "92", "93", "94", "95"]),
    ("28", "Normandie", &["14", "27", "50", "61", "76"]),
    ("75", "Nouvelle-Aquitaine", &["16", "17", "19", "23", "24", "33", "40", "47", "64", "79", "86", "87"]),
    ("76", "Occitanie", &["09", "11", "12", "30", "31", "32", "34", "46", "48", "65", "66", "81", "82"]),
    ("52", "Pays de la Loire", &["44", "49", "53", "72", "85"]),
    ("93", "Provence-Alpes-Côte d'Azur", &["04", "05", "06", "13", "83", "84"]),
    ("01", "Guadeloupe", &["971"]),
    ("02", "Martinique", &["972"]),
    ("03", "Guyane", &["973"]),
    ("04", "La Réunion", &["974"]),
    ("06", "Mayotte", &["976"]),
];

/// The region of a department.
pub fn region_of(department: &str) -> Option<&'static str> {
    REGIONS.iter().find(|(_, _, departments)| departments.contains(&department)).map(|(code, _, _)| *code)
}

/// Columns of the CSV.
const COLUMNS: [&str; 18] = [
    "type_bal",
    "adresse_mss",
    "id_nat_pp",
    "nom",
    "prenom",
    "code_profession",
    "code_savoir_faire",
    "id_nat_structure",
    "finess_ej",
    "raison_sociale",
    "service",
    "code_postal",
    "code_commune",
    "code_departement",
    "dematerialisation",
    "source",
    "date_constat",
    "statut",
];

/// What is written.
pub struct Edition<'e> {
    /// Name of the territory, for titles.
    pub territory: String,
    /// Its departments.
    pub departments: BTreeSet<String>,
    /// Day of the edition.
    pub day: Date,
    /// Folder of the edition before, to say what changed.
    pub previous: Option<&'e Path>,
}

/// What was written.
#[derive(Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The territory.
    pub territory: String,
    /// Day of the edition; it is meant for six months.
    pub day: Date,
    /// Day of the edition before.
    pub previous: Option<Date>,
    /// Lines by kind of mailbox.
    pub lines: BTreeMap<String, u64>,
    /// Mailboxes whose place is not known anywhere: in no edition.
    pub unplaced: u64,
    /// Lines new since the edition before.
    pub added: u64,
    /// Lines gone since.
    pub removed: u64,
    /// Open structures of the territory with a FINESS, and those with a mailbox of their own.
    pub structures: u64,
    /// Among them.
    pub structures_with_mailbox: u64,
    /// Snapshots it was made from: source, name, date.
    pub sources: Vec<[String; 3]>,
}

type Line = [String; 18];

/// Writes an edition into a folder: `correspondants.csv`, `correspondants.json`, `correspondants.html`, `delta.csv`,
/// `manifest.json`.
pub fn export(store: &Store, edition: &Edition<'_>, folder: &Path) -> Result<Manifest, Error> {
    let (lines, unplaced) = lines(store, edition)?;
    let before = match edition.previous {
        Some(folder) => read_lines(&folder.join("correspondants.csv"))?,
        None => BTreeSet::new(),
    };
    let now: BTreeSet<String> = lines.iter().map(csv).collect();
    let (added, removed): (Vec<&String>, Vec<&String>) = if edition.previous.is_some() {
        (now.difference(&before).collect(), before.difference(&now).collect())
    } else {
        Default::default()
    };
    let mut counts = BTreeMap::new();
    for line in &lines {
        *counts.entry(line[0].clone()).or_default() += 1;
    }
    let (structures, structures_with_mailbox) = coverage(store, edition, &lines)?;
    let manifest = Manifest {
        territory: edition.territory.clone(),
        day: edition.day,
        previous: edition.previous.and_then(previous_day),
        lines: counts,
        unplaced,
        added: added.len() as u64,
        removed: removed.len() as u64,
        structures,
        structures_with_mailbox,
        sources: store
            .states()
            .into_iter()
            .map(|state| [state.source.to_string(), state.snapshot, state.date.to_string()])
            .collect(),
    };
    fs::create_dir_all(folder)?;
    let header = format!("{}\n", COLUMNS.join(";"));
    let table = |rows: &mut dyn Iterator<Item = String>| {
        header.clone() + &rows.map(|row| row + "\n").collect::<String>()
    };
    write(&folder.join("correspondants.csv"), &table(&mut lines.iter().map(csv)))?;
    let changes =
        added.iter().map(|row| format!("+;{row}\n")).chain(removed.iter().map(|row| format!("-;{row}\n")));
    write(&folder.join("delta.csv"), &format!("sens;{header}{}", changes.collect::<String>()))?;
    write(
        &folder.join("correspondants.json"),
        &serde_json::to_string_pretty(&bundle(&lines)).map_err(std::io::Error::from)?,
    )?;
    write(&folder.join("correspondants.html"), &page(&manifest, &lines))?;
    write(
        &folder.join("manifest.json"),
        &serde_json::to_string_pretty(&manifest).map_err(std::io::Error::from)?,
    )?;
    Ok(manifest)
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    Ok(file.sync_all()?)
}

fn previous_day(folder: &Path) -> Option<Date> {
    let manifest: Manifest = serde_json::from_slice(&fs::read(folder.join("manifest.json")).ok()?).ok()?;
    Some(manifest.day)
}

fn read_lines(path: &Path) -> Result<BTreeSet<String>, Error> {
    Ok(fs::read_to_string(path)?.lines().skip(1).map(str::to_owned).collect())
}

/// One line for each mailbox and holder of the territory, in the order of addresses, then holders.
fn lines(store: &Store, edition: &Edition<'_>) -> Result<(Vec<Line>, u64), Error> {
    let mut found: Vec<Line> = Vec::new();
    let mut unplaced = 0;
    let mut boxes = Vec::new();
    store.each_mailbox(|mailbox| {
        boxes.push(mailbox);
        Ok(())
    })?;
    for mailbox in boxes.iter().filter(|mailbox| mailbox.record.ended.is_none()) {
        for holder in &mailbox.record.holders {
            // The register of structures knows better than the file of mailboxes, and knows what is closed.
            let known = holder.structure.as_ref().and_then(|id| store.structure(id).ok().flatten());
            if known.as_ref().is_some_and(|site| !site.record.is_open(edition.day)) {
                continue;
            }
            let site = known
                .map(|known| known.record)
                .or_else(|| holder.site.as_deref().cloned())
                .unwrap_or_default();
            match site.address.department() {
                "" => unplaced += 1,
                department if edition.departments.contains(department) => {
                    found.push(line(mailbox, holder, &site))
                }
                _ => {}
            }
        }
    }
    found.sort();
    found.dedup();
    Ok((found, unplaced))
}

fn line(mailbox: &Sourced<Mailbox>, holder: &Holder, site: &Structure) -> Line {
    let text = |text: &str| text.to_owned();
    [
        text(mailbox.record.kind.code()),
        mailbox.record.address.to_ascii_lowercase(),
        holder.person.as_ref().map(|id| text(id.as_str())).unwrap_or_default(),
        text(&holder.family),
        text(&holder.given),
        text(&holder.profession.code),
        text(&holder.skill.code),
        holder.structure.as_ref().map(|id| text(id.as_str())).unwrap_or_default(),
        text(&site.finess_legal),
        text(site.label()),
        text(&holder.service),
        text(&site.address.postcode),
        text(&site.address.commune),
        text(site.address.department()),
        match mailbox.record.paperless {
            Some(true) => "O".into(),
            Some(false) => "N".into(),
            None => String::new(),
        },
        mailbox.source.to_string(),
        mailbox.date.to_string(),
        text("actif"),
    ]
}

/// RFC 4180 with `;`; a cell a spreadsheet would take for a formula is neutralised.
fn csv(line: &Line) -> String {
    let cell = |text: &String| {
        let safe = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.clone() };
        let safe = safe.replace(['\r', '\n'], " ");
        if safe.contains([';', '"']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
    };
    line.iter().map(cell).collect::<Vec<_>>().join(";")
}

/// Open establishments of the territory, and those that have a mailbox of their own.
fn coverage(store: &Store, edition: &Edition<'_>, lines: &[Line]) -> Result<(u64, u64), Error> {
    let with: BTreeSet<&str> =
        lines.iter().filter(|line| line[0] == MailboxKind::Org.code()).map(|line| line[7].as_str()).collect();
    let (mut all, mut covered) = (0, 0);
    store.each_structure(|found| {
        let site = &found.record;
        let counted = !site.legal
            && !site.finess.is_empty()
            && site.is_open(edition.day)
            && edition.departments.contains(site.address.department());
        if counted {
            all += 1;
            covered += u64::from(site.national_id().is_some_and(|id| with.contains(id.as_str())));
        }
        Ok(())
    })?;
    Ok((all, covered))
}

/// A FHIR R4 collection: a Practitioner or an Organization for each holder, its mailboxes in `telecom`.
fn bundle(lines: &[Line]) -> Value {
    let mut resources: BTreeMap<(&str, &str), Value> = BTreeMap::new();
    for line in lines {
        let personal = !line[2].is_empty();
        let (kind, id) =
            if personal { ("Practitioner", line[2].as_str()) } else { ("Organization", line[7].as_str()) };
        let resource = resources.entry((kind, id)).or_insert_with(|| {
            let system = if personal { "urn:oid:1.2.250.1.71.4.2.1" } else { "urn:oid:1.2.250.1.71.4.2.2" };
            let mut resource = json!({ "resourceType": kind, "identifier": [{ "system": system, "value": id }], "active": true, "telecom": [] });
            if personal {
                resource["name"] = json!([{ "family": line[3], "given": [line[4]] }]);
            } else {
                resource["name"] = json!(line[9]);
            }
            resource
        });
        let telecom = json!({
            "system": "email", "value": line[1],
            "extension": [{
                "url": "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-contact-point-email-type",
                "valueCoding": { "system": "https://mos.esante.gouv.fr/NOS/TRE_R256-TypeMessagerie/FHIR/TRE-R256-TypeMessagerie", "code": "MSSANTE" },
            }],
        });
        if let Some(list) = resource["telecom"].as_array_mut()
            && !list.iter().any(|known| known["value"] == telecom["value"])
        {
            list.push(telecom);
        }
    }
    let entries: Vec<Value> =
        resources.into_values().map(|resource| json!({ "resource": resource })).collect();
    json!({ "resourceType": "Bundle", "type": "collection", "entry": entries })
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// One page to print: title, figures, table. No script, nothing from elsewhere.
fn page(manifest: &Manifest, lines: &[Line]) -> String {
    let day = manifest.day.strftime("%d/%m/%Y");
    let rows: String = lines
        .iter()
        .map(|line| {
            let who = [&line[4], &line[3], &line[10]].map(|part| escape(part)).join(" ");
            format!(
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{} {}</td></tr>\n",
                who.trim(),
                escape(&line[1]),
                escape(&line[9]),
                escape(&line[11]),
                escape(&line[13])
            )
        })
        .collect();
    let change = match manifest.previous {
        Some(before) => format!(
            "Depuis l'édition du {} : {} lignes nouvelles, {} disparues.",
            before.strftime("%d/%m/%Y"),
            manifest.added,
            manifest.removed
        ),
        None => "Première édition.".to_owned(),
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"fr\"><head><meta charset=\"utf-8\"><title>Correspondants MSSanté : {title}</title>\n\
         <style>body{{font:10pt sans-serif;margin:1.5cm}}table{{border-collapse:collapse;width:100%}}\
         td,th{{border-bottom:1px solid #999;text-align:left;padding:2pt 4pt}}thead{{display:table-header-group}}</style></head>\n\
         <body><h1>Correspondants MSSanté : {title}</h1>\n<p>Édition du {day}, à renouveler dans les six mois. {change} \
         Établissements ouverts ayant une boîte : {with} sur {all}.</p>\n\
         <table><thead><tr><th scope=\"col\">Qui</th><th scope=\"col\">Adresse</th><th scope=\"col\">Structure</th>\
         <th scope=\"col\">Où</th></tr></thead><tbody>\n{rows}</tbody></table></body></html>\n",
        title = escape(&manifest.territory),
        with = manifest.structures_with_mailbox,
        all = manifest.structures,
    )
}
