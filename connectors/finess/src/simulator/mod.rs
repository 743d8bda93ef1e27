//! data.gouv.fr, simulated: the dataset and the daily file of made-up structures, in both layouts of coordinates.
//! In: [`Settings`]. Out: a running server, told to misbehave by name. Source: annuaires.md §9.1, §9.2 « FINESS ».

mod activities;

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use flate2::{Compression, write::GzEncoder};
use jonction_model::{Clock, clock::paris};
use jonction_net::ServerTls;
use jonction_simkit::{FaultPlan, FaultRow, FaultTable, PlanError};
use jonction_web::{
    Reply, Server,
    server::{Arrived, Handler},
};
use serde_json::{Value, json};

const DATASET: &str = "/api/1/datasets/finess-structures-1/";
const ACTIVITIES: &str = "/api/1/datasets/finess-activites-1/";

/// What the simulator may do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The dataset announces another SHA-1.
    Sha1,
    /// Half of the file, announced as whole.
    Truncated,
    /// A version nobody knows yet.
    SchemaV2,
    /// The spelling of December 2025.
    OldSpelling,
    /// Six entities in ten are missing.
    Shrunk,
    /// 503.
    Unavailable,
    /// No daily file in the dataset.
    NoDaily,
    /// Half of the file of the activities, announced as whole.
    ActivitiesTruncated,
}

/// Every fault.
pub const FAULTS: FaultTable<Fault> = &[
    FaultRow { name: "sha1", summary: "empreinte publiée fausse", fault: Fault::Sha1 },
    FaultRow { name: "truncated", summary: "fichier coupé, donné pour entier", fault: Fault::Truncated },
    FaultRow { name: "schema-v2", summary: "schemaVersion v2", fault: Fault::SchemaV2 },
    FaultRow { name: "old-spelling", summary: "orthographe de décembre 2025", fault: Fault::OldSpelling },
    FaultRow { name: "shrunk", summary: "six entités sur dix manquent", fault: Fault::Shrunk },
    FaultRow { name: "http-503", summary: "répond 503", fault: Fault::Unavailable },
    FaultRow { name: "no-daily", summary: "aucun fichier journalier", fault: Fault::NoDaily },
    FaultRow {
        name: "activities-truncated",
        summary: "fichier des activités coupé, donné pour entier",
        fault: Fault::ActivitiesTruncated,
    },
];

/// What a simulator is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Legal entities; each has one to three sites.
    pub entities: u64,
}

/// A simulator that runs.
pub struct Simulator {
    server: Server,
    desk: Arc<Desk>,
}

struct Desk {
    entities: u64,
    day: AtomicU64,
    faults: FaultPlan<Fault>,
    clock: Arc<dyn Clock>,
}

/// Why a simulator could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be bound.
    #[error("finess simulator cannot listen")]
    Listen(#[source] io::Error),
    /// The fault plan cannot be read.
    #[error("finess simulator cannot read its fault plan")]
    Plan(PlanError),
}

impl Simulator {
    /// Starts.
    pub fn start(
        settings: Settings,
        tls: Option<ServerTls>,
        clock: Arc<dyn Clock>,
        faults: &[&str],
    ) -> Result<Self, StartError> {
        let faults = FaultPlan::parse(FAULTS, faults.iter().copied(), 1).map_err(StartError::Plan)?;
        let desk = Arc::new(Desk { entities: settings.entities, day: AtomicU64::new(0), faults, clock });
        let handler: Handler = {
            let desk = desk.clone();
            Arc::new(move |arrived| desk.answer(&arrived))
        };
        let server = Server::start(settings.listen, tls, handler).map_err(StartError::Listen)?;
        Ok(Self { server, desk })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Address of the dataset.
    pub fn dataset_url(&self) -> String {
        format!("{}{DATASET}", self.server.origin())
    }

    /// Address of the dataset of the activities.
    pub fn activities_url(&self) -> String {
        format!("{}{ACTIVITIES}", self.server.origin())
    }

    /// The next morning.
    pub fn next_day(&self) {
        self.desk.day.fetch_add(1, Ordering::SeqCst);
    }

    /// Replaces the fault plan.
    pub fn play(&self, rules: &[&str]) -> Result<(), PlanError> {
        self.desk.faults.replace(rules.iter().copied())
    }

    /// Stops it.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

impl Desk {
    fn answer(&self, arrived: &Arrived) -> Reply {
        let fault = self.faults.draw();
        if fault == Some(Fault::Unavailable) {
            return Reply::status(503);
        }
        let route = arrived.route();
        let about_activities = route == ACTIVITIES || route.starts_with("/static/finess-activites-");
        let Ok((title, bytes)) = self.file(about_activities, fault) else { return Reply::status(500) };
        if route == DATASET || route == ACTIVITIES {
            let prefix = if fault == Some(Fault::NoDaily) { "autre-" } else { "" };
            let sha1 = if fault == Some(Fault::Sha1) { "0".repeat(40) } else { hex_sha1(&bytes) };
            let resource = json!({
                "id": "cd493959-fb03-41e5-9347-0edd14dfbc22", "title": format!("{prefix}{title}"),
                "url": format!("/static/{title}"), "filesize": bytes.len(),
                "checksum": { "type": "sha1", "value": sha1 },
            });
            return Reply::new(200, "application/json", json!({ "resources": [resource] }).to_string());
        }
        if route == format!("/static/{title}") {
            return Reply::new(200, "application/gzip", bytes).header("etag", format!("\"{title}\""));
        }
        Reply::status(404)
    }

    /// The file of the day: that of the structures, or that of their activities.
    fn file(&self, activities: bool, fault: Option<Fault>) -> io::Result<(String, Vec<u8>)> {
        let day = self.day.load(Ordering::SeqCst);
        let hours = i64::try_from(day).unwrap_or(0) * 24 - 24;
        let at = (self.clock.now() + jiff::SignedDuration::from_hours(hours)).to_zoned_datetime(paris());
        let what = if activities { "activites" } else { "structures" };
        let title =
            format!("finess-{what}-journalier-{:04}{:02}{:02}.json.gz", at.year(), at.month(), at.day());
        let kept = |index: &u64| fault != Some(Fault::Shrunk) || index % 10 < 4;
        // One entity more each morning.
        let entities: Vec<Value> = (0..self.entities + day)
            .filter(kept)
            .map(|index| match activities {
                true => activities::entity(index),
                false => entity(index, fault),
            })
            .collect();
        let root = json!({
            "schemaVersion": if fault == Some(Fault::SchemaV2) { "v2.0.0" } else { "v1.0.0" },
            // The same bytes all day long.
            "generatedAt": format!("{}T02:07:14Z", at.date()), "gcc": [], "gco": [], "pmej": entities,
        });
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(root.to_string().as_bytes())?;
        let mut bytes = gzip.finish()?;
        let cut = fault == Some(Fault::Truncated) || activities && fault == Some(Fault::ActivitiesTruncated);
        if cut {
            bytes.truncate(bytes.len() / 2);
        }
        Ok((title, bytes))
    }
}

fn hex_sha1(bytes: &[u8]) -> String {
    jonction_model::hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref())
}

/// A legal entity. Its sites are numbered as the places of the other simulators: `99` and seven digits.
fn entity(index: u64, fault: Option<Fault>) -> Value {
    let old = fault == Some(Fault::OldSpelling);
    let legal = format!("99{:07}", 9_000_000 + index);
    let sites: Vec<Value> = (0..3).map(|n| site(index * 3 + n, old)).collect();
    let general = json!({
        "pmSmsseId": index.to_string(), "numFinessPm": legal, "denominationPm": format!("ENTITÉ FICTIVE {index}"),
        "denominationLonguePmSmsse": format!("ENTITÉ JURIDIQUE FICTIVE {index}"),
        "siren": format!("{:09}", 990_000_000 + index), "dateCreation": "1979-02-13",
    });
    let key = if old { "informationsGeneralesPmej" } else { "informationsGeneralesPMEJ" };
    json!({ key: general, "adresse": [], "contact": [], "ege": sites, "etatObjet": "A" })
}

/// Of the sites, in turn.
const CATEGORIES: [&str; 6] = ["101", "355", "500", "620", "183", "209"];

fn site(index: u64, old: bool) -> Value {
    let commune = format!("99{:03}", index % 900);
    #[expect(clippy::cast_precision_loss, reason = "a small index")]
    let (latitude, longitude) = (44.0 + (index % 900) as f64 / 200.0, 1.0 + (index % 900 % 77) as f64 / 20.0);
    let wgs = [format!("{latitude:.6}"), format!("{longitude:.6}")];
    // Half the file in each layout, as it was seen.
    let place = if index.is_multiple_of(2) {
        json!({ "coordonneeX": "6570414.61", "coordonneeY": "873766.07", "directionLatitude": wgs[0],
                "directionLongitude": wgs[1], "cleInInteropBAN": "99001_0001_00001" })
    } else {
        json!({ "coordonneeX": wgs[1], "coordonneeY": wgs[0], "directionLatitude": "6570414.61",
                "directionLongitude": "873766.07", "cleInInteropBAN": "99001_0001_00001" })
    };
    let closed = index.is_multiple_of(5);
    let mut general = json!({
        "egeId": index.to_string(), "numFinessEge": format!("99{index:07}"),
        "nomEgeCourt": format!("ÉTABLISSEMENT FICTIF {index}"), "nomEgeLong": format!("ÉTABLISSEMENT FICTIF {index}"),
        "siret": format!("99{:012}", index), "dateOuverture": "1979-02-13 00:00:00",
    });
    if closed {
        general["dateFermeture"] = json!("2024-06-30T00:00:00");
    }
    let category = CATEGORIES[usize::try_from(index % 6).unwrap_or(0)];
    let coded = |code: &str| if old { json!({ "code": code, "system": "TRE-R66" }) } else { json!(code) };
    json!({
        "informationsGeneralesEGE": general, "categorieentiteGeographiqueExercice": coded(category),
        "adresse": [
            { "usageAdresse": "06", "cogCommune": "99999", "codePostal": "99999" },
            { "usageAdresse": "03", "numeroVoie": "3", "typeVoie": "R   ", "libelleVoie": "DES JEUX D'ESSAI   ",
              "cogCommune": commune, "codePostal": commune, "ligneAcheminement": format!("VILLEFICTIVE {:03}", index % 900),
              "coordonneesGeographique": place },
        ],
        "contact": [{ "typeContact": { "roleContact": "01" }, "telecom": { "telephone": "0199000000/0199000001" } }],
        "etatObjet": if closed { "I" } else { "A" },
    })
}
