//! Arguments of the directories.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{
    TEMPLATE,
    values::{kilometres, lines, source, subject},
};

#[derive(Debug, Args)]
pub(crate) struct DirectoryArgs {
    #[command(subcommand)]
    pub(crate) action: DirectoryAction,
    /// Dossier de la configuration (par défaut, celui où l'on est)
    #[arg(long, global = true, value_name = "DOSSIER")]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum DirectoryAction {
    /// Met à jour les sources nommées, ou toutes ; ce qui est en service le reste tant que le nouveau n'est pas bon
    #[command(help_template = TEMPLATE)]
    Pull(PullArgs),
    /// Ce que contient chaque source, son âge, et comment a fini sa dernière mise à jour
    #[command(help_template = TEMPLATE)]
    Status,
    /// Un professionnel (RPPS), une structure (FINESS, SIRET) ou une boîte (adresse)
    #[command(help_template = TEMPLATE)]
    Lookup {
        /// RPPS, FINESS, SIRET, identifiant national ou adresse MSSanté
        #[arg(value_name = "IDENTIFIANT")]
        id: String,
    },
    /// Cherche des professionnels, des structures (--structure, --category) ou des offres de soins (--offers, --activity, --finess)
    #[command(help_template = TEMPLATE)]
    Search(SearchArgs),
    /// Ce que la dernière mise à jour a changé ; qui n'a pas de boîte (sans-boite) ou de RPPS (sans-rpps) ; ce qui reste à décrire dans le ROR (remplissage-ror)
    #[command(help_template = TEMPLATE)]
    Report(GapsArgs),
    /// Écrit l'annuaire régional des correspondants MSSanté : CSV, FHIR, page à imprimer, différences
    #[command(help_template = TEMPLATE)]
    Export(DirectoryExportArgs),
    /// Remet en service l'annuaire d'avant la dernière mise à jour
    #[command(help_template = TEMPLATE)]
    Rollback {
        /// Source
        #[arg(value_name = "SOURCE", value_parser = source)]
        source: jonction_model::directory::Source,
    },
}

#[derive(Debug, Args)]
pub(crate) struct GapsArgs {
    /// Source (rpps, annuaire-fhir, mssante, finess, ror ; toutes par défaut), ou sans-boite, sans-rpps, remplissage-ror
    #[arg(value_name = "SUJET", value_parser = subject)]
    pub(crate) subject: Option<Subject>,
    /// Avec sans-boite, sans-rpps ou remplissage-ror : ce département seulement ; peut être répété
    #[arg(long, value_name = "CODE")]
    pub(crate) department: Vec<String>,
    /// Avec sans-boite, sans-rpps ou remplissage-ror : écrit le détail dans ce fichier (CSV), et ne montre que les totaux
    #[arg(long, value_name = "FICHIER")]
    pub(crate) csv: Option<PathBuf>,
}

/// What a report is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject {
    /// What the last pull of a source changed.
    Source(jonction_model::directory::Source),
    /// Who lacks something.
    Missing(jonction_directory::gaps::Missing),
    /// How far the ROR is filled.
    Filling,
}

#[derive(Debug, Args)]
pub(crate) struct DirectoryExportArgs {
    /// Dossier où écrire l'édition
    #[arg(value_name = "SORTIE")]
    pub(crate) out: PathBuf,
    /// Code INSEE de la région : 32 Hauts-de-France…
    #[arg(long, value_name = "CODE", required_unless_present = "department")]
    pub(crate) region: Option<String>,
    /// Département, au lieu d'une région ; peut être répété
    #[arg(long, value_name = "CODE", conflicts_with = "region")]
    pub(crate) department: Vec<String>,
    /// Dossier de l'édition précédente, pour dire ce qui a changé
    #[arg(long, value_name = "DOSSIER")]
    pub(crate) previous: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// Sources : rpps, mssante… ; toutes celles de la configuration par défaut
    #[arg(value_name = "SOURCE", value_parser = source)]
    pub(crate) sources: Vec<jonction_model::directory::Source>,
    /// Reprend tout, même si la source dit que rien n'a changé
    #[arg(long)]
    pub(crate) whole: bool,
    /// Met en service même ce qui paraît suspect (forte baisse, tout change), après avoir lu le rapport
    #[arg(long)]
    pub(crate) accept: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Nom d'exercice, avec ou sans accents ; ce qui s'entend pareil est trouvé aussi
    #[arg(long, value_name = "NOM")]
    pub(crate) name: Option<String>,
    /// Prénom, ou son début
    #[arg(long, value_name = "PRÉNOM")]
    pub(crate) given: Option<String>,
    /// Code de la profession : 10 médecin, 60 infirmier…
    #[arg(long, value_name = "CODE")]
    pub(crate) profession: Option<String>,
    /// Code du savoir-faire : SM04…
    #[arg(long, value_name = "CODE")]
    pub(crate) skill: Option<String>,
    /// Cherche des structures dont le nom contient ces mots
    #[arg(long, value_name = "MOTS", conflicts_with_all = ["name", "given", "profession", "skill"])]
    pub(crate) structure: Option<String>,
    /// Catégorie de structure : 500 EHPAD, 620 pharmacie…
    #[arg(long, value_name = "CODE", conflicts_with_all = ["name", "given", "profession", "skill"])]
    pub(crate) category: Option<String>,
    /// Cherche des offres de soins (ROR)
    #[arg(long, conflicts_with_all = ["name", "given", "profession", "skill", "structure", "category"])]
    pub(crate) offers: bool,
    /// Offres de cette activité opérationnelle (code TRE_R211)
    #[arg(long, value_name = "CODE", conflicts_with_all = ["name", "given", "profession", "skill", "structure", "category"])]
    pub(crate) activity: Option<String>,
    /// Offres de cet établissement, ou de cette entité juridique
    #[arg(long, value_name = "FINESS", conflicts_with_all = ["name", "given", "profession", "skill", "structure", "category"])]
    pub(crate) finess: Option<String>,
    /// Offres pour une personne de cet âge
    #[arg(long, value_name = "ANS", conflicts_with_all = ["name", "given", "profession", "skill", "structure", "category"])]
    pub(crate) age: Option<u32>,
    /// Montre aussi les offres sensibles, que seul peut voir qui y a droit
    #[arg(long, conflicts_with_all = ["name", "given", "profession", "skill", "structure", "category"])]
    pub(crate) sensitive: bool,
    /// Commune (code COG, 5 caractères)
    #[arg(long, value_name = "COG")]
    pub(crate) commune: Option<String>,
    /// À moins de tant de kilomètres du milieu de cette commune
    #[arg(long, value_name = "KM", requires = "commune", value_parser = kilometres)]
    pub(crate) km: Option<f64>,
    /// Au plus tant de réponses (par défaut 20)
    #[arg(long, value_name = "NOMBRE", default_value_t = 20, hide_default_value = true, value_parser = lines)]
    pub(crate) limit: u32,
}
