//! Settings of the flat extractions and of the FHIR API.
//! In: a block of `directories:`. Out: checked values, or every mistake with its place. Source: annuaires.md §1.1, §2.1.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use jonction_model::directory::Source;
use jonction_settings::{Diagnoses, Fields, Secret, parse};
use jonction_web::{Url, pace::Patience};

use crate::flat::Encoding;

/// Where the national service publishes.
const SERVICE: &str = "https://service.annuaire.sante.fr/annuaire-sante-webservices/V300/services/extraction";

/// Settings of one flat source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlatSettings {
    /// `rpps` or `mssante`.
    pub source: Source,
    /// Where files come from.
    pub origin: Origin,
    /// How bytes become text.
    pub encoding: Encoding,
    /// Authorities of the service; `None`: those of the gateway.
    pub trust: Option<String>,
}

/// Where files come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The service.
    Url(Url),
    /// Files somebody else puts there.
    Files(Vec<PathBuf>),
}

impl FlatSettings {
    /// Reads a block: `url` or `files`, `encoding`, `trust`.
    pub fn read(
        source: Source,
        base: &Path,
        fields: &mut Fields<'_>,
        diagnoses: &mut Diagnoses,
    ) -> Option<Self> {
        let encoding = fields.choice(
            "encoding",
            Encoding::Utf8,
            &[("utf8", Encoding::Utf8), ("latin1", Encoding::Latin1)],
            diagnoses,
        );
        let trust = fields.optional("trust", parse::text, diagnoses);
        let files: Vec<PathBuf> = fields
            .list("files")
            .iter()
            .filter_map(|node| jonction_settings::fields::scalar(node, "files", parse::text, diagnoses))
            .map(|file| base.join(file))
            .collect();
        let url = fields.optional("url", Url::parse, diagnoses);
        let origin = match (files.is_empty(), url) {
            (false, None) => Origin::Files(files),
            (true, Some(url)) => Origin::Url(url),
            (true, None) => Origin::Url(published(source)?),
            (false, Some(_)) => {
                diagnoses
                    .error("directory.two-origins", fields.span(), "url et files ne vont pas ensemble")
                    .remedy("garder l'un des deux");
                return None;
            }
        };
        Some(Self { source, origin, encoding, trust })
    }
}

fn published(source: Source) -> Option<Url> {
    let name = if source == Source::Mssante { "Extraction_Correspondance_MSSante" } else { "PS_LibreAcces" };
    Url::parse(&format!("{SERVICE}/{name}")).ok()
}

/// The FHIR API, version 2.
const API: &str = "https://gateway.api.esante.gouv.fr/fhir/v2";

/// Settings of the FHIR API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiSettings {
    /// Its base.
    pub url: Url,
    /// Where the key is.
    pub key: Secret,
    /// Authorities of the service; `None`: those of the gateway.
    pub trust: Option<String>,
    /// Resources asked for at once. The real bound is not published: halved when the server takes too long.
    pub page: u32,
    /// Requests a second: 17 by application since June 2026.
    pub per_second: u32,
    /// How often everything is pulled again, changes apart.
    pub whole_every: Duration,
}

impl ApiSettings {
    /// Reads a block: `key`, `url`, `trust`, `page`, `per_second`, `whole_every`.
    pub fn read(fields: &mut Fields<'_>, diagnoses: &mut Diagnoses) -> Option<Self> {
        const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
        let small = |low, high| {
            move |text: &str| {
                let number = parse::number(low, high)(text)?;
                u32::try_from(number).map_err(|_| "un nombre plus petit".to_owned())
            }
        };
        let usual = Url::parse(API).ok()?;
        let url = fields.or("url", usual, Url::parse, diagnoses);
        let key = fields.required("key", Secret::parse, diagnoses);
        let trust = fields.optional("trust", parse::text, diagnoses);
        let page = fields.or("page", 500, small(1, 10_000), diagnoses);
        let per_second = fields.or("per_second", 17, small(1, 1000), diagnoses);
        let whole_every = fields.or("whole_every", WEEK, parse::duration, diagnoses);
        Some(Self { url, key: key?, trust, page, per_second, whole_every })
    }

    /// How this service is waited for.
    pub fn patience(&self) -> Patience {
        Patience { per_second: Some(self.per_second), ..Patience::default() }
    }
}
