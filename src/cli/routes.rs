//! Arguments of what concerns route files: check, try, compare, pack, put in service.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::TEMPLATE;

#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    /// Dossier de la configuration
    #[arg(value_name = "DOSSIER")]
    pub(crate) dir: PathBuf,
    /// Seulement cette route, et celles à qui elle transmet
    #[arg(long, value_name = "ROUTE")]
    pub(crate) route: Option<String>,
    /// Dessine dans ce fichier SVG
    #[arg(long, value_name = "FICHIER")]
    pub(crate) svg: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct VersionsArgs {
    #[command(subcommand)]
    pub(crate) action: Option<VersionsAction>,
}

#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum VersionsAction {
    /// Liste les versions, de la plus ancienne à celle qui sert
    #[command(help_template = TEMPLATE)]
    List,
    /// Montre les textes d'une version
    #[command(help_template = TEMPLATE)]
    Show {
        /// Début du nom de la version ; -1 : celle d'avant
        #[arg(value_name = "VERSION", allow_hyphen_values = true)]
        version: String,
    },
    /// Compare deux versions, ligne à ligne
    #[command(help_template = TEMPLATE)]
    Diff {
        /// De cette version
        #[arg(
            value_name = "VERSION",
            allow_hyphen_values = true,
            default_value = "-1",
            hide_default_value = true
        )]
        from: String,
        /// À celle-ci (par défaut celle qui sert)
        #[arg(
            value_name = "VERSION",
            allow_hyphen_values = true,
            default_value = "-0",
            hide_default_value = true
        )]
        to: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Dossier de la configuration qui sert
    #[arg(value_name = "DOSSIER")]
    pub(crate) dir: PathBuf,
    /// Dossier de la configuration à essayer
    #[arg(long, value_name = "DOSSIER")]
    pub(crate) with: PathBuf,
    /// Reçus depuis : 2026-01-31 ou 2026-01-31T08:00
    #[arg(long, value_name = "DATE")]
    pub(crate) from: Option<String>,
    /// Reçus avant
    #[arg(long, value_name = "DATE")]
    pub(crate) to: Option<String>,
    /// Dans l'ombre : suit la passerelle qui tourne, chaque message à mesure qu'il arrive, jusqu'à Ctrl-C
    #[arg(long, conflicts_with_all = ["from", "to"])]
    pub(crate) follow: bool,
    /// Avec --follow : s'arrête après ce temps, par exemple 2h
    #[arg(long = "for", value_name = "DURÉE", requires = "follow", value_parser = jonction_settings::parse::duration)]
    pub(crate) during: Option<std::time::Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// Début du nom de la version (jonction versions) ; -1 : celle d'avant
    #[arg(value_name = "VERSION", allow_hyphen_values = true)]
    pub(crate) version: String,
    /// Dossier de la configuration
    #[arg(value_name = "DOSSIER")]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct SchemaArgs {
    /// Fichier : jonction, partners, route ou simulators
    #[arg(value_name = "FICHIER", value_parser = crate::commands::schema::kind)]
    pub(crate) kind: Option<String>,
    /// Écrit tous les schémas dans ce dossier
    #[arg(long, value_name = "DOSSIER")]
    pub(crate) into: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DirArgs {
    /// Dossier de la configuration (jonction.yaml, routes/)
    #[arg(value_name = "DOSSIER")]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Dossier de la configuration (jonction.yaml, routes/, mappings/)
    #[arg(value_name = "DOSSIER")]
    pub(crate) dir: PathBuf,
    /// Dit les lignes de traduction et les conditions de routes qu'aucun cas n'exerce
    #[arg(long)]
    pub(crate) coverage: bool,
    /// Change les routes et les traductions un endroit à la fois, et dit ce qu'aucun cas ne remarque
    #[arg(long)]
    pub(crate) mutate: bool,
    /// Écrit aussi le résultat en XML JUnit
    #[arg(long, value_name = "FICHIER")]
    pub(crate) junit: Option<PathBuf>,
    /// Fait un cas d'un ancien message, sans rien qui désigne une personne
    #[arg(long, value_name = "MESSAGE", conflicts_with_all = ["coverage", "mutate", "junit"])]
    pub(crate) record: Option<u64>,
    /// Nom du cas fait par --record
    #[arg(long = "as", value_name = "NOM", requires = "record")]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PackageArgs {
    #[command(subcommand)]
    pub(crate) action: PackageAction,
}

#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum PackageAction {
    /// Fait une clé de signature : FICHIER signe, FICHIER.pub vérifie
    #[command(help_template = TEMPLATE)]
    Key {
        /// Fichier de la clé, qui ne doit pas exister
        #[arg(value_name = "FICHIER")]
        file: PathBuf,
    },
    /// Fait un paquet d'un dossier dont le contrôle et les cas passent
    #[command(help_template = TEMPLATE)]
    Build {
        /// Dossier de la configuration
        #[arg(value_name = "DOSSIER")]
        dir: PathBuf,
        /// Nom du paquet
        #[arg(long, value_name = "NOM", value_parser = crate::packages::manifest::word)]
        name: String,
        /// Sa version
        #[arg(long, value_name = "VERSION", value_parser = crate::packages::manifest::word)]
        version: String,
        /// Ce qu'il fait, en une ligne
        #[arg(long, value_name = "TEXTE")]
        about: Option<String>,
        /// Clé qui le signe (jonction package key)
        #[arg(long, value_name = "CLÉ")]
        key: Option<PathBuf>,
        /// Fichier à écrire ; par défaut NOM-VERSION.paquet.zip
        #[arg(long, value_name = "FICHIER")]
        into: Option<PathBuf>,
    },
    /// Juge un paquet sans l'installer : ce qu'il contient, ce qu'il demande, par qui il est signé
    #[command(help_template = TEMPLATE)]
    Verify {
        /// Le paquet
        #[arg(value_name = "PAQUET")]
        file: PathBuf,
        /// Clé publique de qui doit l'avoir signé
        #[arg(long, value_name = "CLÉ.pub")]
        key: Option<PathBuf>,
    },
    /// L'installe, ou le met à jour, dans un dossier : contrôlé et essayé d'abord dans une copie
    #[command(help_template = TEMPLATE)]
    Install {
        /// Le paquet
        #[arg(value_name = "PAQUET")]
        file: PathBuf,
        /// Dossier de la configuration
        #[arg(value_name = "DOSSIER")]
        dir: PathBuf,
        /// Clé publique de qui doit l'avoir signé
        #[arg(long, value_name = "CLÉ.pub")]
        key: Option<PathBuf>,
    },
    /// Liste ce qui est installé dans un dossier, et ce qui y a été changé depuis
    #[command(help_template = TEMPLATE)]
    List {
        /// Dossier de la configuration
        #[arg(value_name = "DOSSIER")]
        dir: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Message HL7 v2, ou fichier CSV
    #[arg(value_name = "MESSAGE")]
    pub(crate) message: PathBuf,
    /// Traduction : un nom du catalogue ou du dossier, ou un fichier .yaml
    #[arg(long, value_name = "TRADUCTION")]
    pub(crate) with: String,
    /// Dossier de la configuration, dont mappings/
    #[arg(long, value_name = "DOSSIER")]
    pub(crate) dir: Option<PathBuf>,
}
