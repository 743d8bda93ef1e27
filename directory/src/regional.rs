//! The regional directory of MSSanté correspondents (socle 5): an edition, written from the snapshots in use.
//! In: a store, departments, the edition before. Out: CSV, FHIR R4 (Bundle, NDJSON), printable HTML, what changed, manifest.
//! The same snapshots give the same bytes. Source: annuaires.md §11 (no official layout is published: it is our proposal).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Write as _,
    path::Path,
};

use jiff::civil::Date;
use jonction_model::{
    BodyId, PersonId,
    clock::paris,
    directory::{Holder, Mailbox, MailboxKind, Practice, Source, Sourced, Structure},
};
use jonction_ports::{Directory as _, directory::SourceState};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Store, error::Error, gaps};

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

/// Statuses of a line: its domain may be written to, or is not in the liste blanche.
const ACTIVE: &str = "actif";
const TO_VERIFY: &str = "à vérifier";
/// Their column.
const STATUS: usize = COLUMNS.len() - 1;

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
    /// Day of the edition.
    pub day: Date,
    /// Until when it is meant: six months.
    pub valid_until: Date,
    /// Days since the oldest of its sources was made.
    pub age_days: i64,
    /// Day of the edition before.
    pub previous: Option<Date>,
    /// Lines by kind of mailbox.
    pub lines: BTreeMap<String, u64>,
    /// Lines whose domain is not in the liste blanche.
    #[serde(default)]
    pub to_verify: u64,
    /// Mailboxes whose place is not known anywhere: in no edition.
    pub unplaced: u64,
    /// Lines new since the edition before.
    pub added: u64,
    /// Lines gone since.
    pub removed: u64,
    /// Lines of the same mailbox and holder that say something else.
    pub changed: u64,
    /// Open structures of the territory with a FINESS, and those with a mailbox of their own.
    pub structures: u64,
    /// Among them.
    pub structures_with_mailbox: u64,
    /// Professionals who practise there, and those who read a mailbox, by code of profession.
    pub professions: BTreeMap<String, Covered>,
    /// Snapshots it was made from.
    pub sources: Vec<MadeFrom>,
    /// What was written, by name.
    pub files: BTreeMap<String, Proof>,
}

/// How many of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// All of them.
    pub all: u64,
    /// Those who read a mailbox.
    pub with_mailbox: u64,
}

/// A snapshot an edition was made from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MadeFrom {
    /// Its source.
    pub source: String,
    /// Its name.
    pub snapshot: String,
    /// When its source made it.
    pub date: jiff::Timestamp,
    /// SHA-256 of what was read; empty when changes were applied since.
    pub sha256: String,
}

/// A file of an edition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Proof {
    /// SHA-256, in hexadecimal.
    pub sha256: String,
    /// Bytes.
    pub bytes: u64,
}

impl Manifest {
    /// Professionals of the territory, all professions together.
    pub fn professionals(&self) -> Covered {
        self.professions.values().fold(Covered::default(), |sum, one| Covered {
            all: sum.all + one.all,
            with_mailbox: sum.with_mailbox + one.with_mailbox,
        })
    }
}

type Line = [String; 18];

/// Writes an edition into a folder: `correspondants.csv`, `.json` (Bundle), `.ndjson` (a resource a line), `.html`,
/// `delta.csv`, `manifest.json`.
pub fn export(store: &Store, edition: &Edition<'_>, folder: &Path) -> Result<Manifest, Error> {
    let (lines, unplaced) = lines(store, edition)?;
    let before = match edition.previous {
        Some(folder) => read_lines(&folder.join("correspondants.csv"))?,
        None => BTreeSet::new(),
    };
    let now: BTreeSet<String> = lines.iter().map(csv).collect();
    let delta = if edition.previous.is_some() { delta(&before, &now) } else { Vec::new() };
    let count = |sign: char| delta.iter().filter(|(own, _)| *own == sign).count() as u64;
    let mut counts = BTreeMap::new();
    for line in &lines {
        *counts.entry(line[0].clone()).or_default() += 1;
    }
    let (structures, structures_with_mailbox) = coverage(store, edition, &lines)?;
    let sources: Vec<MadeFrom> = store.states().into_iter().map(made_from).collect();
    let oldest = sources.iter().map(|from| from.date.to_zoned_datetime(paris()).date()).min();
    let mut manifest = Manifest {
        territory: edition.territory.clone(),
        day: edition.day,
        valid_until: edition.day.saturating_add(jiff::Span::new().months(6)),
        age_days: oldest.map_or(0, |day| edition.day.duration_since(day).as_hours() / 24),
        previous: edition.previous.and_then(previous_day),
        lines: counts,
        to_verify: lines.iter().filter(|line| line[STATUS] == TO_VERIFY).count() as u64,
        unplaced,
        added: count('+'),
        removed: count('-'),
        changed: count('~'),
        structures,
        structures_with_mailbox,
        professions: professions(store, edition)?,
        sources,
        files: BTreeMap::new(),
    };
    fs::create_dir_all(folder)?;
    let header = COLUMNS.join(";");
    let resources = resources(&lines);
    let each = |rows: &mut dyn Iterator<Item = String>| rows.map(|row| row + "\n").collect::<String>();
    let table = each(&mut std::iter::once(header.clone()).chain(lines.iter().map(csv)));
    let first = std::iter::once(format!("sens;{header}"));
    let changes = each(&mut first.chain(delta.iter().map(|(sign, row)| format!("{sign};{row}"))));
    let files = [
        ("correspondants.csv", table),
        ("delta.csv", changes),
        ("correspondants.json", json_text(&bundle(&resources, &manifest))?),
        ("correspondants.ndjson", each(&mut resources.iter().map(Value::to_string))),
        ("correspondants.html", page(&manifest, &lines)),
    ];
    for (name, text) in files {
        let proof = Proof { sha256: BodyId::of(text.as_bytes()).to_string(), bytes: text.len() as u64 };
        write(&folder.join(name), &text)?;
        manifest.files.insert(name.to_owned(), proof);
    }
    write(&folder.join("manifest.json"), &json_text(&manifest)?)?;
    Ok(manifest)
}

fn json_text(value: &impl Serialize) -> Result<String, Error> {
    Ok(serde_json::to_string_pretty(value).map_err(std::io::Error::from)?)
}

fn made_from(state: SourceState) -> MadeFrom {
    MadeFrom {
        source: state.source.to_string(),
        snapshot: state.snapshot,
        date: state.date,
        sha256: state.sha256,
    }
}

/// Lines that came (`+`), went (`-`), or say something else of the same mailbox and holder (`~`).
fn delta(before: &BTreeSet<String>, now: &BTreeSet<String>) -> Vec<(char, String)> {
    /// Address, person, structure. None of them holds a separator, whatever the others hold.
    fn key(row: &str) -> (String, String, String) {
        let fields = fields(row);
        let at = |number: usize| fields.get(number).cloned().unwrap_or_default();
        (at(1), at(2), at(7))
    }
    let gone: Vec<&String> = before.difference(now).collect();
    let keys: BTreeSet<_> = gone.iter().map(|row| key(row)).collect();
    let new: Vec<&String> = now.difference(before).collect();
    let renewed: BTreeSet<_> = new.iter().map(|row| key(row)).filter(|key| keys.contains(key)).collect();
    let came = new.into_iter().map(|row| (if renewed.contains(&key(row)) { '~' } else { '+' }, row.clone()));
    let went = gone.into_iter().filter(|row| !renewed.contains(&key(row))).map(|row| ('-', row.clone()));
    came.chain(went).collect()
}

/// Fields of a row of ours.
fn fields(row: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for c in row.chars() {
        match c {
            '"' => quoted = !quoted,
            ';' if !quoted => fields.push(String::new()),
            c => fields.last_mut().into_iter().for_each(|field| field.push(c)),
        }
    }
    fields
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
                .or_else(|| practised(store, holder.person.as_ref()?, edition))
                .unwrap_or_default();
            match site.address.department() {
                "" => unplaced += 1,
                department if edition.departments.contains(department) => {
                    let status = if is_listed(store, &mailbox.record.address)? { ACTIVE } else { TO_VERIFY };
                    found.push(line(mailbox, holder, &site, status))
                }
                _ => {}
            }
        }
    }
    found.sort();
    found.dedup();
    Ok((found, unplaced))
}

/// Whether the domain of an address is in the liste blanche; yes as long as no list was pulled.
fn is_listed(store: &Store, address: &str) -> Result<bool, Error> {
    let Some((_, domain)) = address.rsplit_once('@').filter(|_| store.is_pulled(Source::ListeBlanche)) else {
        return Ok(true);
    };
    store.lists(&domain.to_ascii_lowercase())
}

/// Where a person practises, in the territory if anywhere: a mailbox told without a place is used there.
fn practised(store: &Store, id: &PersonId, edition: &Edition<'_>) -> Option<Structure> {
    let person = store.professional(id).ok().flatten()?.record;
    let sites: Vec<Structure> =
        person.practices.into_iter().filter_map(|practice| practice.site.map(|site| *site)).collect();
    let inside = |site: &&Structure| edition.departments.contains(site.address.department());
    sites.iter().find(inside).or(sites.first()).cloned()
}

fn line(mailbox: &Sourced<Mailbox>, holder: &Holder, site: &Structure, status: &str) -> Line {
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
        text(status),
    ]
}

/// RFC 4180 with `;`; a cell a spreadsheet would take for a formula is neutralised.
fn csv(line: &Line) -> String {
    gaps::csv(line)
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

/// Professionals who practise in the territory, and those among them who read a mailbox, wherever it is used.
fn professions(store: &Store, edition: &Edition<'_>) -> Result<BTreeMap<String, Covered>, Error> {
    let reading = gaps::readers(store)?;
    let mut covered: BTreeMap<String, Covered> = BTreeMap::new();
    store.each_professional(|found| {
        let person = &found.record;
        let there = |practice: &&Practice| {
            practice.site.as_ref().is_some_and(|site| edition.departments.contains(site.address.department()))
        };
        if let Some(practice) = person.practices.iter().filter(|_| person.practises()).find(there) {
            let one = covered.entry(practice.profession.code.clone()).or_default();
            one.all += 1;
            one.with_mailbox += u64::from(reading.contains(&person.id));
        }
        Ok(())
    })?;
    Ok(covered)
}

/// A Practitioner or an Organization for each holder, its mailboxes in `telecom`. Source: annuaires.md §2.5.
fn resources(lines: &[Line]) -> Vec<Value> {
    let mut resources: BTreeMap<(&str, &str), Value> = BTreeMap::new();
    for line in lines {
        let personal = !line[2].is_empty();
        let (kind, id) =
            if personal { ("Practitioner", line[2].as_str()) } else { ("Organization", line[7].as_str()) };
        let resource = resources.entry((kind, id)).or_insert_with(|| {
            let system = if personal { "urn:oid:1.2.250.1.71.4.2.1" } else { "urn:oid:1.2.250.1.71.4.2.2" };
            let mut resource = json!({ "resourceType": kind, "active": true, "telecom": [] });
            // FHIR knows no empty text: what is not told is left out.
            if !id.is_empty() {
                resource["id"] = json!(id);
                resource["identifier"] = json!([{ "system": system, "value": id }]);
            }
            if personal {
                let mut name = json!({});
                if !line[3].is_empty() {
                    name["family"] = json!(line[3]);
                }
                if !line[4].is_empty() {
                    name["given"] = json!([line[4]]);
                }
                if name != json!({}) {
                    resource["name"] = json!([name]);
                }
            } else if !line[9].is_empty() {
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
    resources.into_values().collect()
}

/// A FHIR R4 collection, dated by its edition.
fn bundle(resources: &[Value], manifest: &Manifest) -> Value {
    let entries: Vec<Value> = resources.iter().map(|resource| json!({ "resource": resource })).collect();
    let mut bundle = json!({
        "resourceType": "Bundle", "type": "collection", "timestamp": format!("{}T00:00:00Z", manifest.day),
    });
    if !entries.is_empty() {
        bundle["entry"] = Value::Array(entries);
    }
    bundle
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
            "Depuis l'édition du {} : {} lignes nouvelles, {} disparues, {} modifiées.",
            before.strftime("%d/%m/%Y"),
            manifest.added,
            manifest.removed,
            manifest.changed
        ),
        None => "Première édition.".to_owned(),
    };
    let sources: Vec<String> = manifest
        .sources
        .iter()
        .map(|from| {
            format!(
                "{} du {}",
                escape(&from.source),
                from.date.to_zoned_datetime(paris()).strftime("%d/%m/%Y")
            )
        })
        .collect();
    let people = manifest.professionals();
    format!(
        "<!DOCTYPE html>\n<html lang=\"fr\"><head><meta charset=\"utf-8\"><title>Correspondants MSSanté : {title}</title>\n\
         <style>body{{font:10pt sans-serif;margin:1.5cm}}table{{border-collapse:collapse;width:100%}}\
         td,th{{border-bottom:1px solid #999;text-align:left;padding:2pt 4pt}}thead{{display:table-header-group}}</style></head>\n\
         <body><h1>Correspondants MSSanté : {title}</h1>\n<p>Édition du {day}, valable jusqu'au {until}. {change}</p>\n\
         <p>Établissements ouverts ayant une boîte : {with} sur {all}. Professionnels lisant une boîte : {reading} sur {people}. \
         Sources : {sources} ; la plus ancienne avait {age} j.</p>\n\
         <table><thead><tr><th scope=\"col\">Qui</th><th scope=\"col\">Adresse</th><th scope=\"col\">Structure</th>\
         <th scope=\"col\">Où</th></tr></thead><tbody>\n{rows}</tbody></table></body></html>\n",
        title = escape(&manifest.territory),
        until = manifest.valid_until.strftime("%d/%m/%Y"),
        with = manifest.structures_with_mailbox,
        all = manifest.structures,
        reading = people.with_mailbox,
        people = people.all,
        sources = sources.join(", "),
        age = manifest.age_days,
    )
}
