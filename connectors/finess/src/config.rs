//! Settings of FINESS.
//! In: the block `finess` of `directories:`. Out: checked values. Source: annuaires.md §4.2.

use std::path::{Path, PathBuf};

use jonction_settings::{Diagnoses, Fields, parse};
use jonction_web::Url;

/// The dataset of FINESS+.
const DATASET: &str = "https://www.data.gouv.fr/api/1/datasets/finess-structures-1/";

/// The dataset of their activities.
const ACTIVITIES: &str = "https://www.data.gouv.fr/api/1/datasets/finess-activites-1/";

/// Settings of FINESS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinessSettings {
    /// Where files come from.
    pub origin: Origin,
    /// Where the files of the activities come from; `None`: they are not read.
    pub activities: Option<Origin>,
    /// Authorities of the service.
    pub trust: Option<String>,
}

/// Where files come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The dataset, which names the file of the day.
    Dataset(Url),
    /// A file somebody else puts there: JSON, gzip, or an archive in CSV.
    File(PathBuf),
}

impl FinessSettings {
    /// Reads a block: `dataset` or `file`, `activities` or `activities_file`, `trust`.
    pub fn read(base: &Path, fields: &mut Fields<'_>, diagnoses: &mut Diagnoses) -> Option<Self> {
        let trust = fields.optional("trust", parse::text, diagnoses);
        let file = fields.optional("file", parse::text, diagnoses);
        let dataset = fields.optional("dataset", Url::parse, diagnoses);
        let activities_file = fields.optional("activities_file", parse::text, diagnoses);
        let activities = fields.optional("activities", Url::parse, diagnoses);
        let national = file.is_none() && dataset.is_none();
        let origin = match (file, dataset) {
            (Some(file), _) => Origin::File(base.join(file)),
            (None, Some(dataset)) => Origin::Dataset(dataset),
            (None, None) => Origin::Dataset(Url::parse(DATASET).ok()?),
        };
        let activities = match (activities_file, activities) {
            (Some(file), _) => Some(Origin::File(base.join(file))),
            (None, Some(dataset)) => Some(Origin::Dataset(dataset)),
            // Of the national service, both datasets go together.
            (None, None) if national => Some(Origin::Dataset(Url::parse(ACTIVITIES).ok()?)),
            (None, None) => None,
        };
        Some(Self { origin, activities, trust })
    }
}
