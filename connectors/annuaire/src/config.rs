//! Settings of the flat extractions.
//! In: a block of `directories:`. Out: checked values, or every mistake with its place. Source: annuaires.md §1.1.

use std::path::{Path, PathBuf};

use jonction_model::directory::Source;
use jonction_settings::{Diagnoses, Fields, parse};
use jonction_web::Url;

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
